"""A vector PDF is read as it is drawn: traces and words exactly, in millimetres of its own grid."""

from pathlib import Path

import numpy as np
import pytest

from adapters.scan.nouns import Drawn, Picture
from adapters.scan.pictures import page
from tests.golden.page_files import pdf, traced_pdf

PRINTS = Path(__file__).parents[4] / "shared" / "samples" / "prints"
RNG = np.random.default_rng(3)
SIGNALS = {lead: np.cumsum(RNG.normal(0, 0.02, 4000)) * 0.2 for lead in ("I", "II", "V1")}


def drawn(data: bytes) -> Drawn:
    found = page(data, 0)
    assert isinstance(found, Drawn)
    return found


def noise_ratio(truth: np.ndarray, found: np.ndarray) -> float:
    return float(10 * np.log10(truth.var() / (found - truth).var()))


@pytest.mark.parametrize(("rotation", "size"), [(0, 1.0), (90, 1.0), (180, 1.0), (270, 1.0), (0, 0.71), (0, 1.41)])
def test_traces_are_exact_however_the_page_is_turned_and_enlarged(rotation: int, size: float) -> None:
    found = page(traced_pdf(SIGNALS, rotation, size), 0)
    if rotation in (90, 270, 180):  # the recorder prints upright: what lies on its side is left to the other way
        assert isinstance(found, Picture)
        return
    assert isinstance(found, Drawn)
    assert len(found.curves) == len(SIGNALS)
    for signal, curve in zip(SIGNALS.values(), found.curves, strict=True):
        at = curve.x[0] + np.arange(len(signal)) * 0.05
        assert noise_ratio(signal, -np.interp(at, curve.x, curve.y) / 10) > 50


@pytest.mark.parametrize("size", [1.0, 0.71])
def test_a_trace_ends_where_its_panel_clips_it(size: float) -> None:
    for curve in drawn(traced_pdf(SIGNALS, size=size, clip=150.02)).curves:
        assert curve.x[np.isfinite(curve.y)][-1] - curve.x[0] == pytest.approx(150.02 - 20, abs=0.03)


def test_words_have_their_places() -> None:
    words = {each.text: each.box for each in drawn(traced_pdf(SIGNALS)).words}
    assert {"I", "II", "V1", "25 mm/s 10 mm/mV"} <= set(words)
    left, top, right, bottom = words["V1"]
    assert left == pytest.approx(20, abs=0.6) and bottom == pytest.approx(210 - 128, abs=0.6)
    assert left < right and top < bottom


def test_the_sheet_shows_the_page_to_scale() -> None:
    sheet = drawn(traced_pdf(SIGNALS, size=0.71)).sheet
    assert 5 <= sheet.px_per_mm <= 16
    assert sheet.pixels.shape[1] == pytest.approx(297 * sheet.px_per_mm, abs=1)


def test_a_page_without_paths_is_a_picture() -> None:
    assert isinstance(page(pdf(text="There is no ECG here."), 0), Picture)


@pytest.mark.skipif(not PRINTS.is_dir(), reason="no ../shared/samples/prints")
def test_a_page_of_another_program() -> None:
    found = drawn((PRINTS / "anonymous_ecg_3x4_1.pdf").read_bytes())
    assert [len(each.x) for each in found.curves] == [10_001] * 4  # 10 s at 25 mm/s, 40 points to the mm
    assert not any(np.isnan(each.y).any() for each in found.curves)
    texts = [each.text for each in found.words]
    assert "25.0 mm/s | 10 mm/mV" in texts
    assert {"I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"} <= set(texts)
