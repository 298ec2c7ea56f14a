"""Every sentence stands on a value and names it; read back, its figures are those values; none reads as certainty."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.figures import issued
from ecg.findings import FINDINGS
from ecg.leads import LEADS
from ecg.measurement import MS, Measurement, Measurements
from ecg.reading import OperatingPoint, Reading, Score
from ecg.report import Report, Sentence
from service.archive import archived, told
from service.plain_words import for_patient
from service.sentences import SAID, percent, sentences, tabled
from service.style import Style
from service.wording import texts
from tests.golden import reports

ASSERTABLE = [code for code, finding in FINDINGS.items() if finding.asserted]
NUMBER = re.compile(r"(?<![\w.])[-\N{MINUS SIGN}]?\d+(?:\.\d+)?")
MARKS = texts().marks


def said(made: Report, style: Style = Style()) -> tuple[Sentence, ...]:
    return sentences(made.recording, made.reading, made.version, style)


def figures(text: str) -> list[float]:
    """Return the numbers in a text; a name such as V2 or ST-T is none, nor what stands in brackets as a code."""
    return [float(each.replace("\N{MINUS SIGN}", "-")) for each in NUMBER.findall(re.sub(r"\[[\w-]+\]", "", text))]


def values(reading: Reading) -> dict[str, set[float]]:
    """Return what a sentence may say of each value, by its id: independent of how sentences are made."""
    found = {f"score:{each.finding.code}": _shown(each) for each in reading.prediction.scores}
    for each in reading.measurements.measured:
        factor = 100 if each.unit == "1" else 1
        found[each.id] = {round(issued(each) * factor, 6)}
    return found


def _shown(score: Score) -> set[float]:
    exact = {score.probability, score.threshold}
    return {round(100 * each, 1) for each in exact} | {float(round(100 * each)) for each in exact}


def everything(**changed: object) -> Report:
    """Return a report with scores in all bands and all measurements."""
    made = reports.measured(reports.report(asserted=("MI", "LBBB"), **changed))  # type: ignore[arg-type]
    points = OperatingPoint(0.43, 0.8, 0.9), OperatingPoint(0.1, 0.95, 0.6)
    probability = {"STTC": 0.203, "HYP": 0.1}
    prediction = made.reading.prediction
    scores = tuple(
        Score(each.finding, probability.get(each.finding.code, each.probability), each.threshold, *points)
        for each in prediction.scores
    )
    return replace(made, reading=replace(made.reading, prediction=replace(prediction, scores=scores)))


@given(st.floats(0, 1))
def test_no_probability_is_written_as_none_or_all(probability: float) -> None:
    assert re.fullmatch(r"\d\d?\.\d %", percent(probability))
    assert 0 < float(percent(probability)[:-2]) < 100


@given(st.floats(0.001, 0.999))
def test_a_probability_is_rounded_to_a_tenth_of_a_percent(probability: float) -> None:
    assert float(percent(probability)[:-2]) == pytest.approx(100 * probability, abs=0.0501)


def test_read_back_every_figure_is_the_value_of_an_id_that_its_sentence_names() -> None:
    made = everything()
    known, checked = values(made.reading), 0
    for each in said(made):
        allowed = set().union(*(known.get(id_, set()) for id_ in each.about))
        for figure in figures(each.text):
            assert figure in allowed, each
            checked += 1
    assert checked >= 2 * 2 + 2 + len(SAID), "the test reads figures"


def test_read_back_every_value_that_a_sentence_names_stands_in_it() -> None:
    made = everything()
    known = values(made.reading)
    for each in said(made):
        if not each.text.startswith("None of"):
            for id_ in each.about:
                assert id_ not in known or known[id_] & set(figures(each.text)), each


def test_a_wrong_figure_would_be_found() -> None:
    made = everything()
    wrong = replace(made.reading, measurements=Measurements((Measurement("pr", 161.0, 0.9),)))
    pr = next(each for each in said(made) if each.about == ("measurement:pr",))
    assert figures(pr.text) == [158.0] and values(wrong)["measurement:pr"] == {161.0}


@pytest.mark.parametrize("code", SAID)
def test_with_a_measurement_removed_its_sentence_disappears_and_no_other(code: str) -> None:
    made = reports.measured(reports.report())
    kept = tuple(each for each in made.reading.measurements.values if each.code != code)
    without = replace(made, reading=replace(made.reading, measurements=Measurements(kept)))
    gone = set(said(made)) - set(said(without))
    assert [each.about for each in gone] == [(f"measurement:{code}",)]
    assert set(said(without)) < set(said(made))


@pytest.mark.parametrize("code", SAID)
def test_an_absent_measurement_has_its_reason_in_place_of_its_value(code: str) -> None:
    made = reports.measured(reports.report(), absent=(code,))
    about = [each for each in said(made) if f"measurement:{code}" in each.about]
    assert len(about) == 1 and not figures(about[0].text) and "[not-found]" in about[0].text
    assert texts()(f"measurement.{code}") in about[0].text and tabled(about[0], made.reading.measurements)


def with_st(sex: str | None, age: float | None, **millivolt: float) -> Report:
    """Return a report on which only the ST level was measured: 0 in all leads but those named."""
    values = [Measurement("st-j", millivolt.get(lead, 0.0), 0.9, lead=lead) for lead in LEADS]
    made = reports.report(patient=reports.Patient(id="1", sex=sex, age=age))
    return replace(made, reading=replace(made.reading, measurements=Measurements(tuple(values))))


def st_said(made: Report) -> list[Sentence]:
    return [each for each in said(made) if "ST " in each.text]


def test_st_elevation_is_said_with_the_value_of_each_lead() -> None:
    (one,) = st_said(with_st("M", 61.0, V2=0.251, V3=0.204, aVL=0.3))
    assert one.about == ("measurement:st-j:V2", "measurement:st-j:V3")
    assert "V2 0.251 mV, V3 0.204 mV" in one.text and not tabled(one, with_st("M", 61.0).reading.measurements)


@pytest.mark.parametrize(
    "made",
    [
        with_st("M", 39.0, V2=0.24, V3=0.24),
        with_st("M", 40.0, V2=0.24),
        with_st("F", 61.0, V2=0.3, V6=0.3),
        with_st("F", 61.0),
    ],
    ids=["below a younger man's limits", "one lead", "leads apart", "none"],
)
def test_below_the_limits_nothing_is_said_of_st(made: Report) -> None:
    assert st_said(made) == []


def test_with_one_of_two_leads_removed_the_elevation_is_not_said() -> None:
    made = with_st("M", 61.0, V2=0.251, V3=0.204)
    kept = tuple(each for each in made.reading.measurements.values if each.lead != "V2")
    assert st_said(replace(made, reading=replace(made.reading, measurements=Measurements(kept)))) == []


@pytest.mark.parametrize("sex, age", [(None, 61.0), ("M", None), ("O", 61.0), (None, None)])
def test_without_sex_and_age_no_elevation_is_said_but_why_not(sex: str | None, age: float | None) -> None:
    (one,) = st_said(with_st(sex, age, V2=0.5, V3=0.5, V4=0.5))
    assert one.about == ("sex", "age") and "elevation" not in one.text


def test_where_st_was_not_measured_nothing_but_that_is_said() -> None:
    made = reports.measured(reports.report(patient=reports.Patient(id="1")), absent=("st-j", "st-j60"))
    assert all(each.text.startswith("Not measured") for each in st_said(made) if "limits" not in each.text)
    assert not any("universal" in each.text for each in said(made))


@pytest.mark.parametrize("variation, word", [(0.099, "vary"), (0.1, "irregular")])
def test_beats_are_called_irregular_from_a_tenth_on(variation: float, word: str) -> None:
    made = reports.report()
    found = Measurements((Measurement("rr-variation", variation, 0.9),))
    (one,) = [e for e in said(replace(made, reading=replace(made.reading, measurements=found))) if "RR" in e.text]
    assert word in one.text and ("irregular" in one.text) == (word == "irregular")


def test_what_is_absent_in_some_leads_names_them_and_what_is_in_all_does_not() -> None:
    leads = ("I", "V2")
    some = Measurements(tuple(Measurement("st-j", absent="filtered", lead=lead) for lead in leads))
    made = reports.report()
    (one,) = [
        e for e in said(replace(made, reading=replace(made.reading, measurements=some))) if "Not measured" in e.text
    ]
    assert "ST at J I, V2" in one.text and one.about == ("measurement:st-j:I", "measurement:st-j:V2")
    (all_,) = [e for e in said(reports.measured(made, absent=("st-j",))) if "Not measured" in e.text]
    assert "V2" not in all_.text and len(all_.about) == 12


@pytest.mark.parametrize("code", ASSERTABLE)
def test_a_sentence_that_states_a_score_names_score_and_finding(code: str) -> None:
    first = said(reports.report(asserted=(code,)))[0]
    assert first.about == (f"score:{code}", f"finding:{code}")
    assert "81.0 %" in first.text and "43.0 %" in first.text and FINDINGS[code].name in first.text


def test_all_asserted_findings_are_said_and_no_other() -> None:
    about = [e.about[0] for e in said(reports.report(asserted=tuple(ASSERTABLE))) if "Pattern of" in e.text]
    assert sorted(about) == sorted(f"score:{code}" for code in ASSERTABLE)


def test_a_score_between_its_sensitive_point_and_its_threshold_is_said_as_amber() -> None:
    (amber,) = [each for each in said(everything()) if "amber" in each.text]
    assert amber.about == ("score:STTC", "score:HYP") and "20.3 %" in amber.text


def test_by_the_published_bands_another_score_is_amber() -> None:
    made = everything()
    assert not [each for each in said(made, Style(bands="published")) if "amber" in each.text]


def test_normality_is_never_stated_however_high_its_score() -> None:
    text = " ".join(each.text for each in said(reports.report(asserted=("NORM",))))
    assert "normal" not in text and "This excludes no disease." in text


def test_where_nothing_reached_its_threshold_the_scores_of_all_findings_are_named() -> None:
    assert said(reports.report())[0].about == tuple(f"score:{code}" for code in ASSERTABLE)


def test_an_abstention_is_said_with_its_code() -> None:
    made = reports.report(abstained=True)
    first = said(made)[0]
    assert first.text.startswith("No model read this recording") and "[too-few-leads]" in first.text
    assert first.about == ("abstention:too-few-leads",)
    assert "%" not in " ".join(each.text for each in said(made))


@pytest.mark.parametrize("abstained", [False, True])
def test_the_marks_come_last_and_are_always_there(abstained: bool) -> None:
    assert tuple(each.text for each in said(reports.report(abstained=abstained))[-3:]) == MARKS


def test_every_sentence_with_a_figure_names_its_source() -> None:
    made = reports.measured(reports.report(asserted=tuple(ASSERTABLE), waveform=reports.waveform(seconds=25.0)))
    for each in said(made):
        assert each.about or not figures(each.text), each
    assert any("medians over its windows" in each.text for each in said(made))


def test_an_unknown_age_is_said() -> None:
    made = reports.report(patient=reports.Patient(id="1"))
    assert any(each.about == ("age",) for each in said(made))


def test_what_comes_from_a_picture_is_experimental() -> None:
    made = reports.report(provenance=replace(reports.recording().provenance, digitised=True))
    assert said(made)[0].text.startswith("Digitised from an image - experimental") and said(made)[0].about == (
        "digitised",
    )
    assert not any("experimental" in each.text for each in said(reports.report()))


def test_a_patients_text_stands_on_the_same_values() -> None:
    made = everything()
    plain = for_patient(told(archived(made)))
    known = values(made.reading)
    for each in plain:
        allowed = set().union({100.0}, *(known.get(id_, set()) for id_ in each.about))
        assert set(figures(each.text)) <= allowed, each
    about = {id_ for each in plain for id_ in each.about}
    assert {"score:MI", "score:LBBB", "measurement:heart-rate"} <= about and "score:STTC" not in about


@pytest.mark.parametrize("made", [everything(), reports.report(), reports.report(abstained=True)])
def test_a_patients_text_is_a_draft_for_the_physician_and_says_when_to_call_for_help(made: Report) -> None:
    plain = for_patient(told(archived(made)))
    assert "draft" in plain[0].text and "signed" in plain[0].text
    assert "emergency" in plain[-2].text and "not an approved medical device" in plain[-1].text
    assert not {each.text for each in plain} & {each.text for each in said(made)}, "it is no part of the report"


def test_of_a_withdrawn_report_a_patient_is_told_nothing_but_that() -> None:
    plain = for_patient(told(archived(reports.withdrawn(everything()))))
    assert any("withdrawn" in each.text for each in plain)
    assert not any(id_.startswith(("score", "measurement")) for each in plain for id_ in each.about)


def test_milliseconds_are_whole_and_below_zero_has_a_minus() -> None:
    made = reports.measured(reports.report())
    by_id = {each.about[0]: each.text for each in said(made) if len(each.about) == 1}
    assert by_id["measurement:axis-qrs"] == "QRS axis \N{MINUS SIGN}32\N{DEGREE SIGN}."
    assert Measurement("qrs", 92.3, 0.9).unit == MS and by_id["measurement:qrs"] == "QRS duration 92 ms."
