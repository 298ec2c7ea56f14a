"""Real scans by every door, without a flag: the command, HTTP, and a PACS that sends what dcmtk made of them."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom import dcmread

from adapters.dicom.codes import JPEG_BASELINE
from adapters.dicom.results import own_report_id, part10, secondary_capture
from tests.golden.reports import report
from tests.golden.site import COMMAND, Site

SHARED = next((each for root in Path(__file__).parents if (each := root / "shared" / "samples").is_dir()), Path("-"))
SCAN = SHARED / "scans" / "ecg00024.jpg"
BASELINE = SHARED / "scans" / "ecg00012.jpg"  # as JPEG baseline, the one kind that DICOM still has
CORNER = SHARED / "scans" / "ecg00008.jpg"
PRINT = SHARED / "prints" / "anonymous_ecg_3x4_1.pdf"
TOOLS = ("storescu", "pdf2dcm", "img2dcm", "dcmcjpeg")
UUIDS = re.compile(r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.MULTILINE)
OURS = report(asserted=("MI",))
TITLE = "Digitised from an image - experimental"
WARD = '[[destination]]\nname = "ward"\nkind = "folder"\ndirectory = "{place}/ward"\n'

pytestmark = [
    pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/samples"),
    pytest.mark.skipif(any(shutil.which(each) is None for each in TOOLS), reason="dcmtk is not installed"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def site(place: Path) -> Iterator[Site]:
    with Site(place / "site", WARD.format(place=place)) as made:
        made.command("destinations", "go-live", "ward")
        yield made


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[httpx.Client]:
    with site.start() as opened:
        opened.timeout = httpx.Timeout(120)
        yield opened


def jobs(site: Site) -> set[str]:
    """Return the ids of all jobs, each at the begin of a line: a report may stand at its end."""
    return set(UUIDS.findall(site.command("jobs", "list")))


def pushed(site: Site, client: httpx.Client, file: Path) -> dict[str, Any]:
    """Send a file by C-STORE, and return its job once that has ended."""
    before = jobs(site)
    words = ["storescu", "--propose-jpeg8", "-aec", "TWELVELEAD", "127.0.0.1", str(site.dicom_port), str(file)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    (new,) = jobs(site) - before
    end = time.monotonic() + 120
    while (job := client.get(f"/v1/jobs/{new}").json())["state"] not in ("done", "discarded"):
        assert time.monotonic() < end, job
        time.sleep(0.2)
    return dict(job)


def wrapped(source: Path, to: Path) -> Path:
    """Have dcmtk make an Encapsulated PDF, or of a JPEG file a Secondary Capture."""
    patient = {"PatientID": "4711", "PatientName": "Example^Eve", "PatientSex": "F"}
    keys = [word for name, value in patient.items() for word in ("--key", f"{name}={value}")]
    tool = "pdf2dcm" if source.suffix == ".pdf" else "img2dcm"
    subprocess.run([tool, *keys, str(source), str(to)], check=True, capture_output=True, timeout=60)
    return to


def delivered(place: Path, job: dict[str, Any]) -> Path:
    """Return where the ward holds a job's report, as soon as it does."""
    assert job["state"] == "done", job
    at, end = place / "ward" / job["links"]["report"].rpartition("/")[2], time.monotonic() + 60
    while not at.is_dir():
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return at


def test_a_pdf_that_a_pacs_sends_ends_as_a_delivered_report_on_the_page(
    site: Site, client: httpx.Client, place: Path
) -> None:
    job = pushed(site, client, wrapped(PRINT, place / "pdf.dcm"))
    at = delivered(place, job)
    assert TITLE in (at / "bundle.json").read_text(encoding="utf-8")
    page = client.get(job["links"]["report"]).json()["recording"]["page"]
    assert page["layout"] == "3x4+1"
    assert (at / "page.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_a_pacs_sends_as_secondary_capture_does_too(
    site: Site, client: httpx.Client, place: Path
) -> None:
    at = delivered(place, pushed(site, client, wrapped(BASELINE, place / "scan.dcm")))
    assert TITLE in (at / "bundle.json").read_text(encoding="utf-8")


def test_a_picture_without_an_ecg_is_taken_and_its_job_ends_with_the_reason(
    site: Site, client: httpx.Client, place: Path
) -> None:
    job = pushed(site, client, wrapped(CORNER, place / "corner.dcm"))
    assert job["state"] == "discarded" and "report" not in job["links"] and job["error"]


def test_our_own_picture_is_known_when_a_pacs_has_compressed_it(place: Path) -> None:
    ours, compressed = place / "ours.dcm", place / "compressed.dcm"
    ours.write_bytes(part10(secondary_capture(OURS)))
    subprocess.run(["dcmcjpeg", "+eb", str(ours), str(compressed)], check=True, capture_output=True, timeout=60)
    assert dcmread(compressed).file_meta.TransferSyntaxUID == JPEG_BASELINE
    assert own_report_id(compressed.read_bytes()) == OURS.id


def test_a_scan_by_http_is_answered_with_its_report(client: httpx.Client) -> None:
    answer = client.post("/v1/ecgs", content=SCAN.read_bytes())
    assert answer.status_code == 201, answer.text
    assert TITLE in client.get(answer.json()["reports"][0]["links"]["report"]).text


def test_the_command_reads_a_scan(place: Path) -> None:
    words = [*COMMAND, "read", str(SCAN), "--out", str(place / "read")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert TITLE in (place / "read" / "report.json").read_text(encoding="utf-8")
    assert (place / "read" / "page.png").exists()
