"""Values that were planted are found again: on made-up hearts, and on LUDB's real beats."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.ludb import LUDB, load
from ecg.canonical import canonicalise
from ecg.leads import LEADS
from ecg.measure.delineate import delineate
from ecg.measure.measures import measure
from ecg.measurement import Measurements
from ecg.recording import Provenance, Recording, Waveform
from tests.golden.hearts import FS, ST_KEPT, Heart, recording

ST_TOLERANCE = 0.025  # mV
ST_CODES = ("st-j", "st-j60")


def measured(of: Recording) -> Measurements:
    return measure(canonicalise(of.waveform), of)


def value(of: Measurements, code: str, lead: str | None = None) -> float:
    found = of.get(code, lead)
    assert found is not None and found.value is not None, f"{code} {lead}: {found and found.absent}"
    return found.value


@pytest.mark.parametrize("rate", [40, 60, 85, 110, 140])
@pytest.mark.parametrize("st", [-0.3, -0.1, -0.05, 0.05, 0.1, 0.2, 0.3])
def test_a_planted_st_segment_is_measured(rate: float, st: float) -> None:
    heart = Heart(rate=rate, st=st, wander=0.4, noise=0.01, pr=0.16 if rate < 100 else 0.12)
    found = measured(recording(heart))
    errors = [value(found, code, lead) - st for code in ST_CODES for lead in heart.raised]
    assert np.abs(errors).max() <= ST_TOLERANCE


@pytest.mark.parametrize("rate", [40, 70, 140])
def test_rate_and_intervals_are_measured(rate: float) -> None:
    heart = Heart(rate=rate, pr=0.16 if rate < 100 else 0.12, wander=0.2, noise=0.01)
    found = measured(recording(heart))
    assert value(found, "heart-rate") == pytest.approx(rate, abs=0.5)
    assert value(found, "rr-variation") < 0.01
    assert value(found, "pr") == pytest.approx(1000 * heart.pr, abs=20)
    assert value(found, "qrs") == pytest.approx(1000 * heart.qrs, abs=30)
    assert value(found, "qt") == pytest.approx(380 * np.sqrt(60 / rate), abs=30)


def test_qtc_follows_its_formulas() -> None:
    found = measured(recording(Heart(rate=75)))
    qt, rr = value(found, "qt"), 0.8
    assert value(found, "qtc-bazett") == pytest.approx(qt / rr**0.5, abs=0.5)
    assert value(found, "qtc-fridericia") == pytest.approx(qt / rr ** (1 / 3), abs=0.5)
    assert value(found, "qtc-framingham") == pytest.approx(qt + 154 * (1 - rr), abs=0.5)


def planted(signal: NDArray[np.float32], st: float, wander: float) -> Recording:
    """Return a real recording with a plateau from each J point on, in all leads, and with wander of each lead's own."""
    chance, time = np.random.default_rng(7), np.arange(signal.shape[1]) / FS
    raised = signal.astype(np.float64)
    found = delineate(canonicalise(Waveform(signal, LEADS, FS))[0])
    for at, kind in zip(found.beats.at, found.beats.kind, strict=True):
        since = time - (at + found.shapes[kind].qrs.offset - 225) / FS
        rise, fall = (np.clip(since / 0.03 + 1, 0, 1), np.clip((since - 0.16) / 0.12, 0, 1))
        raised += st * ((1 - np.cos(np.pi * rise)) / 2 - (1 - np.cos(np.pi * fall)) / 2)
    for row in raised:
        for frequency, share in ((0.12, 0.5), (0.21, 0.3), (0.33, 0.2)):
            row += wander * share * np.sin(2 * np.pi * (frequency * time + chance.random()))
    return Recording(Waveform(raised.astype(np.float32), LEADS, FS), Provenance("LUDB"), filters=ST_KEPT)


@pytest.mark.skipif(not LUDB.is_dir(), reason="LUDB is not in ../shared/samples/ludb")
@pytest.mark.parametrize("st", [-0.3, -0.05, 0.1, 0.3])
def test_a_planted_st_segment_is_measured_on_real_beats(st: float) -> None:
    errors = []
    for number in (2, 10, 24, 36, 55, 61, 77, 92):
        signal = load(number).signal
        plain, raised = measured(planted(signal, 0.0, 0.0)), measured(planted(signal, st, 0.3))
        errors += [value(raised, code, lead) - value(plain, code, lead) - st for code in ST_CODES for lead in LEADS]
    assert np.abs(errors).max() <= ST_TOLERANCE


def test_a_late_window_is_measured_as_the_first() -> None:
    heart = Heart(rate=72, st=0.15, seconds=30)
    assert value(measured(recording(heart)), "heart-rate") == pytest.approx(72, abs=0.5)
    assert value(measured(recording(heart)), "st-j", "V2") == pytest.approx(0.15, abs=ST_TOLERANCE)


def test_measuring_twice_gives_the_same() -> None:
    of = recording(Heart(noise=0.03, wander=0.3))
    assert measured(of) == measured(replace(of))
