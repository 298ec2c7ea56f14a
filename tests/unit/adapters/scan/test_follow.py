"""Rows of traces are followed across a sheet: as high as they were drawn, where another crosses, and where none is."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.scan.follow import follow
from adapters.scan.nouns import Curve, Sheet
from adapters.scan.pen import Edges, drawn
from adapters.scan.runs import Runs
from adapters.scan.spans import spans

PX_PER_MM = 8.0
WIDTH, HEIGHT = 200.0, 100.0  # mm
Floats = NDArray[np.float64]


def beats(x: Floats, high: float = 12.0) -> Floats:
    """Height in mm of a rhythm with narrow R waves, at each x in mm."""
    phase = (x % 21.0) - 10.0
    return (
        high * np.exp(-((phase / 0.4) ** 2))
        - 3 * np.exp(-(((phase - 0.9) / 0.4) ** 2))
        + 3 * np.exp(-(((phase - 6) / 2) ** 2))
    )


def sheet(*ways: Floats, x: Floats, grid: tuple[int, int, int] = (240, 180, 180)) -> Sheet:
    """A sheet on which a pen 0.3 mm wide drew these ways, over a grid."""
    page = np.full((int(HEIGHT * PX_PER_MM), int(WIDTH * PX_PER_MM), 3), 250, np.uint8)
    for mm in range(0, int(WIDTH)):
        for lines in (page[:, int(mm * PX_PER_MM)], page[int(mm * PX_PER_MM) if mm < HEIGHT else 0]):
            lines[:] = grid if mm % 5 else tuple(int(each * 0.9) for each in grid)
    for y in ways:
        points = np.stack([x, y], axis=1) * PX_PER_MM - 0.5
        cv2.polylines(page, [np.round(points * 256).astype(np.int32)], False, (20, 20, 20), 2, cv2.LINE_AA, 8)
    return Sheet(page, PX_PER_MM, np.eye(3), 1.0)


def apart(curve: Curve, x: Floats, y: Floats) -> Floats:
    """How far a curve lies from a way, mm, where both are."""
    return np.asarray(curve.y - np.interp(curve.x, x, y))[(curve.x > x[0] + 1) & (curve.x < x[-1] - 1)]


@pytest.mark.parametrize("grid", [(240, 180, 180), (180, 180, 180), (180, 220, 180)])
def test_each_row_is_followed_as_high_as_it_was_drawn(grid: tuple[int, int, int]) -> None:
    x = np.arange(5.0, 195.0, 0.05)
    drawn = [25 - beats(x), 55 - beats(x + 7, 8.0), 85 - beats(x + 3, 5.0)]
    curves = follow(sheet(*drawn, x=x, grid=grid))
    assert len(curves) == len(drawn)
    for curve, y in zip(curves, drawn, strict=True):
        off = apart(curve, x, y)
        assert np.isfinite(off).all() and np.sqrt(np.mean(off**2)) < 0.12
        assert abs(np.nanmin(curve.y) - y.min()) < 0.2  # the R waves are as tall, within 0.02 mV


def test_steep_strokes_may_be_paler_than_the_rest_of_the_trace() -> None:
    x = np.arange(5.0, 195.0, 0.05)
    drawn = 50 - beats(x, 18.0)
    page = sheet(drawn, x=x)
    paper = sheet(x=np.zeros(0)).pixels
    flanks = np.zeros(page.pixels.shape[:2], bool)
    flanks[int(34 * PX_PER_MM) : int(48 * PX_PER_MM)] = True  # between the R waves' tips and the baseline
    pale = np.where(flanks[..., None], 0.25 * page.pixels + 0.75 * paper, page.pixels).astype(np.uint8)
    (curve,) = follow(Sheet(pale, PX_PER_MM, page.homography, page.grid))
    assert abs(np.nanmin(curve.y) - drawn.min()) < 0.3
    assert np.isfinite(curve.y[(curve.x > 6) & (curve.x < 194)]).mean() > 0.98


def test_tall_strokes_below_each_other_are_no_lines_of_the_grid() -> None:
    x = np.arange(5.0, 195.0, 0.05)
    drawn = [30 - beats(x, 20.0), 60 - beats(x, 20.0), 90 - beats(x, 20.0)]
    for curve, y in zip(follow(sheet(*drawn, x=x)), drawn, strict=True):
        assert abs(np.nanmin(curve.y) - y.min()) < 0.4  # of 20


def test_a_trace_without_waves_is_followed_along_a_line_of_the_grid() -> None:
    x = np.arange(5.0, 195.0, 0.05)
    drawn = np.where(x < 100, 50.06, 50.06 - beats(x))
    (curve,) = follow(sheet(drawn, x=x))
    assert np.isfinite(curve.y[(curve.x > 6) & (curve.x < 99)]).mean() > 0.98


def test_a_frame_near_a_row_is_not_followed_for_it() -> None:
    x = np.arange(5.0, 195.0, 0.05)
    drawn = [20 - beats(x, 8.0), 50 - beats(x, 8.0), 80 - beats(x, 8.0)]  # R waves of the first cross the frame
    page = sheet(*drawn, x=x)
    pixels = page.pixels.copy()
    corners = [(round(edge * PX_PER_MM), round(at * PX_PER_MM)) for edge, at in ((5.0, 15.0), (195.0, 85.0))]
    cv2.rectangle(pixels, *corners, (20, 20, 20), 3)
    curves = follow(Sheet(pixels, PX_PER_MM, page.homography, page.grid))
    assert len(curves) == len(drawn)
    for curve, y in zip(curves, drawn, strict=True):
        off = apart(curve, x, y)
        assert np.isfinite(off).all() and np.sqrt(np.mean(off**2)) < 0.15
        assert abs(np.nanmin(curve.y) - y.min()) < 0.25


def test_where_nothing_was_drawn_the_curve_says_nothing() -> None:
    x = np.arange(5.0, 95.0, 0.05)
    (curve,) = follow(sheet(50 - beats(x), x=x))
    beyond = curve.x > 96
    assert np.isnan(curve.y[beyond]).all() and not curve.surety[beyond].any()


def test_paper_without_a_trace_has_no_curve() -> None:
    assert follow(sheet(x=np.zeros(0))) == ()


def test_a_tall_wave_crosses_another_row_and_harms_neither() -> None:
    x = np.arange(5.0, 195.0, 0.05)
    drawn = [30 - beats(x, 5.0), 50 - beats(x + 8, 25.0)]
    curves = follow(sheet(*drawn, x=x))
    assert len(curves) == len(drawn)
    for curve, y in zip(curves, drawn, strict=True):
        assert np.sqrt(np.nanmean(apart(curve, x, y) ** 2)) < 0.3
    assert abs(np.nanmin(curves[1].y) - drawn[1].min()) < 0.8  # of 25


def test_a_trace_begins_as_far_into_its_ink_as_it_goes_on_after_a_gap() -> None:
    ink = np.full(400, np.nan)
    ink[100:200] = ink[260:350] = 50.0
    curve = drawn((ink, ink + 3.0), (ink, ink + 3.0), PX_PER_MM)
    seen = np.isfinite(curve.y)
    ends = np.flatnonzero(np.diff(seen.astype(int)))
    begin, left, again, end = curve.x[[ends[0] + 1, ends[1], ends[2] + 1, ends[3]]]
    # Whole panels are 100 and 90 columns: none of them is longer because it is the first or the last.
    assert again - begin == pytest.approx(160 / PX_PER_MM, abs=0.051)
    assert begin >= 100.5 / PX_PER_MM
    assert end <= 349.5 / PX_PER_MM + 1e-9
    assert left <= 199.5 / PX_PER_MM + 1e-9


def level_with_a_spike(dark: bool) -> Curve:
    """A level trace 0.5 mm thick, with a spike 3 pixels wide and 80 high that is dark to its tip, or not at all."""
    top = np.full(400, 400.0)
    top[200:203] = 320.0
    bottom = np.full(400, 404.0)
    return drawn((top, bottom), (top if dark else np.full(400, 400.0), bottom), PX_PER_MM)


def test_a_tip_that_is_narrower_than_the_pen_is_followed_to_its_end() -> None:
    curve = level_with_a_spike(dark=True)
    assert np.nanmin(curve.y) == pytest.approx(320 / PX_PER_MM + 0.25, abs=0.1)
    assert np.nanmax(np.abs(curve.y[np.abs(curve.x - 201.5 / PX_PER_MM) > 0.5] - 402 / PX_PER_MM)) < 0.05


def test_a_pale_line_that_touches_a_trace_is_no_tip() -> None:
    assert np.nanmin(level_with_a_spike(dark=False).y) > 400 / PX_PER_MM


def test_a_line_that_goes_on_beyond_what_is_dark_in_it_is_no_tip() -> None:
    top, dark = np.full(400, 400.0), np.full(400, 400.0)
    top[200:203], dark[200:203] = 310.0, 320.0
    bottom = np.full(400, 404.0)
    assert np.nanmin(drawn((top, bottom), (dark, bottom), PX_PER_MM).y) > 400 / PX_PER_MM


def parted(tops: np.ndarray, bottoms: np.ndarray) -> tuple[Edges, Edges]:
    """Return the edges of ink, and of what is dark in it, of six runs, of which a way passes all but the third."""
    columns = np.array([0, 1, 2, 2, 3, 4])
    piece, size = np.ones(6, np.int64), np.array([6.0, 100.0])
    first = np.searchsorted(columns, np.arange(6))
    runs = Runs(first, tops, bottoms, tops, bottoms, piece, np.zeros(6, bool), size, size)
    (found,) = spans(runs, np.array([[0, 1, 3, 4, 5]]), PX_PER_MM)
    return found


def test_a_stroke_that_is_parted_in_a_column_is_one() -> None:
    tops, bottoms = np.array([100.0, 40, 15, 60, 10, 100]), np.array([104.0, 102, 40, 104, 90, 104])
    # The third column has two runs: the tip, and the stroke below it, which the way passes.
    ink, dark = parted(tops, bottoms)
    assert ink[0].tolist() == dark[0].tolist() == [100, 40, 15, 10, 100]
    assert ink[1].tolist() == [104, 102, 104, 90, 104]


def test_a_pale_level_trace_is_no_line_of_a_grid_of_another_colour() -> None:
    x = np.arange(5.0, 195.0, 0.05)
    page = sheet(np.where(x < 100, 52.56, 52.56 - beats(x)), x=x, grid=(250, 150, 140))
    paper = sheet(x=np.zeros(0), grid=(250, 150, 140)).pixels
    pale = (0.5 * page.pixels + 0.5 * paper).astype(np.uint8)
    cv2.rectangle(pale, (40, 40), (60, 300), (20, 20, 20), -1)  # print that is darker than the trace
    (curve,) = follow(Sheet(pale, PX_PER_MM, page.homography, page.grid))
    assert np.isfinite(curve.y[(curve.x > 6) & (curve.x < 99)]).mean() > 0.98


def test_a_lead_half_a_row_higher_than_those_before_it_is_of_their_row() -> None:
    x = np.arange(5.0, 195.0, 0.05)
    drawn = [25 - beats(x, 5.0), np.where(x < 140, 60.0, 47.0) - beats(x, 5.0), 85 - beats(x, 5.0)]
    curves = follow(sheet(*drawn, x=x))
    assert len(curves) == len(drawn)
    for curve, y in zip(curves, drawn, strict=True):
        assert np.isfinite(apart(curve, x, y)).all() and np.sqrt(np.mean(apart(curve, x, y) ** 2)) < 0.5


def test_what_the_pen_passed_between_two_columns_is_of_its_stroke() -> None:
    tops, bottoms = np.array([100.0, 10, 10, 60, 120, 100]), np.array([104.0, 50, 40, 140, 142, 142])
    # The third column has two runs: the tip's right side, and the flank below it, to which the way leaps.
    ink, _ = parted(tops, bottoms)
    assert ink[0].tolist() == [100, 10, 10, 120, 100]
