"""The service outlives its database: it says that it cannot take anything meanwhile, and goes on afterwards."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.golden.site import Site, ecg
from tests.peers import postgresql

FOLDER = '[[destination]]\nname = "ward"\nkind = "folder"\ndirectory = "{}"\n'
HANG = 120.0  # seconds, ten times what it takes


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path, FOLDER.format(tmp_path / "ward")) as site:
        site.command("destinations", "go-live", "ward")
        yield site


def delivered(client: httpx.Client, number: int) -> None:
    """Send an ECG until it is acknowledged; see that it is delivered."""
    end = time.monotonic() + HANG
    while not (answer := client.post("/v1/ecgs", content=ecg(number))).is_success:
        assert answer.status_code == 503 and time.monotonic() < end, answer.text
        time.sleep(0.1)
    told = answer.json()
    job = told["jobs"][0]["id"] if "jobs" in told else told["reports"][0]["job"]
    states: list[str] = []
    while states != ["delivered"]:
        assert time.monotonic() < end, states
        time.sleep(0.1)
        asked = client.get(f"/v1/jobs/{job}")
        states = [each["state"] for each in asked.json().get("deliveries", [])]


def test_an_embedded_database_that_is_killed_is_started_again_while_the_service_goes_on(embedded: Site) -> None:
    with embedded.start() as client:
        assert embedded.process is not None
        delivered(client, 0)
        for number in range(1, 4):
            before = embedded.postmaster()
            embedded.kill_database()
            delivered(client, number)
            assert embedded.process.poll() is None and embedded.postmaster() != before
        assert client.get("/health/ready").status_code == 200


def test_an_external_database_may_go_and_come_back(tmp_path: Path) -> None:
    if postgresql.MISSING:
        pytest.skip(postgresql.MISSING)
    ward = FOLDER.format(tmp_path / "ward")
    with postgresql.cluster() as database, Site(tmp_path, ward, database.url) as site:
        site.command("destinations", "go-live", "ward")
        (tmp_path / "ecg.dcm").write_bytes(ecg(9))
        with site.start() as client:
            delivered(client, 0)
            for number, end in enumerate(("immediate", "fast"), start=1):
                database.stop(end)
                answer = client.post("/v1/ecgs", content=ecg(number))
                assert answer.status_code == 503 and answer.headers["Retry-After"]
                assert "Refused: OutOfResources" in stored(site, tmp_path / "ecg.dcm")  # 0xA700
                assert client.get("/health/live").status_code == 200
                assert client.get("/health/ready").status_code == 503
                database.start()
                delivered(client, number)
            assert "Success" in stored(site, tmp_path / "ecg.dcm")
            assert site.process is not None and site.process.poll() is None


def stored(site: Site, file: Path) -> str:
    """Return what storescu says of the answer to a C-STORE."""
    words = ["storescu", "-v", "-aec", "TWELVELEAD", "127.0.0.1", str(site.dicom_port), str(file)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=HANG).stderr
