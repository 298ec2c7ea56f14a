"""Rows of traces: the level between their beats."""

import numpy as np
import pytest

from adapters.scan.rows import baseline


@pytest.mark.parametrize("level", [1.0, 1.149, 1.67, 120.0])
@pytest.mark.parametrize("beat", [0.0, 0.1, 0.3, 12.0])
def test_a_trace_has_a_baseline_however_little_it_moves(level: float, beat: float) -> None:
    y = np.full(400, level)
    y[::50] -= beat
    assert baseline(y) == pytest.approx(level, abs=0.05)


def test_a_trace_of_which_nothing_is_seen_has_none() -> None:
    assert np.isnan(baseline(np.full(10, np.nan)))
