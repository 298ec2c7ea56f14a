"""Which lead a DICOM channel is: only what was measured at its place is one of the twelve."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts

from adapters.dicom.codes import PLACEMENTS, VAGUE_LEADS
from adapters.leads import LEAD_BY_NUMBER, OTHER_LEAD_BY_NUMBER
from adapters.readers import read
from ecg.canonical import canonicalise
from ecg.errors import MalformedPayload, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.quality import assess
from ecg.recording import STANDARD, Recording
from models.card import Limits
from models.limits import first_broken_limit
from tests.golden.dicom_files import channel, code, multiplex_group, to_bytes, twelve_lead_dataset, waveform_dataset

RAW = np.random.default_rng(5).integers(-1000, 1000, (1500, 12)).astype(np.int16)
NOTHING = Declared()
MDC, SCPECG = "MDC", "SCPECG"
LEAD_SYSTEM = ("10:11345", MDC, "Lead System")


def read_one(ds: Dataset, declared: Declared = NOTHING) -> Recording:
    (recording,) = read(Payload(to_bytes(ds), declared=declared))
    return recording


def beside_one(value: str, scheme: str, *texts: str) -> Dataset:
    """Return an object of lead I and a channel with that code, and these texts as meaning and label."""
    ds = waveform_dataset([multiplex_group(RAW[:, :2], leads=["I", "?"])])
    item = ds.WaveformSequence[0].ChannelDefinitionSequence[1]
    item.ChannelSourceSequence = [code(value, scheme, texts[0] if texts else "?")]
    item.ChannelLabel = texts[-1] if texts else ""
    return ds


def placed(*codes: tuple[str, str]) -> Dataset:
    ds = twelve_lead_dataset(RAW)
    ds.AcquisitionContextSequence = [Dataset() for _ in codes]
    for item, (value, scheme) in zip(ds.AcquisitionContextSequence, codes, strict=True):
        item.ValueType, item.ConceptNameCodeSequence = "CODE", [code(*LEAD_SYSTEM)]
        item.ConceptCodeSequence = [code(value, scheme, "as the code says")]
    return ds


def standards_name(meaning: str) -> str:
    """Return the short name for what PS3.16 calls a lead."""
    short = meaning.replace("Derived Lead ", "d").replace("Lead ", "").replace("EASI ", "").replace("\u2212", "-")
    return short.partition(",")[0]


def test_the_numbers_of_the_leads_are_those_of_the_standard() -> None:
    meanings = {
        int(value[2:]): meaning
        for held in concepts["MDC"].values()
        for value, (meaning, groups) in held.items()
        if 3001 in groups
    }
    known = {**LEAD_BY_NUMBER, **OTHER_LEAD_BY_NUMBER}
    assert len(known) > 40
    assert {number: standards_name(meanings[number]) for number in known} == known
    assert meanings.keys() >= VAGUE_LEADS


def test_the_placements_are_those_of_the_standard() -> None:
    meanings = {
        int(value[3:]): meaning
        for held in concepts["MDC"].values()
        for value, (meaning, groups) in held.items()
        if 3263 in groups
    }
    assert PLACEMENTS.keys() <= meanings.keys()
    for number, meaning in meanings.items():
        name = PLACEMENTS.get(number)
        named = "Standard 12-lead" in meaning and "higher" not in meaning
        assert (name == STANDARD) is named, meaning
        assert ("Mason-Likar" in meaning) is (name == "Mason-Likar")
        assert ("EASI" in meaning) is (name == "EASI")


@pytest.mark.parametrize(
    ("value", "scheme", "lead"),
    [("2:4", MDC, "V2"), ("131076", MDC, "V2"), ("5.6.3-9-4", SCPECG, "V2"), ("2:0", MDC, "V2"), ("x", "99X", "V2")],
)
def test_a_code_or_the_text_beside_it_names_one_of_the_twelve(value: str, scheme: str, lead: str) -> None:
    assert read_one(beside_one(value, scheme, "Lead V2", "V2\0")).waveform.leads == ("I", lead)


@pytest.mark.parametrize(
    ("value", "scheme", "lead"),
    [
        ("2:11", MDC, "V3R"),
        ("2:9", MDC, "V7"),
        ("2:67", MDC, "V9"),
        ("5.6.3-9-12", SCPECG, "V4R"),
        ("2:33", MDC, "dV1"),
        ("131105", MDC, "dV1"),
        ("5.6.3-9-112", SCPECG, "daVR"),
        ("2:131", MDC, "ES"),
        ("2:92", MDC, "MDC 2:92"),
    ],
)
def test_a_code_of_another_lead_is_that_lead_whatever_the_text_says(value: str, scheme: str, lead: str) -> None:
    ds = beside_one(value, scheme, "V1", "V1")
    recording = read_one(ds)
    assert recording.waveform.leads == ("I", lead)
    assert not canonicalise(recording.waveform)[0].mask[6:].any()
    with pytest.raises(MalformedPayload, match="another lead"):
        read_one(ds, Declared(leads=("I", "V1")))


@pytest.mark.parametrize("label", ["V3R", "Lead V7", "dV2", "X"])
def test_a_label_of_another_lead_cannot_be_declared_one_of_the_twelve(label: str) -> None:
    ds = waveform_dataset([multiplex_group(RAW[:, :2], leads=["I", label])])
    with pytest.raises(MalformedPayload, match="another lead"):
        read_one(ds, Declared(leads=("I", "V3")))


@pytest.mark.parametrize("texts", [("Lead V3", "V3R"), ("V3R", "V3"), ("Lead V3", "V7"), ("Lead V3", "Lead X")])
@pytest.mark.parametrize("value", ["2:5", "2:0"])
def test_a_channel_of_the_twelve_with_the_label_of_another_place_is_refused(value: str, texts: tuple[str, str]) -> None:
    with pytest.raises(MalformedPayload, match="V3 and another lead"):
        read_one(beside_one(value, MDC, *texts))


def test_leads_that_were_all_calculated_are_no_recording_of_the_twelve() -> None:
    ds = waveform_dataset([multiplex_group(RAW[:, :1], leads=["?"])])
    ds.WaveformSequence[0].ChannelDefinitionSequence[0].ChannelSourceSequence = [code("2:33", MDC, "Derived Lead V1")]
    with pytest.raises(UnknownFormat, match="as measured"):
        read_one(ds)


def test_a_unit_may_have_the_micro_sign() -> None:
    ds = twelve_lead_dataset(RAW)
    for item in ds.WaveformSequence[0].ChannelDefinitionSequence:
        item.ChannelSensitivityUnitsSequence = [code("\u00b5V", "UCUM", "microvolt")]
    for declared in (None, "uV", "\u03bcV"):
        assert np.allclose(read_one(ds, Declared(unit=declared)).waveform.signal.T, RAW / 1000, atol=1e-6)


@pytest.mark.parametrize("swapped", [("2:1", "2:2"), ("2:2", "2:1")])
def test_leads_go_by_their_code_not_their_place(swapped: tuple[str, str]) -> None:
    ds = waveform_dataset([multiplex_group(RAW[:, :2], leads=["?", "?"])])
    for item, value in zip(ds.WaveformSequence[0].ChannelDefinitionSequence, swapped, strict=True):
        item.ChannelSourceSequence = [code(value, MDC, "?")]
        del item.ChannelLabel
    columns = [swapped.index(each) for each in ("2:1", "2:2")]
    assert np.allclose(read_one(ds).waveform.signal.T, RAW[:, columns] / 1000, atol=1e-6)


@pytest.mark.parametrize(
    ("value", "scheme", "placement"),
    [
        ("10:11265", MDC, STANDARD),
        ("5.4.5-33-1-1", SCPECG, STANDARD),
        ("10:11290", MDC, STANDARD),
        ("10:11266", MDC, "Mason-Likar"),
        ("5.4.5-33-1-3", SCPECG, "Mason-Likar"),
        ("10:11268", MDC, "electrode pad"),
        ("10:11272", MDC, "one intercostal space higher"),
        ("10:11264", MDC, None),
        ("x", "99X", None),
    ],
)
def test_the_placement_is_read_by_its_code(value: str, scheme: str, placement: str | None) -> None:
    recording = read_one(placed((value, scheme)))
    assert recording.placement == placement and recording.waveform.leads == LEADS
    said = [each for each in recording.provenance.notes if "electrodes" in each]
    assert said == (
        [] if placement in (None, STANDARD) else [f"The electrodes were not at the standard places: {placement}."]
    )


def test_no_word_on_the_placement_is_none() -> None:
    assert read_one(twelve_lead_dataset(RAW)).placement is None


def test_of_two_placements_the_one_that_is_not_standard_counts() -> None:
    assert read_one(placed(("10:11265", MDC), ("10:11267", MDC))).placement == "Mason-Likar"


@pytest.mark.parametrize("value", ["10:11284", "10:11283", "10:11269", "10:11270"])
def test_twelve_leads_calculated_from_others_are_not_the_twelve(value: str) -> None:
    recording = read_one(placed((value, MDC)))
    assert recording.placement not in (None, STANDARD)
    assert recording.waveform.leads == tuple(f"d{lead}" for lead in LEADS)
    assert not any(window.mask.any() for window in canonicalise(recording.waveform))


def test_chest_leads_calculated_from_a_few_fill_none_of_v1_to_v6() -> None:
    recording = read_one(placed(("10:11285", MDC)))
    assert recording.waveform.leads == (*LEADS[:6], *(f"d{lead}" for lead in LEADS[6:]))


def test_no_model_reads_a_recording_of_another_placement() -> None:
    for value, abstains in (("10:11266", True), ("10:11265", False)):
        recording = read_one(placed((value, MDC)))
        quality = assess(canonicalise(recording.waveform))
        found = first_broken_limit(Limits(least_known=0.2), recording, quality)
        assert (found is not None and found.code == "placement-mason-likar") is abstains


def test_a_label_alone_may_be_padded_with_nul() -> None:
    ds = waveform_dataset([multiplex_group(RAW[:, :2], leads=["I", "II"])])
    ds.WaveformSequence[0].ChannelDefinitionSequence = [channel("Lead I\0\0"), channel("\0aVF\0")]
    assert read_one(ds).waveform.leads == ("I", "aVF")
