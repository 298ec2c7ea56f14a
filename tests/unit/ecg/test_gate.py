"""The quality gate on real recordings: flat, clipped or nothing but noise, all are refused; as they are, hardly any."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg.canonical import canonicalise
from ecg.leads import LEADS
from ecg.quality import FAULTS, FLAT, MAINS, MUSCLE, OFF, SATURATED, WANDERING, WindowQuality, assess
from ecg.recording import Waveform

LUDB = Path(__file__).parents[4] / "shared" / "samples" / "ludb"
FS = 500.0
RECORDS = range(3, 101, 16)
AMPLITUDES = (0.02, 0.3, 2.0)
pytestmark = pytest.mark.skipif(not LUDB.is_dir(), reason="needs LUDB's records under ../shared/samples")


def record(number: int) -> np.ndarray:
    return np.asarray(wfdb.rdrecord(str(LUDB / str(number))).p_signal.T, dtype=np.float32)


@pytest.fixture(scope="module", params=RECORDS)
def signal(request: pytest.FixtureRequest) -> np.ndarray:
    return record(request.param)


def judged(signal: np.ndarray) -> WindowQuality:
    waveform = Waveform(signal.astype(np.float32), LEADS, FS)
    return assess(canonicalise(waveform), waveform).windows[0]


def sound(quality: WindowQuality) -> bool:
    return quality.beating.visible and not quality.faults


def coloured(rng: np.random.Generator, rows: int, exponent: float) -> np.ndarray:
    """Return noise whose power falls with frequency to the power `exponent`: 0 white, 1 pink, 2 brown."""
    waves = np.fft.rfft(rng.standard_normal((rows, 5000))) * np.maximum(np.fft.rfftfreq(5000, 1 / FS), 0.1) ** (
        -exponent / 2
    )
    made = np.fft.irfft(waves, 5000)
    return np.asarray(made / made.std())


def noises(signal: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what holds no heart beat, some of it with the spectrum of one."""
    rng = np.random.default_rng(round(float(np.abs(signal).sum() * 1000)))
    gains = rng.standard_normal((12, 1))
    for exponent in (0, 1, 2):
        yield f"{exponent}, each lead its own", coloured(rng, 12, exponent)
        yield f"{exponent}, one for all leads", coloured(rng, 1, exponent) * gains
    yield "bursts of muscle", coloured(rng, 12, 0) * (1 + 4 * (rng.random((1, 5000)) < 0.05))
    yield "heavy tails", rng.standard_t(2, (12, 5000))
    yield "random walk", np.cumsum(rng.standard_t(2, (12, 5000)), axis=1) / 100
    yield "mains", np.sin(2 * np.pi * 50 * np.arange(5000) / FS) * gains
    yield "alpha waves", np.sin(2 * np.pi * 10 * np.arange(5000) / FS) + 0.3 * coloured(rng, 12, 1)
    waves = np.fft.rfft(signal / signal.std())
    turned = np.exp(2j * np.pi * rng.random((12, waves.shape[1])))
    yield "its own spectrum, each lead by itself", np.fft.irfft(waves * turned, 5000)
    yield "its own spectrum, leads together", np.fft.irfft(waves * turned[:1], 5000)


def test_noise_alone_is_refused_whatever_its_colour_and_amplitude(signal: np.ndarray) -> None:
    accepted = [
        (name, amplitude)
        for name, noise in noises(signal)
        for amplitude in AMPLITUDES
        if sound(judged(np.clip(noise * amplitude, -300, 300)))
    ]
    assert not accepted


@pytest.mark.parametrize("offset", [0.0, 1.7])
def test_flat_leads_are_refused(signal: np.ndarray, offset: float) -> None:
    assert judged(np.full_like(signal, offset)).faulty(FLAT) == LEADS
    one = signal.copy()
    one[8] = offset
    assert judged(one).faults == (("V3", FLAT),)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_clipped_recording_is_refused_wherever_the_rails_lie(signal: np.ndarray, share: float) -> None:
    rail = share * np.quantile(np.abs(signal - np.median(signal, axis=1, keepdims=True)), 0.995, axis=1, keepdims=True)
    middle = np.median(signal, axis=1, keepdims=True)
    assert judged(np.clip(signal, middle - rail, middle + rail)).faulty(SATURATED)


def test_too_high_a_gain_stands_at_the_rails(signal: np.ndarray) -> None:
    assert len(judged(np.clip(signal * 40, -3.2767, 3.2767)).faulty(SATURATED)) >= 6


def test_a_lead_that_is_lost_on_the_way_is_off(signal: np.ndarray) -> None:
    signal = signal.copy()
    signal[7, 2000:3500] = 0.0
    assert ("V2", OFF) in judged(signal).faults


def test_a_lead_that_shows_noise_where_others_show_beats_is_off(signal: np.ndarray) -> None:
    signal = signal.copy()
    signal[7] = 0.6 * coloured(np.random.default_rng(0), 1, 1)
    assert any(lead == "V2" for lead, _ in judged(signal).faults)


@pytest.mark.parametrize("code", [WANDERING, MUSCLE, MAINS])
def test_each_kind_of_noise_on_top_of_the_heart_has_its_code(signal: np.ndarray, code: str) -> None:
    at = np.arange(5000) / FS
    rng = np.random.default_rng(1)
    added = {
        WANDERING: 4 * np.sin(2 * np.pi * 0.2 * at),
        MUSCLE: 0.6 * rng.standard_normal(5000),
        MAINS: 0.9 * np.sin(2 * np.pi * 60 * at),
    }
    signal = signal.copy()
    signal[10] += added[code]
    assert ("V5", code) in judged(signal).faults


def test_the_figures_are_those_of_what_was_added() -> None:
    signal = record(5).copy()
    before, at = judged(signal).noise, np.arange(5000) / FS
    signal[10] += 0.2 * np.sin(2 * np.pi * 50 * at) + 1.5 * np.sin(2 * np.pi * 0.3 * at)
    after = judged(signal).noise
    assert after.mains[10] == pytest.approx(0.2, abs=0.03) and before.mains[10] < 0.03
    assert after.wander[10] == pytest.approx(3.0, abs=0.3 + before.wander[10])
    assert after.mains[:10] == before.mains[:10]


def test_recordings_as_they_come_are_hardly_ever_refused() -> None:
    refused = [number for number in range(1, 101) if not sound(judged(record(number)))]
    assert len(refused) <= 3
    assert all(code in FAULTS for number in refused for _, code in judged(record(number)).faults)


def as_printed(signal: np.ndarray) -> np.ndarray:
    """Return what a page of three rows and four columns with a strip of lead II shows, NaN elsewhere."""
    shown = np.full_like(signal, np.nan)
    for column in range(4):
        part = slice(column * 1250, (column + 1) * 1250)
        shown[3 * column : 3 * column + 3, part] = signal[3 * column : 3 * column + 3, part]
    shown[1] = signal[1]
    return shown


def test_what_a_page_shows_of_a_recording_passes(signal: np.ndarray) -> None:
    assert judged(as_printed(signal)).beating.visible


def test_a_page_of_noise_does_not(signal: np.ndarray) -> None:
    passed = [kind for kind, noise in noises(signal) if sound(judged(as_printed((0.3 * noise).astype(np.float32))))]
    assert set(passed) <= {
        "random walk"
    }  # its jumps are steep and alike: three leads at a time show too little to tell
