"""The figures for simulated digitisation find what was done to a page."""

import numpy as np
import pytest

from benchmarks.pages.errors import of_page, table

FS = 500


def test_gain_lag_gap_and_loss_are_found() -> None:
    time = np.arange(5000) / FS
    truth = np.tile(np.exp(-((((time % 0.8) - 0.4) / 0.03) ** 2)), (12, 1)).astype(np.float32)
    found = truth * 0.9
    found[3] = np.roll(truth[3], 5)
    found[4, :100], found[4, 2000:2100] = np.nan, np.nan
    found[5] = np.nan
    found[6] += np.random.default_rng(1).normal(0, 0.02, 5000)
    page = of_page(truth, found)
    assert page[5] is None
    assert (
        page[0] is not None
        and page[0].gain == pytest.approx(np.log(0.9), abs=0.01)
        and page[0].lag == pytest.approx(0, abs=0.003)
    )
    assert page[3] is not None and page[3].lag == pytest.approx(0.01, abs=0.004)
    assert (
        page[4] is not None
        and page[4].late == pytest.approx(0.2, abs=0.01)
        and page[4].gap == pytest.approx(0.02, abs=0.001)
    )
    assert page[6] is not None and page[0].noise < 0.003 < page[6].noise < 0.02
    told = table([page, None])
    assert "| pages read of all | 1 of 2 |" in told and "| LOST | 0.083 |" in told
