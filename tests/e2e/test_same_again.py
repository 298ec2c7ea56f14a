"""The same ECG, models and time of issue give the same bytes, whatever carried them; another model gives another id."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
import wfdb
from PIL import Image

from ecg.report import Report
from models.network import WEIGHTS
from service.pipeline import interpret
from service.settings import Settings
from service.wiring import build_router
from tests.conftest import ISSUED
from tests.golden.dicom_files import BIG, DEFLATED, EXPLICIT, IMPLICIT, Who, to_bytes, twelve_lead_dataset

ReportOn = Callable[..., Report]
LUDB = Path(__file__).parents[3] / "shared" / "samples" / "ludb"
FilesOf = Callable[[Report], dict[str, bytes]]


def beats(number: int) -> np.ndarray:
    """Return int16 (5000, 12): one of LUDB's ECGs in uV."""
    return np.asarray(wfdb.rdrecord(str(LUDB / str(number))).p_signal * 1000, dtype=np.int16)


@pytest.fixture(scope="module")
def explained(report_on: ReportOn) -> bytes:
    """Return an ECG of which the shipped model asserts something, so that there are maps."""
    if not LUDB.is_dir():
        pytest.skip("needs LUDB's records under ../shared/samples")
    for number in (1, 5, 10, 16, 20):
        data = to_bytes(twelve_lead_dataset(beats(number), who=Who(name="Zebediah^Quokka", id="PLANTED-4711")))
        if report_on(data).reading.explanations:
            return data
    raise AssertionError("the model finds nothing in any of these ECGs")


def test_in_one_process(explained: bytes, report_on: ReportOn, files_of: FilesOf) -> None:
    first, second = report_on(explained), report_on(explained)
    assert files_of(first) == files_of(second) and first.id == second.id
    assert {"report.pdf", "bundle.json", "report.json"} < set(files_of(first))


def test_in_many_threads(explained: bytes, report_on: ReportOn, files_of: FilesOf) -> None:
    alone = files_of(report_on(explained))
    with ThreadPoolExecutor(4) as pool:
        for report in pool.map(report_on, [explained] * 4):
            assert files_of(report) == alone


def test_in_other_processes_with_other_hash_seeds(
    explained: bytes, report_on: ReportOn, files_of: FilesOf, tmp_path: Path
) -> None:
    (tmp_path / "ecg").write_bytes(explained)
    here = files_of(report_on(explained))
    command = [str(Path(sys.executable).with_name("twelvelead")), "read", "ecg", "--issued", ISSUED.isoformat()]
    for seed in ("1", "2"):
        subprocess.run(
            [*command, "--out", seed],
            cwd=tmp_path, env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True,
        )  # fmt: skip
        assert {each.name: each.read_bytes() for each in (tmp_path / seed).iterdir()} == here


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_in_another_transfer_syntax(
    syntax: str, sample: Path, read_sample: Report, report_on: ReportOn, files_of: FilesOf
) -> None:
    copy = to_bytes(pydicom.dcmread(sample), syntax)
    assert copy != sample.read_bytes()
    assert files_of(report_on(copy)) == files_of(read_sample)


def test_another_time_of_issue_is_another_issue_of_the_same_report(
    sample: Path, read_sample: Report, report_on: ReportOn, files_of: FilesOf
) -> None:
    later = report_on(sample.read_bytes(), ISSUED + timedelta(hours=1))
    assert later.id == read_sample.id
    said = [json.loads(files_of(each)["report.json"])["issued"] for each in (read_sample, later)]
    assert said == ["2026-01-31T12:00:00+00:00", "2026-01-31T13:00:00+00:00"]


def test_another_version_of_the_model_makes_another_report(
    read_sample: Report, settings: Settings, tmp_path: Path
) -> None:
    weights = shutil.copytree(settings.weights or WEIGHTS, tmp_path / "weights")
    card = weights / "twelve-lead.json"
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {"version": content["version"] + "-next"}))
    router = build_router(settings.model_copy(update={"weights": weights}))
    other = interpret(read_sample.recording, router=router, issued=ISSUED)
    assert other.id != read_sample.id


def test_the_pictures_are_pngs_that_hold_pixels_alone(explained: bytes, report_on: ReportOn) -> None:
    for picture in report_on(explained).pictures:
        with Image.open(io.BytesIO(picture.png)) as image:
            image.load()
            assert image.format == "PNG" and min(image.size) > 400
        assert {b"IHDR", b"IDAT", b"IEND"} < chunks(picture.png) <= {b"IHDR", b"PLTE", b"IDAT", b"IEND"}


def chunks(png: bytes) -> set[bytes]:
    """Return the types of a PNG's chunks (PNG specification, 5.3)."""
    found, at = set(), 8
    while at < len(png):
        found.add(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return found
