"""Pages that other programs drew are read as what they show, in millivolt, or refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adapters.scan.digitise import digitise
from adapters.scan.pictures import page
from benchmarks.ludb import LUDB
from benchmarks.pages.draw import KINDS, LIMBS, PYTHON, draw, draw_pages
from benchmarks.pages.measure import OFF_GAIN, PageFigure, measure
from benchmarks.pages.settings import Setting, setting
from ecg.leads import LEADS

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


@pytest.mark.parametrize("kind, least", [("vector", 40.0), ("clean", 12.0)])
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


SCALES = [(5, 25), (20, 25), (10, 50), (5, 50)]  # mm/mV, mm/s
BOTH = "Limb: 10 mm/mV Chest: 5 mm/mV"


def at(number: int, gain: int, speed: float, chest: float = 1.0, **options: object) -> Setting:
    """A page of a gain and a speed: dicom-ecg-plot's layouts follow the number, ecg-plot's is the usual one."""
    drawn = setting(number, SEED)
    layout = drawn.layout if drawn.tool == "dicom-ecg-plot" and speed == 25 else "3x4+1"
    kept = {**drawn.options, **({"style": drawn.options["style"] or {}} if "style" in drawn.options else {})}
    return replace(drawn, layout=layout, gain=gain, speed=speed, chest=chest, options=kept | options)


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of other gains and speeds, then two with chest leads half as high: one says so, one has pulses alone."""
    out = tmp_path_factory.mktemp("scaled")
    usual = [at(number, *scale) for number, scale in enumerate(SCALES)]
    style = {"calibration": True, "line_width": 0.25}
    told = at(5, 10, 25, 0.5, style=style, options={"title": BOTH})
    untold = at(7, 10, 25, 0.5, style=style, silent=True)
    draw_pages(out, [*usual, told, untold], SEED)
    return out


def wrong(read: PageFigure) -> list[str]:
    """Return which of limb and chest leads are said to be to scale, and in the median are not."""
    parts = {"limb": LEADS[:LIMBS], "chest": LEADS[LIMBS:]}
    gains = {
        name: [each.gain for each in read.leads if each.gain and each.lead in some] for name, some in parts.items()
    }
    off = [name for name, some in gains.items() if some and abs(np.median(some) - 1) > OFF_GAIN]
    return off if read.scaled else []


@pytest.mark.parametrize("kind", ["vector", "clean", "scan"])
def test_other_gains_and_speeds_are_read_or_refused_but_never_silently_taken_for_the_usual(
    scaled: Path, kind: str
) -> None:
    for file in sorted((scaled / kind).iterdir())[: len(SCALES)]:
        read = measure(file, kind, scaled / "truth")
        assert not wrong(read), file.name
        assert kind != "vector" or (not read.reason and read.scaled)


@pytest.mark.parametrize("kind", ["vector", "clean"])
def test_a_gain_that_print_gives_the_chest_leads_is_theirs(scaled: Path, kind: str) -> None:
    (file,) = (scaled / kind).glob("005.*")
    read = measure(file, kind, scaled / "truth")
    assert kind != "vector" or not read.reason
    assert not wrong(read)


@pytest.mark.parametrize("kind", ["vector", "clean"])
def test_a_gain_of_the_chest_leads_that_nothing_tells_is_said_to_be_assumed(scaled: Path, kind: str) -> None:
    (file,) = (scaled / kind).glob("007.*")
    read = measure(file, kind, scaled / "truth")
    assert kind != "vector" or not read.reason
    if read.scaled and not read.reason:
        evidence = digitise(page(file.read_bytes(), 0)).evidence
        assert evidence.gain_assumed == LEADS[LIMBS:] and "V1 to V6 assumed" in evidence.scale
        assert "limb" not in wrong(read)
