"""What stands upright at a strip's ends is no trace."""

import numpy as np
import pytest

from adapters.scan.nouns import Curve, Strip
from adapters.scan.seams import without_seams

X = np.arange(10.0, 72.5, 0.05)
WAVES = 50 - 2.0 * np.sin(X / 4)


def strip(y: np.ndarray) -> Strip:
    return Strip("V4", 7.5, Curve(X, y, np.ones(len(X), np.float32)), 50.0, "print")


@pytest.mark.parametrize("at", [X[0] + 0.4, X[-1] - 0.4])
def test_a_separator_that_touches_the_trace_is_left_out(at: float) -> None:
    y = np.where(np.abs(X - at) < 0.15, WAVES + 5.0, WAVES)
    (found,) = without_seams([strip(y)])
    seen = np.isfinite(found.curve.y)
    assert np.abs(found.curve.y - WAVES)[seen].max() < 0.2
    assert seen[np.abs(X - at) > 1.3].all()


def test_a_trace_that_only_waves_at_its_ends_is_whole() -> None:
    (found,) = without_seams([strip(WAVES)])
    assert np.isfinite(found.curve.y).all()


def test_a_beat_away_from_the_ends_is_whole() -> None:
    y = WAVES - 12 * np.exp(-(((X - 14.0) / 0.4) ** 2))
    (found,) = without_seams([strip(y)])
    assert np.isfinite(found.curve.y).all()


def test_a_stroke_to_another_level_near_the_end_is_a_pulses() -> None:
    y = np.where(X[-1] - X < 3.0, WAVES - 10.0, WAVES)
    (found,) = without_seams([strip(y)])
    assert np.isnan(found.curve.y[X[-1] - X < 2.9]).all()
    assert np.isfinite(found.curve.y[X[-1] - X > 3.2]).all()


def test_a_beat_near_the_end_that_comes_back_is_whole() -> None:
    y = WAVES - 12 * np.exp(-(((X - (X[-1] - 2.5)) / 0.4) ** 2))
    (found,) = without_seams([strip(y)])
    assert np.isfinite(found.curve.y).all()


@pytest.mark.parametrize("before", [3.6, 3.9, 4.2, 4.5])
def test_a_beat_about_the_place_where_a_pulse_may_begin_is_whole(before: float) -> None:
    y = WAVES - 20 * np.exp(-(((X - (X[-1] - before)) / 0.4) ** 2))
    (found,) = without_seams([strip(y)])
    assert np.isfinite(found.curve.y).all()


def test_a_ruled_edge_that_a_trace_runs_into_is_none() -> None:
    y = np.where(X[-1] - X < 8.0, 40.0, WAVES)
    (found,) = without_seams([strip(y)])
    assert np.isnan(found.curve.y[X[-1] - X < 7.9]).all()
    assert np.isfinite(found.curve.y[X[-1] - X > 8.2]).all()


def test_a_separator_of_which_a_stroke_alone_is_seen_is_left_out() -> None:
    y = np.where(X[-1] - 0.15 < X, WAVES - 5.0 * (X - X[-1] + 0.15) / 0.15, WAVES)
    y[(X[-1] - 0.4 < X) & (X[-1] - 0.12 > X)] = np.nan  # a label's ink
    (found,) = without_seams([strip(y)])
    seen = np.isfinite(found.curve.y)
    assert np.abs(found.curve.y - WAVES)[seen].max() < 0.2


def test_a_short_piece_between_an_end_and_a_label_is_left_out() -> None:
    y = np.where((X - X[0] > 2.2) & (X - X[0] < 5.0), np.nan, WAVES)
    (found,) = without_seams([strip(y)])
    assert np.isnan(found.curve.y[X - X[0] < 5.0]).all()
    assert np.isfinite(found.curve.y[X - X[0] > 5.1]).all()


@pytest.mark.parametrize("way", [1, -1])
def test_a_separator_beside_what_is_left_of_a_beat_is_left_out(way: int) -> None:
    inwards = (X - X[0] if way > 0 else X[::-1] - X[0]).round(3)
    y = np.where(inwards < 0.4, WAVES + 10.0, WAVES)
    y[(inwards > 1.4) & (inwards < 2.1)] -= 6.0
    (found,) = without_seams([strip(y)])
    assert np.isnan(found.curve.y[inwards < 2.0]).all()
    assert np.isfinite(found.curve.y[inwards > 2.3]).all()
