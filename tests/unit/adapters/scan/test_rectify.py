"""A picture's millimetres are those of its grid, however it was taken; where nothing tells them, it is refused."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.scan.grid import find_grid
from adapters.scan.nouns import Picture, Sheet
from adapters.scan.orient import turned
from adapters.scan.rectify import rectify
from ecg.errors import UnreadablePage
from tests.unit.adapters.scan.pages import PRINT, PRINT_PX_PER_MM, Paper, aslant, seen, stretch

IDENTITY = np.eye(3)
RED = Paper()
FAINT = Paper(fine=(252, 238, 238), heavy=(250, 225, 225))
GREY = Paper(fine=(225, 225, 225), heavy=(180, 180, 180))
HEAVY_ONLY = Paper(fine=None)
EVEN = Paper(heavy=None)
COARSE = Paper(px_per_mm=3.0)


@pytest.mark.parametrize("paper", [RED, FAINT, GREY, HEAVY_ONLY, EVEN, COARSE])
def test_a_millimetre_of_a_scan_is_one_on_its_sheet(paper: Paper) -> None:
    sheet = rectify(Picture(paper.drawn()))
    steps = stretch(sheet, IDENTITY, paper.px_per_mm, (20, 20, 230, 140))
    assert steps == pytest.approx(np.broadcast_to(np.eye(2), steps.shape), abs=0.005)
    assert 5 <= sheet.px_per_mm <= 16
    assert sheet.grid > 0.9


@pytest.mark.parametrize(
    ("px_per_mm", "size"), [(4.7, (297, 210)), (3.0, (200, 120)), (11.3, (130, 90)), (5.0, (260, 160))]
)
def test_lines_of_5_mm_alone_give_their_millimetres_or_none(px_per_mm: float, size: tuple[int, int]) -> None:
    paper = Paper(px_per_mm, size, fine=None)
    grid = find_grid(Picture(paper.drawn()))
    if grid is not None:
        steps = stretch(Sheet(paper.drawn(), 1.0, grid.to_mm, 1.0), IDENTITY, px_per_mm, (20, 20, 100, 70))
        assert steps == pytest.approx(np.broadcast_to(np.eye(2), steps.shape), abs=0.02)


@pytest.mark.parametrize("degrees", [-7, 3, 20])
def test_a_crooked_scan_is_laid_straight(degrees: float) -> None:
    page = RED.drawn()
    turn = np.vstack([cv2.getRotationMatrix2D((650, 400), degrees, 1.0), [0, 0, 1]])
    turn[:2, 2] += (150, 350)
    steps = stretch(rectify(seen(page, turn, (1600, 1500))), turn, RED.px_per_mm, (20, 20, 230, 140))
    assert steps == pytest.approx(np.broadcast_to(np.eye(2), steps.shape), abs=0.005)


def test_a_page_seen_aslant_is_laid_flat() -> None:
    page = RED.drawn()
    view = aslant(page.shape[1], page.shape[0], np.array([[260, 150], [1380, 90], [1540, 960], [90, 1010]]))
    steps = stretch(rectify(seen(page, view, (1600, 1100))), view, RED.px_per_mm, (20, 20, 230, 140))
    assert steps == pytest.approx(np.broadcast_to(np.eye(2), steps.shape), abs=0.015)


def panels() -> NDArray[np.uint8]:
    """A page of 4 by 4 panels, each with a grid of its own, 8 px per mm."""
    whole, page = Paper(px_per_mm=8).drawn(), np.full((1360, 2250, 3), 255, np.uint8)
    for row, column in np.ndindex(4, 4):
        top, left = 20 + 328 * row, 40 + 548 * column  # 41 mm apart, and 68.5
        page[top : top + 256, left : left + 496] = whole[288 * row :, 496 * column :][:256, :496]
    return page


def test_panels_with_grids_of_their_own_have_the_millimetres_of_each() -> None:
    page = panels()
    grid = find_grid(Picture(page))
    assert grid is not None
    steps = stretch(Sheet(page, 1.0, grid.to_mm, grid.surety), IDENTITY, 8, (10, 10, 260, 150))
    assert steps == pytest.approx(np.broadcast_to(np.eye(2), steps.shape), abs=0.003)


def test_panels_that_are_photographed_are_as_long_as_they_are() -> None:
    page = panels()
    corners = np.array([[300, 200], [3700, 120], [3800, 2300], [180, 2420]])
    view = aslant(page.shape[1], page.shape[0], corners)
    taken = seen(page, view, (4000, 2600)).pixels.astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 12, taken.shape)
    grid = find_grid(Picture(np.clip(cv2.GaussianBlur(taken, (0, 0), 2) + noise, 0, 255).astype(np.uint8)))
    assert grid is not None
    steps = stretch(Sheet(page, 1.0, grid.to_mm, grid.surety), view, 8, (10, 10, 260, 150))
    assert steps == pytest.approx(np.broadcast_to(np.eye(2), steps.shape), abs=0.0005)


def test_a_page_turned_by_a_quarter_has_its_rows_across() -> None:
    sheet = rectify(Picture(np.ascontiguousarray(np.rot90(RED.drawn()))))
    assert sheet.pixels.shape[1] > sheet.pixels.shape[0]


def test_a_sheet_turned_four_times_is_itself_and_its_homography_turns_with_it() -> None:
    sheet = rectify(Picture(RED.drawn()))
    once = turned(sheet, 1)
    at = once.homography @ np.linalg.inv(sheet.homography) @ np.array([10, 20, 1])
    assert (once.pixels[round(at[1]), round(at[0])] == sheet.pixels[20, 10]).all()
    again = turned(once, 3)
    assert (again.pixels == sheet.pixels).all()
    assert again.homography == pytest.approx(sheet.homography)


def test_a_page_without_grid_takes_its_millimetres_from_a_dpi() -> None:
    page = Paper(px_per_mm=8, fine=None, heavy=None).drawn()
    sheet = rectify(Picture(page, dpi=8 * 25.4))
    assert sheet.grid == 0
    assert stretch(sheet, IDENTITY, 8, (20, 20, 230, 140))[0] == pytest.approx(np.eye(2), abs=1e-6)


def test_a_page_that_tells_no_millimetres_is_refused() -> None:
    with pytest.raises(UnreadablePage) as caught:
        rectify(Picture(Paper(fine=None, heavy=None).drawn()))
    assert caught.value.reason == "no-grid"


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (50, 20_000)])
def test_a_scrap_is_no_ecg(size: tuple[int, int]) -> None:
    with pytest.raises(UnreadablePage) as caught:
        rectify(Picture(np.full((*size, 3), 200, np.uint8), dpi=200))
    assert caught.value.reason == "no-ecg"


def test_lines_of_text_and_noise_are_no_grid() -> None:
    text = np.full((1600, 1200, 3), 255, np.uint8)
    for line in range(60):
        words = f"The quick brown fox jumps over the lazy dog, {line * 7919} times"
        cv2.putText(text, words, (40, 40 + 26 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1)
    noise = np.random.default_rng(0).integers(0, 255, (800, 1200, 3)).astype(np.uint8)
    for pixels in (text, noise, cv2.GaussianBlur(noise, (0, 0), 3), np.full((1, 1, 3), 9, np.uint8)):
        with pytest.raises(UnreadablePage) as caught:
            rectify(Picture(np.asarray(pixels, np.uint8)))
        assert caught.value.reason == "no-grid"


@pytest.mark.skipif(not PRINT.exists(), reason="no ../shared/samples/prints")
@pytest.mark.parametrize("size", [1.0, 0.5, 0.3])
def test_the_foreign_print_has_its_millimetres(size: float) -> None:
    page = cv2.cvtColor(cv2.imread(str(PRINT)), cv2.COLOR_BGR2RGB)
    small = cv2.resize(page, None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    steps = stretch(rectify(Picture(small)), np.diag([size, size, 1]), PRINT_PX_PER_MM, (30, 40, 260, 190))
    assert steps == pytest.approx(np.broadcast_to(np.eye(2), steps.shape), abs=0.005)
