"""What lies beside the paper is covered with its shade; what is printed on it, in light or in shadow, stays."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.scan.paper import Box, paper_alone
from tests.unit.adapters.scan.pages import Paper

SIZE = (320, 220)  # mm of the picture
LEFT, TOP = 30, 30  # mm from its corner to the paper's
BOX = (LEFT + 20.0, TOP + 20.0, LEFT + 240.0, TOP + 140.0)  # of the grid: the paper has margins
PX = 5


def photograph(table: int) -> NDArray[np.uint8]:
    """A page with white margins and print in them, on a table with a grain."""
    rng = np.random.default_rng(1)
    grain = cv2.resize(rng.normal(0, 12, (SIZE[1] // 3, SIZE[0] // 10)), (SIZE[0] * PX, SIZE[1] * PX))
    picture = np.repeat(np.clip(table + grain, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    page = Paper(px_per_mm=PX).drawn()
    page[: 20 * PX] = page[140 * PX :] = page[:, : 20 * PX] = page[:, 240 * PX :] = 255
    cv2.putText(page, "aVR", (4 * PX, 80 * PX), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 20), 2)
    picture[TOP * PX :, LEFT * PX :][: page.shape[0], : page.shape[1]] = page
    return picture


@pytest.mark.parametrize("table", [40, 120, 180])
@pytest.mark.parametrize(("shadow", "box"), [(0.0, BOX), (0.45, BOX), (0.0, (LEFT - 20.0, TOP, 320.0, TOP + 160.0))])
def test_a_table_is_covered_and_the_paper_is_left(table: int, shadow: float, box: Box) -> None:
    light = np.zeros((SIZE[1] * PX, SIZE[0] * PX), np.float32)
    cv2.ellipse(light, (60 * PX, 60 * PX), (60 * PX, 40 * PX), 0, 0, 360, (1.0,), -1)
    light = 1 - shadow * cv2.GaussianBlur(light, (0, 0), 8.0 * PX)
    picture = (photograph(table) * light[..., None]).astype(np.uint8)
    covered = paper_alone(picture, PX, box)
    paper = np.zeros(light.shape, bool)
    paper[TOP * PX :, LEFT * PX :][: 160 * PX, : 260 * PX] = True
    inside = cv2.erode(paper.astype(np.uint8), np.ones((4 * PX, 4 * PX))) > 0
    assert (covered[inside] == picture[inside]).all()
    shade = cv2.GaussianBlur(covered[: TOP * PX, :, 0].astype(np.float32), (0, 0), PX)
    assert np.abs(np.diff(shade, axis=0)).max() < 3  # nothing beside the paper has an edge


def test_a_scan_that_shows_paper_alone_is_left_as_it_is() -> None:
    page = Paper().drawn()
    assert paper_alone(page, PX, (0.0, 0.0, 260.0, 160.0)) is page


def test_what_is_as_light_as_the_paper_beside_it_takes_nothing_of_it() -> None:
    picture = photograph(250)
    covered = paper_alone(picture, PX, BOX)
    inside = np.s_[(TOP + 2) * PX : (TOP + 158) * PX, (LEFT + 2) * PX : (LEFT + 258) * PX]
    assert (covered[inside] == picture[inside]).all()
