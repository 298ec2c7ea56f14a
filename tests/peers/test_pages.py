"""Pages that other programs drew are read as what they show, in millivolt, or refused."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.ludb import LUDB
from benchmarks.pages.draw import KINDS, PYTHON, draw
from benchmarks.pages.settings import setting

COUNT = 2  # one by each program
SEED = 7

pytestmark = [
    pytest.mark.skipif(not PYTHON.exists(), reason="tests/peers/install.sh has not installed the programs that draw"),
    pytest.mark.skipif(not LUDB.is_dir(), reason="no ../shared/samples/ludb"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pages")
    draw(out, COUNT, SEED)
    return out


def test_every_page_lies_there_in_each_kind_beside_its_truth(pages: Path) -> None:
    names = [setting(number, SEED).name for number in range(COUNT)]
    for kind in KINDS:
        assert sorted(each.stem for each in (pages / kind).iterdir()) == names
    assert {setting(number, SEED).tool for number in range(COUNT)} == {"dicom-ecg-plot", "ecg-plot"}
    for name in names:
        truth = np.load(pages / "truth" / f"{name}.npy")
        assert truth.shape == (12, 5000) and np.isfinite(truth).any(axis=1).all()
