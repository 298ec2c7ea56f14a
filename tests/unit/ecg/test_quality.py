"""Quality: the known share of each lead, and leads that are flat."""

import numpy as np
import pytest

from ecg.canonical import SAMPLES, canonicalise
from ecg.leads import LEADS
from ecg.quality import WindowQuality, assess
from ecg.recording import Waveform


def quality_of(signal: np.ndarray) -> WindowQuality:
    return assess(canonicalise(Waveform(signal.astype(np.float32), LEADS, 500))).windows[0]


def lively() -> np.ndarray:
    return np.tile(np.sin(np.arange(SAMPLES) / 20), (12, 1))


@pytest.mark.parametrize("offset", [0.0, 3.0, -250.0])
def test_a_constant_lead_is_flat_whatever_its_offset(offset: float) -> None:
    signal = lively()
    signal[7] = offset
    assert quality_of(signal).flat == ("V2",)


def test_the_smallest_living_lead_is_not_flat() -> None:
    signal = lively()
    signal[7] *= 0.05
    assert quality_of(signal).flat == ()


def test_a_missing_lead_is_unknown_and_not_flat() -> None:
    signal = lively()
    signal[7] = np.nan
    quality = quality_of(signal)
    assert quality.known[7] == 0 and quality.flat == ()


def test_a_lead_is_unusable_when_too_little_is_known_or_it_is_flat() -> None:
    signal = lively()
    signal[6, :1000] = np.nan
    signal[8] = 0
    quality = quality_of(signal)
    assert quality.known[6] == 0.8
    assert quality.unusable(LEADS, 0.8) == ("V3",)
    assert quality.unusable(LEADS, 0.81) == ("V1", "V3")
    assert quality.unusable(("I", "V1"), 0.5) == ()


def test_a_gap_of_zeros_in_the_tensor_does_not_hide_a_flat_lead() -> None:
    signal = lively()
    signal[7] = 2.0
    signal[7, 100:200] = np.nan
    assert quality_of(signal).flat == ("V2",)
