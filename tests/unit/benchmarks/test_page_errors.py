"""The figures for simulated digitisation find what was done to a page."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.pages import errors
from benchmarks.pages.errors import of_page, table
from tests.golden import corpus as golden
from training.corpus import Corpus

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
    assert told.startswith("# 1 pages read of 2; 0.083 of their leads not found.")
    gain = next(line for line in told.splitlines() if line.startswith("page_gain,"))
    assert float(gain.split(",")[1]) == pytest.approx(np.log(0.9), abs=0.01)


def test_a_column_that_lies_elsewhere_is_late_and_its_leads_are_true() -> None:
    rng = np.random.default_rng(2)
    truth = np.full((12, 5000), np.nan, dtype=np.float32)
    found = truth.copy()
    for row in range(12):
        start = row // 6 * 2500
        truth[row, start : start + 2400] = np.convolve(rng.normal(size=2500), np.hanning(101), "valid") / 10
        late = 100 if start else 0
        found[row, start - late : start + 2400 - late] = truth[row, start : start + 2400]
    page = of_page(truth, found)
    assert [one.column for one in page if one is not None] == 6 * [0.0] + 6 * [-0.2]
    assert all(one is not None and abs(one.gain) < 0.01 and one.noise < 0.01 for one in page)


def test_pages_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Corpus(golden.write(tmp_path / "corpus", golden.rows(per_fold=2, folds=range(1, 3))))
    first = list(errors.pages(corpus, [1, 2], tmp_path / "kept", (2, 5)))
    assert len(first) == 2 and sorted(file.name.split("-")[1] for file in (tmp_path / "kept").iterdir()) == [
        "photo",
        "scan",
    ]

    def read_again(_data: bytes) -> None:
        raise AssertionError("a page that is kept is not read again")

    monkeypatch.setattr(errors, "read_page", read_again)
    assert list(errors.pages(corpus, [1, 2], tmp_path / "kept", (2, 5))) == first
