"""The millimetres of a vector page come from its rulings, also where panels with grids of their own stand apart."""

import numpy as np
import pytest

from adapters.scan.paths import Line
from adapters.scan.ruled import MM, points_per_mm

STYLE = (200, 100, 100, 0.2)


def ruled(places: list[float]) -> list[Line]:
    """Return lines across and down at these places, mm."""
    across = [Line(np.array([(at * MM, 0.0), (at * MM, 300.0)]), STYLE) for at in places]
    return across + [Line(np.array([(0.0, at * MM), (300.0, at * MM)]), STYLE) for at in places]


@pytest.mark.parametrize("apart", [0.0, 10.0, 11.3, 6.47])
def test_panels_may_stand_apart_by_any_distance(apart: float) -> None:
    places = [panel * (40 + apart) + at for panel in range(4) for at in range(40)]
    assert points_per_mm(ruled([float(each) for each in places])) == pytest.approx(MM, rel=1e-3)


def test_lines_at_any_distance_are_no_paper() -> None:
    places = np.cumsum(np.random.default_rng(1).uniform(0.5, 1.5, 80))
    assert points_per_mm(ruled(places.tolist())) is None


def test_a_strip_below_panels_may_be_ruled_half_a_millimetre_beside_them() -> None:
    panels = [
        Line(np.array([(at * MM, 0.0), (at * MM, 100.0)]), STYLE) for p in range(4) for at in p * 68.5 + np.arange(63)
    ]
    strip = [Line(np.array([(at * MM, 120.0), (at * MM, 220.0)]), STYLE) for at in np.arange(251)]
    down = [Line(np.array([(0.0, at * MM), (700.0, at * MM)]), STYLE) for at in np.arange(40)]
    assert points_per_mm(panels + strip + down) == pytest.approx(MM, rel=1e-3)
