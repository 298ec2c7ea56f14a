"""Pages that other programs drew are read as what they show, in millivolt, or refused."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.ludb import LUDB
from benchmarks.pages.draw import KINDS, PYTHON, draw
from benchmarks.pages.measure import measure
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


@pytest.mark.parametrize("kind, least", [("vector", 20.0), ("clean", 12.0)])
def test_what_is_read_is_what_was_drawn(pages: Path, kind: str, least: float) -> None:
    for file in sorted((pages / kind).iterdir()):
        read = measure(file, kind, pages / "truth")
        assert not read.reason and read.scaled and not read.off, (file.name, read.reason)
        assert read.snr > least, (file.name, read.snr)


def test_what_is_scanned_or_photographed_is_read_or_refused_but_never_to_another_scale(pages: Path) -> None:
    for kind in ("scan", "photo"):
        for file in sorted((pages / kind).iterdir()):
            assert not [
                each for each in measure(file, kind, pages / "truth").leads if each.time and abs(each.time - 1) > 0.05
            ]
