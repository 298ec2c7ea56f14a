"""`twelvelead read` and `POST /v1/ecgs` take every format without being told which."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from adapters.archive import packed
from adapters.readers import READERS
from ecg.ports import Reader
from tests.golden.payloads import GOLDEN
from tests.golden.site import COMMAND, Site

SHARED = Path(__file__).parents[3] / "shared" / "samples"
LUDB, HL7 = SHARED / "ludb", SHARED / "fhir" / "observation_ekg.json"

each_reader = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with Site(tmp_path_factory.mktemp("formats"), "") as site, site.start() as client:
        yield client


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, "read", *map(str, words)], env=os.environ, capture_output=True, text=True)


@each_reader
def test_read_writes_a_report_of_it(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "ecg").write_bytes(GOLDEN[reader.name]().data)
    done = run(tmp_path / "ecg", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert f"({reader.name})" in done.stdout
    assert list((tmp_path / "out").rglob("report.pdf")) and list((tmp_path / "out").rglob("bundle.json"))


@each_reader
def test_a_posted_one_is_answered_with_its_report_and_known_again_in_an_archive(
    reader: Reader, client: httpx.Client
) -> None:
    ecg = GOLDEN[reader.name]().data
    first = client.post("/v1/ecgs", content=ecg, timeout=120)
    assert first.status_code == 201, first.text
    again = client.post("/v1/ecgs", content=packed({"inner.zip": ecg, "again": ecg}), timeout=120)
    assert again.status_code == 200, again.text
    ids = {each["id"] for each in first.json()["reports"]}
    assert {each["id"] for each in again.json()["reports"]} == ids
    report = client.get(f"/v1/reports/{min(ids)}").json()
    assert report["recording"]["reader"] == reader.name


@pytest.mark.skipif(not HL7.exists(), reason="../shared/samples is not there")
def test_the_standards_own_example_needs_a_unit_and_is_abstained_from(client: httpx.Client, tmp_path: Path) -> None:
    refused = run(HL7, "--out", tmp_path / "out")
    assert refused.returncode == 65 and refused.stderr.startswith("ambiguous-payload: ") and "unit" in refused.stderr
    done = run(HL7, "--declare", "unit=uV", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_bytes())
    assert report["prediction"]["abstention"] and report["prediction"]["scores"] == []
    assert client.post("/v1/ecgs", content=HL7.read_bytes()).status_code == 422
    assert client.post("/v1/ecgs?unit=uV", content=HL7.read_bytes()).status_code == 201


@pytest.mark.skipif(not LUDB.is_dir(), reason="../shared/samples is not there")
def test_a_wfdb_header_brings_what_lies_beside_it(tmp_path: Path) -> None:
    done = run(LUDB / "1.hea", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "12 leads, 500 Hz, 10.0 s" in done.stdout


@pytest.mark.parametrize("word", ["unit", "gain=200", "fs=0", "fs=many"])
def test_what_cannot_be_declared_is_refused(word: str, sample: Path, tmp_path: Path) -> None:
    done = run(sample, "--declare", word, "--out", tmp_path / "out")
    assert done.returncode != 0 and done.stderr.startswith("invalid-query: ")


def test_help_names_what_may_be_declared() -> None:
    assert (
        "--declare"
        in subprocess.run(
            [sys.executable, "-m", "service.cli", "read", "--help"], capture_output=True, text=True
        ).stdout
    )
