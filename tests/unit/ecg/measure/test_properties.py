"""What must hold of any ECG: when it begins, its gain and its garbage change nothing but what they must."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecg.canonical import canonicalise
from ecg.leads import LEADS
from ecg.measure.measures import measure
from ecg.measurement import ABSENCES, GLOBAL_UNITS, LEAD_UNITS, MILLIVOLT, Measurements
from ecg.recording import Provenance, Recording, Waveform
from tests.golden.hearts import FS, ST_KEPT, Heart, recording, signal

# Constants that Einthoven's law allows: else a lead that is derived across a gap would leap there.
LEVELS = (1, 1, 0, -1, 0.5, 0.5, 1, 1, 1, 1, 1, 1)
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
# What no heart shows, whatever the signal: a value beyond it was invented.
POSSIBLE = {
    "heart-rate": (10, 350),
    "rr-variation": (0, 3),
    "p-duration": (10, 400),
    "pr": (20, 450),
    "qrs": (10, 400),
    "qt": (100, 1100),
}


def measured(values: NDArray[np.float64], leads: tuple[str, ...] = LEADS, fs: float = FS) -> Measurements:
    of = Recording(Waveform(values.astype(np.float32), leads, fs), Provenance("made up"), filters=ST_KEPT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return measure(canonicalise(of.waveform), of)


def differences(one: Measurements, other: Measurements, gain: float = 1.0) -> list[tuple[str, float]]:
    pairs = [(each, other.get(each.code, each.lead)) for each in one.measured]
    return [
        (each.id, each.value * (gain if each.unit == MILLIVOLT else 1.0) - held.value)
        for each, held in pairs
        if each.value is not None and held is not None and held.value is not None
    ]


@pytest.mark.parametrize("samples", [37, 211, 400])
def test_when_the_recording_begins_changes_little(samples: int) -> None:
    values = signal(Heart(seconds=12, noise=0.005, st=0.1))
    plain, later = measured(values[:, :5000]), measured(values[:, samples : samples + 5000])
    apart = differences(plain, later)
    assert len(apart) == len(plain.measured)
    for name, difference in apart:
        assert abs(difference) <= (0.02 if "amplitude" in name or "st-j" in name else 8), name


@pytest.mark.parametrize("gain", [0.5, 2.0, 4.0])
def test_amplitudes_follow_the_gain_and_times_hardly(gain: float) -> None:
    values = signal(Heart(st=0.1))
    plain, scaled = measured(values), measured(gain * values)
    for name, difference in differences(plain, scaled, gain):
        if name.endswith(("heart-rate", "rr-variation")) or "axis" in name:
            assert abs(difference) < 1.5, name
        elif "st-j" in name:
            assert abs(difference) <= 0.03 * gain, name
        elif "duration" not in name and "amplitude" not in name:
            assert abs(difference) <= 20, name


def test_an_offset_changes_nothing() -> None:
    values = signal(Heart(st=0.1))
    assert max(abs(difference) for _, difference in differences(measured(values), measured(values + 5.0))) < 0.01


@pytest.mark.parametrize("lead", LEADS)
def test_without_one_lead_the_others_are_measured_as_before(lead: str) -> None:
    values = signal(Heart(st=0.1))
    values[LEADS.index(lead)] = np.nan
    for name, difference in differences(measured(signal(Heart(st=0.1))), measured(values)):
        assert abs(difference) <= (0.02 if "amplitude" in name or "st-j" in name else 12), name


@pytest.mark.parametrize("fs", [100, 250, 1000])
def test_the_sampling_frequency_changes_little(fs: int) -> None:
    at = np.arange(10 * fs) / fs
    values = signal(Heart(st=0.1))
    other = np.stack([np.interp(at, np.arange(5000) / FS, row) for row in values])
    apart = dict(differences(measured(values), measured(other, fs=fs)))
    assert abs(apart["measurement:heart-rate"]) < 0.5 and abs(apart["measurement:st-j:V2"]) < 0.03
    assert abs(apart["measurement:qt"]) <= 16 and abs(apart["measurement:qrs"]) <= 24


def plausible(found: Measurements) -> None:
    """Everything was looked for; what has a value has one that is possible, and what has none says why."""
    assert len(found.values) == len(GLOBAL_UNITS) + len(LEADS) * len(LEAD_UNITS)
    for each in found.values:
        if each.value is None:
            assert each.absent in ABSENCES and each.confidence == 0
            continue
        assert np.isfinite(each.value)
        low, high = POSSIBLE.get(each.code, (-np.inf, np.inf))
        assert low <= each.value <= high, each


@SLOW
@given(
    seed=st.integers(0, 2**32 - 1),
    samples=st.integers(500, 6000),
    shape=st.sampled_from(["noise", "steps", "spikes", "sine", "walk", "clipped", "constant", "tiny", "huge"]),
    missing=st.floats(0, 0.9),
)
def test_garbage_never_raises_and_never_becomes_a_heart(seed: int, samples: int, shape: str, missing: float) -> None:
    chance = np.random.default_rng(seed)
    at = np.arange(samples) / FS
    made = {
        "noise": lambda: chance.standard_normal((12, samples)),
        "steps": lambda: np.repeat(chance.standard_normal((12, samples // 50 + 1)), 50, axis=1)[:, :samples],
        "spikes": lambda: 5.0 * (chance.random((12, samples)) > 0.999),
        "sine": lambda: np.sin(2 * np.pi * chance.uniform(0.5, 60) * at) * chance.uniform(0, 3, (12, 1)),
        "walk": lambda: np.cumsum(0.05 * chance.standard_normal((12, samples)), axis=1),
        "clipped": lambda: np.clip(5 * chance.standard_normal((12, samples)), -1, 1),
        "constant": lambda: np.outer(LEVELS, np.full(samples, chance.uniform(-5, 5))),
        "tiny": lambda: 1e-6 * chance.standard_normal((12, samples)),
        "huge": lambda: 60.0 * chance.standard_normal((12, samples)),
    }[shape]()
    for row in made:
        first = chance.integers(0, samples)
        row[first : first + int(missing * samples * chance.random())] = np.nan
    if np.isnan(made).all():
        return
    found = measured(made)
    plausible(found)
    if shape in {"noise", "clipped", "constant", "tiny", "huge"}:
        assert not found.measured


@SLOW
@given(
    seed=st.integers(0, 2**32 - 1),
    rate=st.floats(30, 200),
    noise=st.floats(0, 0.2),
    wander=st.floats(0, 1),
    jitter=st.floats(0, 0.5),
)
def test_a_bad_recording_of_a_heart_gives_possible_values(
    seed: int, rate: float, noise: float, wander: float, jitter: float
) -> None:
    heart = Heart(rate=rate, noise=noise, wander=wander, jitter=jitter, seed=seed, pr=0.12)
    of = recording(heart)
    found = measure(canonicalise(of.waveform), of)
    plausible(found)
