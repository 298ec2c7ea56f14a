"""Bent paper is straightened by its own grid; noise, flat paper and panels are no bend."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.scan.bend import bend_of
from adapters.scan.grid import find_grid
from adapters.scan.nouns import Picture
from adapters.scan.plane import phases
from adapters.scan.rectify import rectify
from adapters.scan.response import grid_response
from tests.unit.adapters.scan.pages import Paper

Floats = NDArray[np.float64]
NOISE = np.random.default_rng(5)
PLACES = np.stack(np.meshgrid(np.arange(5.0, 260.0, 8.0), np.arange(5.0, 160.0, 8.0)), axis=-1).reshape(-1, 2)


def curled(places: Floats) -> Floats:
    """How far paper that curls up at its right edge carries places, mm."""
    x, y = places.T / 100
    return np.stack([0.3 * (x - 1.3) ** 2 * np.sign(x - 1.3), 0.3 * (x - 1.3) * (y - 0.8)], axis=1)


def test_a_bend_is_told_by_how_far_cells_are_carried() -> None:
    bend = bend_of(PLACES, curled(PLACES) + NOISE.normal(0, 0.02, PLACES.shape))
    assert bend is not None
    assert bend.at(PLACES) == pytest.approx(curled(PLACES), abs=0.08)


def test_beyond_what_was_seen_a_bend_goes_no_further() -> None:
    bend = bend_of(PLACES, curled(PLACES))
    assert bend is not None
    beyond = bend.at(np.array([[600.0, 80.0], [-300.0, 80.0]]))
    assert np.abs(beyond).max() <= np.abs(curled(PLACES)).max() + 0.1


def test_noise_is_no_bend() -> None:
    assert bend_of(PLACES, NOISE.normal(0, 0.3, PLACES.shape)) is None


def test_bent_paper_is_laid_flat() -> None:
    paper = Paper()
    page = paper.drawn()
    height, width = page.shape[:2]
    down, across = np.indices((height, width), np.float64)
    flat = np.stack([across.ravel(), down.ravel()], axis=1)
    source = (flat - curled(flat / paper.px_per_mm) * paper.px_per_mm).astype(np.float32).reshape(height, width, 2)
    bent = Picture(cv2.remap(page, *cv2.split(source), cv2.INTER_CUBIC, borderValue=(255, 255, 255)).astype(np.uint8))
    found = find_grid(bent)
    assert found is not None and found.bend is not None
    again = find_grid(Picture(rectify(bent).pixels))
    assert again is not None and again.bend is None


def test_flat_paper_is_left_as_it_is() -> None:
    found = find_grid(Picture(Paper().drawn()))
    assert found is not None and found.bend is None


def test_where_paper_is_bent_most_its_lines_are_seen_once_it_is_known_how_they_run() -> None:
    paper = Paper()
    page = paper.drawn()
    height, width = page.shape[:2]
    down, across = np.indices((height, width), np.float64)
    curl = 18.0 * (across / width) ** 2  # mm
    source = np.stack([across + curl * paper.px_per_mm, down], axis=-1).astype(np.float32)
    bent = cv2.remap(page, *cv2.split(source), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    response = grid_response(np.asarray(bent, np.uint8))
    flat = np.diag([1 / paper.px_per_mm, 1 / paper.px_per_mm, 1.0])
    points, _, seen = phases(flat, response)
    known = np.stack([18.0 * (points[..., 0] / width) ** 2, np.zeros(points.shape[:2])], axis=-1)
    _, ahead, again = phases(flat, response, known)
    inside = points[..., 0] < 0.8 * width
    assert again[inside].mean() > 0.95 > 0.7 > seen[inside].mean()
    assert np.median(np.ptp((ahead - known)[inside & again], axis=0)) < 0.2
