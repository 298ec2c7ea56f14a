"""What cannot be measured is absent, with a code that says why; nothing is ever invented."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.ludb import LUDB, load
from ecg.canonical import canonicalise
from ecg.leads import LEADS
from ecg.measure.measures import measure
from ecg.measurement import ABSENCES, DEGREE, GLOBAL_UNITS, LEAD_UNITS, MILLIVOLT, RATIO, Measurements
from ecg.recording import Filters, PageEvidence, Provenance, Recording, Waveform
from tests.golden.hearts import FS, Heart, recording, signal


def measured(of: Recording) -> Measurements:
    return measure(canonicalise(of.waveform), of)


def reason(of: Measurements, code: str, lead: str | None = None) -> str | None:
    found = of.get(code, lead)
    assert found is not None
    return found.absent


def made_of(values: np.ndarray, leads: tuple[str, ...] = LEADS) -> Recording:
    return Recording(Waveform(values.astype(np.float32), leads, FS), Provenance("made up"))


def test_everything_is_looked_for_once() -> None:
    found = measured(recording(Heart()))
    assert len(found.values) == len(GLOBAL_UNITS) + len(LEADS) * len(LEAD_UNITS)
    assert all(each.absent is None or each.absent in ABSENCES for each in found.values)


def test_without_a_p_wave_there_is_no_pr_interval() -> None:
    found = measured(recording(Heart(p=False, noise=0.02)))
    assert {reason(found, code) for code in ("pr", "p-duration", "axis-p")} == {"p-not-found"}


def test_irregular_beats_without_p_waves_say_so() -> None:
    found = measured(recording(Heart(p=False, jitter=0.35, noise=0.02, rate=90)))
    assert reason(found, "pr") == "irregular-without-p"
    assert reason(found, "rr-variation") is None


def test_irregular_beats_with_p_waves_keep_their_pr_interval() -> None:
    assert reason(measured(recording(Heart(jitter=0.25, rate=70))), "pr") is None


def test_a_pacemakers_spikes_take_pr_and_st() -> None:
    heart = Heart(rate=60)
    values = signal(heart)
    for second in range(10):
        values[:, int((0.29 + second) * FS)] += np.linspace(1.0, 2.0, len(LEADS))
    found = measured(replace(made_of(values), filters=Filters(0.05)))
    assert reason(found, "pr") == reason(found, "st-j", "V2") == "paced"
    assert reason(found, "qrs") is None


def test_a_missing_lead_is_absent_and_the_others_are_not() -> None:
    values = signal(Heart(st=0.1))
    there = [row for row, lead in enumerate(LEADS) if lead != "V3"]
    found = measured(replace(made_of(values[there], tuple(LEADS[row] for row in there)), filters=Filters(0.05)))
    assert {reason(found, code, "V3") for code in LEAD_UNITS} == {"lead-missing"}
    assert reason(found, "st-j", "V2") is reason(found, "qrs") is None


def test_one_lead_alone_has_intervals_and_no_axis() -> None:
    found = measured(made_of(signal(Heart())[1:2], ("II",)))
    assert reason(found, "qt") is reason(found, "heart-rate") is None
    assert reason(found, "axis-qrs") == "lead-missing"


@pytest.mark.parametrize(
    "filters, why",
    [
        (Filters(), "high-pass-unknown"),
        (Filters(zero_phase=True), "high-pass-unknown"),
        (Filters(high_pass=0.05), None),
        (Filters(high_pass=0.06), "high-pass-too-high"),
        (Filters(high_pass=0.5), "high-pass-too-high"),
        (Filters(high_pass=0.67, zero_phase=True), None),
        (Filters(high_pass=0.7, zero_phase=True), "high-pass-too-high"),
    ],
)
def test_st_only_where_the_high_pass_allows_it(filters: Filters, why: str | None) -> None:
    found = measured(recording(Heart(), filters))
    assert {reason(found, code, lead) for code in ("st-j", "st-j60") for lead in LEADS} == {why}
    assert reason(found, "t-amplitude", "V2") is None


def test_a_page_whose_scale_was_assumed_gives_no_millivolt_and_no_millisecond() -> None:
    of = recording(Heart())
    found = measured(replace(of, provenance=replace(of.provenance, digitised=True, scale_assumed=True)))
    assert {each.unit for each in found.measured} == {DEGREE, RATIO}
    assert {each.absent for each in found.values if each.unit not in {DEGREE, RATIO}} == {"scale-assumed"}


def test_leads_of_a_page_whose_gain_was_assumed_give_no_millivolt() -> None:
    of, page = recording(Heart()), PageEvidence(b"", None, 1.0, 1.0, (), "3x4", "", gain_assumed=LEADS[6:])
    found = measured(replace(of, provenance=replace(of.provenance, digitised=True, page=page)))
    amplitudes = [each for each in found.values if each.code == "r-amplitude"]
    assert [each.lead for each in amplitudes if each.absent == "scale-assumed"] == list(LEADS[6:])
    assert {each.unit for each in found.values if each.absent == "scale-assumed"} == {MILLIVOLT}


@pytest.mark.parametrize("level", [0.0, 1.5])
def test_a_flat_line_has_no_beats(level: float) -> None:
    found = measured(made_of(np.full((12, 5000), level)))
    assert {each.absent for each in found.values} <= {"no-beats", "high-pass-unknown"}


def test_noise_alone_is_no_heart() -> None:
    found = measured(made_of(0.2 * np.random.default_rng(3).standard_normal((12, 5000))))
    assert not found.measured


def test_a_single_beat_is_too_few() -> None:
    found = measured(made_of(signal(Heart(rate=40, seconds=1.2))))
    assert not found.measured
    assert reason(found, "heart-rate") == "too-few-beats"


def test_leads_of_a_page_that_are_known_one_after_the_other_are_each_measured() -> None:
    values = signal(Heart(rate=75, st=0.1))
    for column in range(4):
        for row in range(3 * column, 3 * column + 3):
            if LEADS[row] != "II":
                values[row, : 1250 * column] = np.nan
                values[row, 1250 * (column + 1) :] = np.nan
    found = measured(replace(made_of(values), filters=Filters(0.05)))
    assert reason(found, "heart-rate") is reason(found, "qrs") is None
    for lead in ("V1", "V2", "V5"):
        held = found.get("st-j", lead)
        assert held is not None and held.value == pytest.approx(0.1, abs=0.025)


@pytest.mark.skipif(not LUDB.is_dir(), reason="LUDB is not in ../shared/samples/ludb")
@pytest.mark.parametrize("number", [35, 38, 44, 51, 52, 83, 88, 96])
def test_in_atrial_fibrillation_and_flutter_no_pr_interval_is_invented(number: int) -> None:
    found = measured(made_of(load(number).signal))
    assert reason(found, "pr") in {"irregular-without-p", "flutter-like", "p-not-found"}
    assert reason(found, "heart-rate") is None
