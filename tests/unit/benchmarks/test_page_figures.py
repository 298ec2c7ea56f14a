"""The figure for digitised pages says what is wrong with a page, and nothing else."""

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.pages.measure import PageFigure
from benchmarks.pages.report import report
from benchmarks.pages.settings import COLUMNS, printed, setting
from benchmarks.pages.snr import MOST_SHIFT, figures, moved
from ecg.leads import LEADS

FS = 500


def beats(seed: int = 1) -> NDArray[np.float32]:
    """Twelve leads of 10 s with a narrow wave, a broad one, and a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(5000) / FS
    signal = np.zeros((12, 5000))
    for at in np.cumsum(rng.uniform(0.7, 1.1, 9)):
        qrs, wave = np.exp(-(((time - at) / 0.015) ** 2)), np.exp(-(((time - at - 0.3) / 0.06) ** 2))
        signal += np.linspace(0.6, 1.4, 12)[:, None] * (qrs + 0.3 * wave)
    return (signal + rng.normal(0, 0.003, signal.shape)).astype(np.float32)


def test_what_is_the_same_has_no_noise_and_is_to_scale() -> None:
    for each in figures(beats(), beats()):
        assert each.snr > 60 and each.given == 1
        assert each.gain == pytest.approx(1) and each.time == pytest.approx(1)


@pytest.mark.parametrize("level, snr", [(0.1, 20.0), (0.03, 30.5)])
def test_noise_of_a_known_level_is_measured_as_such(level: float, snr: float) -> None:
    truth = beats()
    size = np.sqrt(np.mean((truth - np.median(truth, axis=1, keepdims=True)) ** 2, axis=1, keepdims=True))
    noise = np.random.default_rng(2).normal(0, 1, truth.shape) * size * level
    assert np.mean([each.snr for each in figures(truth, truth + noise)]) == pytest.approx(snr, abs=0.5)


def test_an_offset_of_a_lead_and_a_shift_of_the_page_do_not_count() -> None:
    truth = beats()
    found = moved(truth, 40) + np.arange(12)[:, None]
    assert min(each.snr for each in figures(truth, found)) > 60


def test_a_shift_beyond_the_limit_counts_and_so_does_a_shift_of_a_single_lead() -> None:
    truth = beats()
    assert max(each.snr for each in figures(truth, moved(truth, MOST_SHIFT + 20))) < 6
    alone = truth.copy()
    alone[3] = moved(truth[3], 20)
    by_lead = {each.lead: each.snr for each in figures(truth, alone)}
    assert by_lead[LEADS[3]] < 6 and by_lead[LEADS[4]] > 60


@pytest.mark.parametrize("gain", [0.5, 0.85, 1.2])
def test_a_wrong_gain_is_seen(gain: float) -> None:
    assert all(each.gain == pytest.approx(gain, abs=0.01) for each in figures(beats(), beats() * gain))


@pytest.mark.parametrize("scale", [0.97, 1.03])
def test_a_wrong_speed_is_seen(scale: float) -> None:
    truth, at = beats(), np.arange(5000.0)
    found = np.stack([np.interp(at / scale, at, row) for row in truth])
    assert all(each.time == pytest.approx(scale, abs=0.004) for each in figures(truth[:, :1250], found[:, :1250]))


def test_a_lead_that_was_not_read_has_0_decibel() -> None:
    found = beats()
    found[5] = np.nan
    by_lead = {each.lead: each for each in figures(beats(), found)}
    assert by_lead["aVF"].snr == 0 and by_lead["aVF"].given == 0 and by_lead["V1"].snr > 60


@pytest.mark.parametrize("number", range(12))
def test_the_truth_of_a_page_is_what_its_layout_prints(number: int) -> None:
    page = setting(number, 7)
    length = round(page.seconds * FS)
    truth = printed(page, beats()[:, :length])
    seconds = np.isfinite(truth).sum(axis=1) / FS
    expected = np.full(12, page.seconds / COLUMNS[page.layout])
    if page.layout.endswith("+1"):
        expected[LEADS.index("II")] = page.seconds
    assert np.allclose(seconds, expected)
    assert setting(number, 7) == page


def test_the_report_counts_refusals_and_what_is_off() -> None:
    good = figures(beats(), beats())
    bad = figures(beats(), beats() * 0.5)
    pages = [
        PageFigure("clean", "000", "ecg-plot", "3x4", "", True, 1.0, good),
        PageFigure("clean", "001", "ecg-plot", "3x4", "", False, 1.0, bad),
        PageFigure("clean", "002", "ecg-plot", "3x4", "no-grid", False, 1.0, ()),
        PageFigure("clean", "003", "ecg-plot", "3x4", "no-grid", False, 1.0, ()),
    ]
    row = next(line for line in report(pages, "").splitlines() if line.startswith("| **clean**"))
    assert "| 4 | 50 % |" in row and "| 50.0 % | 0.0 % | 50.0 % |" in row
    assert "- clean: `no-grid` 2" in report(pages, "the prints")
    assert "the prints" in report(pages, "the prints")
