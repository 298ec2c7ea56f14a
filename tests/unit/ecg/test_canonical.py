"""The canonical tensor: true in amplitude, phase and time, by lead name, and honest about what is not known."""

import numpy as np
import pytest

from ecg.canonical import FS, SAMPLES, CanonicalEcg, canonicalise
from ecg.leads import LEADS
from ecg.recording import Waveform

INNER = slice(500, -500)  # away from the edges, where a resampling filter must guess


def waveform(signal: np.ndarray, fs: float, leads: tuple[str, ...] = ("V1",)) -> Waveform:
    return Waveform(np.atleast_2d(signal).astype(np.float32), leads, fs)


def sine(frequency: float, fs: float, seconds: float = 10) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * fs)) / fs + 0.3)


@pytest.mark.parametrize("fs", [250, 360, 500, 1000])
@pytest.mark.parametrize("frequency", [1, 10, 40])
def test_a_sine_keeps_amplitude_and_phase(fs: float, frequency: float) -> None:
    window = canonicalise(waveform(sine(frequency, fs), fs))[0]
    assert np.abs(window.signal[6] - sine(frequency, FS))[INNER].max() < 0.01


@pytest.mark.parametrize("frequency", [300, 400, 450])
def test_what_500_hz_cannot_hold_vanishes_and_does_not_come_back_as_an_alias(frequency: float) -> None:
    window = canonicalise(waveform(sine(frequency, 1000), 1000))[0]
    assert np.abs(window.signal[6][INNER]).max() < 0.02


def test_a_step_stays_where_it_was() -> None:
    signal = np.where(np.arange(10_000) < 4000, 0.0, 1.0)
    window = canonicalise(waveform(signal, 1000))[0]
    assert abs(int(np.argmax(window.signal[6] > 0.5)) - 2000) <= 1


def test_an_offset_is_kept_up_to_the_edges() -> None:
    window = canonicalise(waveform(np.full(3600, 2.5), 360))[0]
    assert window.signal[6] == pytest.approx(2.5, abs=0.01)


def test_missing_samples_are_masked_and_zero() -> None:
    signal = sine(10, 500)
    signal[1000:1500] = np.nan
    window = canonicalise(waveform(signal, 500))[0]
    known = np.ones(SAMPLES, bool)
    known[1000:1500] = False
    assert (window.mask[6] == known).all() and not window.signal[6][~known].any()
    assert not window.mask[[*range(6), *range(7, 12)]].any()


def test_a_gap_stays_a_gap_when_resampled_and_does_not_ring() -> None:
    signal = np.full(2500, 1.0)
    signal[1000:1100] = np.nan
    window = canonicalise(waveform(signal, 250))[0]
    assert np.flatnonzero(~window.mask[6]).tolist() == list(range(1999, 2200))  # and half a step to either side
    assert window.signal[6][window.mask[6]] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [(5, [0]), (10, [0]), (10.5, [0]), (11, [0, 1]), (20, [0, 10]), (25, [0, 10, 15]), (20.9, [0, 10])],
)
def test_a_recording_is_cut_into_windows_of_10_s(seconds: float, starts: list[float]) -> None:
    signal = np.arange(round(seconds * 500)) / 500
    windows = canonicalise(waveform(signal, 500))
    assert [window.start for window in windows] == starts
    for window in windows:
        span = slice(round(window.start * 500), round(window.start * 500) + SAMPLES)
        np.testing.assert_allclose(window.signal[6][window.mask[6]], signal[span], atol=1e-4)


def test_a_short_recording_is_masked_after_its_end() -> None:
    (window,) = canonicalise(waveform(sine(10, 500, 5), 500))
    assert window.mask[6].sum() == 2500 and window.mask[6, :2500].all()


def test_leads_are_placed_by_name_whatever_their_order() -> None:
    signal = np.random.default_rng(0).normal(size=(12, 5000))
    order = np.random.default_rng(1).permutation(12)
    straight = canonicalise(waveform(signal, 500, LEADS))[0]
    mixed = canonicalise(waveform(signal[order], 500, tuple(LEADS[at] for at in order)))[0]
    assert (straight.signal == mixed.signal).all() and (straight.signal == signal.astype(np.float32)).all()


def test_a_lead_that_is_none_of_the_twelve_takes_no_place() -> None:
    window = canonicalise(waveform(np.ones((2, 5000)), 500, ("V3R", "V2")))[0]
    assert window.mask.any(axis=1).tolist() == [lead == "V2" for lead in LEADS]


def test_missing_limb_leads_are_derived_and_named() -> None:
    window = canonicalise(waveform(np.stack([sine(5, 500), 2 * sine(5, 500)]), 500, ("I", "II")))[0]
    assert window.derived == ("III", "aVR", "aVL", "aVF")
    assert window.signal[2] == pytest.approx(window.signal[1] - window.signal[0], abs=1e-6)
    assert window.mask[:6].all() and not window.mask[6:].any()


@pytest.mark.parametrize(
    ("signal", "mask"),
    [
        (np.zeros((12, 4999)), np.ones((12, 4999), bool)),
        (np.full((12, SAMPLES), np.nan), np.ones((12, SAMPLES), bool)),
        (np.ones((12, SAMPLES)), np.zeros((12, SAMPLES), bool)),
        (np.ones((12, SAMPLES)), np.ones((12, SAMPLES))),
    ],
)
def test_an_invalid_window_does_not_exist(signal: np.ndarray, mask: np.ndarray) -> None:
    with pytest.raises(ValueError):
        CanonicalEcg(signal.astype(np.float32), mask)


def test_a_window_cannot_be_written_to() -> None:
    window = canonicalise(waveform(sine(10, 500), 500))[0]
    for array in (window.signal, window.mask):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
