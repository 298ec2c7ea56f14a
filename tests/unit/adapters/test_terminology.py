"""The code table holds what the standards hold: pydicom's copy of PS3.16, lead numbers, and one code for each thing."""

from collections import Counter

import pytest
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

from adapters.figures import issued
from adapters.terminology import (
    DCM,
    DIFFERING,
    GLOBAL,
    LEAD,
    LEAD_IDS,
    OWN,
    RR,
    SCT,
    Concept,
    fhir_finding_of,
    finding_of,
    mdc_number,
    sr_finding,
)
from ecg.findings import FINDINGS, MI, SNOMED_CT
from ecg.leads import LEADS
from ecg.measurement import GLOBAL_UNITS, LEAD_UNITS, Measurement


def group(cid: int) -> dict[tuple[str, str], str]:
    """Return the meanings of a context group (PS3.16 annex B) by scheme and code."""
    names = ((scheme, name) for scheme, all_ in cid_concepts[cid].items() for name in all_)
    return {
        (scheme, value.replace(" ", "")): meaning
        for scheme, name in names
        for value, (meaning, groups) in concepts[scheme][name].items()
        if cid in groups
    }


def members(*cids: int) -> dict[tuple[str, str], str]:
    return {key: meaning for cid in cids for key, meaning in group(cid).items()}


def test_everything_that_is_measured_has_terms() -> None:
    assert GLOBAL.keys() == GLOBAL_UNITS.keys() and LEAD.keys() == LEAD_UNITS.keys()
    assert LEAD_IDS.keys() == set(LEADS)


@pytest.mark.parametrize("code", [code for code, each in GLOBAL.items() if each.sr and code != "heart-rate"])
def test_a_global_measurement_has_the_code_of_its_context_group(code: str) -> None:
    named, held = GLOBAL[code], members(3227, 3228, 3229)
    assert named.sr is not None
    assert held[named.sr.scheme, named.sr.value] == named.sr.meaning
    if named.algorithm is not None:
        assert group(3678)[DCM, named.algorithm.value] == named.algorithm.meaning


@pytest.mark.parametrize("code", [code for code, each in LEAD.items() if each.sr])
def test_a_measurement_of_a_lead_has_the_code_of_its_context_group(code: str) -> None:
    concept = LEAD[code].sr
    assert concept is not None
    assert members(3687, 3688)[concept.scheme, concept.value] == concept.meaning


def test_leads_and_rr_have_the_codes_of_their_context_groups() -> None:
    assert {group(3001).get((each.scheme, each.value)) for each in LEAD_IDS.values()} == {
        each.meaning for each in LEAD_IDS.values()
    }
    assert group(3228)[RR.scheme, RR.value] == RR.meaning


def test_st_changes_differ_between_sr_and_fhir() -> None:
    assert {each.value for each in DIFFERING.values()} <= {value for _, value in group(3230)}
    assert {group(3233)[SCT, each.value] for each in DIFFERING.values()} == {"ST elevation", "ST depression"}
    assert not {(SCT, code) for code in DIFFERING} & group(3230).keys()


def test_no_code_stands_for_two_things() -> None:
    named = [each for table in (GLOBAL, LEAD) for each in table.values()]
    for codes in ([each.sr for each in named if each.sr], [each.loinc for each in named if each.loinc]):
        assert max(Counter(codes).values()) == 1


def test_loinc_codes_have_their_check_digit() -> None:
    for each in (each.loinc for each in GLOBAL.values() if each.loinc):
        number, check = each.value.split("-")
        doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(reversed(number))]
        assert sum(sum(divmod(each, 10)) for each in doubled) * 9 % 10 == int(check), each


def test_every_finding_is_found_by_its_codes() -> None:
    for finding in FINDINGS.values():
        assert finding_of(sr_finding(finding)) is finding
        if finding.snomed:
            assert fhir_finding_of(SNOMED_CT, finding.snomed.code) is finding
    assert sr_finding(MI) == Concept(SCT, "164865005", "ECG: myocardial infarction (finding)")
    assert sr_finding(FINDINGS["STTC"]).scheme == OWN
    assert finding_of(Concept(SCT, "22298006", "")) is None and fhir_finding_of(SNOMED_CT, "22298006") is None


def test_an_mdc_code_is_one_number_in_fhir() -> None:
    """IHE's device messages write MDC_ECG_AMPL_ST_I (base term 2:768) as 131841 and MDC_ECG_AMPL_ST_III as 131901."""
    base = Concept("MDC", "2:768", "ST amplitude, per lead")
    assert (mdc_number(base, "I"), mdc_number(base, "III"), mdc_number(base)) == (131841, 131901, 131840)


def test_a_value_is_issued_with_no_more_decimals_than_were_measured() -> None:
    assert repr(issued(Measurement("pr", 158.5))) == "158" and repr(issued(Measurement("axis-qrs", -0.4))) == "0"
    assert issued(Measurement("st-j", -0.05124, lead="V2")) == -0.051
    assert str(issued(Measurement("st-j", -0.0001, lead="V2"))) == "0.0", "no minus before nothing"
    with pytest.raises(ValueError, match="absent"):
        issued(Measurement("pr", absent="no-p"))
