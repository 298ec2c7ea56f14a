"""Every sentence stands on a value and names it; a probability never reads as certainty."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg.findings import FINDINGS
from service.sentences import LIMITS, MARKS, PRELIMINARY, RESEARCH, percent, sentences
from tests.golden import reports

ASSERTABLE = [code for code, finding in FINDINGS.items() if finding.asserted]


@given(st.floats(0, 1))
def test_no_probability_is_written_as_none_or_all(probability: float) -> None:
    assert re.fullmatch(r"\d\d?\.\d %", percent(probability))
    assert 0 < float(percent(probability)[:-2]) < 100


@given(st.floats(0.001, 0.999))
def test_a_probability_is_rounded_to_a_tenth_of_a_percent(probability: float) -> None:
    assert float(percent(probability)[:-2]) == pytest.approx(100 * probability, abs=0.0501)


@pytest.mark.parametrize("code", ASSERTABLE)
def test_a_sentence_that_states_a_score_names_score_and_finding(code: str) -> None:
    made = reports.report(asserted=(code,))
    first = sentences(made.recording, made.reading)[0]
    assert first.about == (f"score:{code}", f"finding:{code}")
    assert "81.0 %" in first.text and "43.0 %" in first.text and FINDINGS[code].name in first.text


def test_all_asserted_findings_are_said_and_no_other() -> None:
    made = reports.report(asserted=tuple(ASSERTABLE))
    about = [each.about[0] for each in sentences(made.recording, made.reading) if "Pattern of" in each.text]
    assert sorted(about) == sorted(f"score:{code}" for code in ASSERTABLE)


def test_normality_is_never_stated_however_high_its_score() -> None:
    made = reports.report(asserted=("NORM",))
    said = " ".join(each.text for each in sentences(made.recording, made.reading))
    assert "normal" not in said and "This excludes no disease." in said


def test_where_nothing_reached_its_threshold_the_scores_of_all_findings_are_named() -> None:
    made = reports.report()
    assert sentences(made.recording, made.reading)[0].about == tuple(f"score:{code}" for code in ASSERTABLE)


def test_an_abstention_is_said_with_its_code() -> None:
    made = reports.report(abstained=True)
    first = sentences(made.recording, made.reading)[0]
    assert first.text.startswith("No model read this recording") and "[too-few-leads]" in first.text
    assert first.about == ("abstention:too-few-leads",)
    assert "%" not in " ".join(each.text for each in sentences(made.recording, made.reading))


@pytest.mark.parametrize("abstained", [False, True])
def test_the_marks_come_last_and_are_always_there(abstained: bool) -> None:
    made = reports.report(abstained=abstained)
    assert tuple(each.text for each in sentences(made.recording, made.reading)[-3:]) == MARKS
    assert MARKS == (PRELIMINARY, RESEARCH, LIMITS)


def test_every_sentence_with_a_figure_names_its_source() -> None:
    made = reports.report(asserted=tuple(ASSERTABLE), waveform=reports.waveform(seconds=25.0))
    for each in sentences(made.recording, made.reading):
        assert each.about or not re.search(r"\d", each.text)
    assert any("medians over its windows" in each.text for each in sentences(made.recording, made.reading))


def test_an_unknown_age_is_said() -> None:
    made = reports.report(patient=reports.Patient(id="1"))
    assert any(each.about == ("age",) for each in sentences(made.recording, made.reading))
