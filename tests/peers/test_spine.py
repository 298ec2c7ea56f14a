"""PACS in, EHR and PACS out, among real peers: one ECG by every door is one report, one copy everywhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DICOMWEB = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
NAMESPACE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def missing() -> str:
    """Return why this cannot run here, or nothing."""
    if absent := [each for each in ("Orthanc", "storescu", "node", "unshare", "ip") if shutil.which(each) is None]:
        return f"{', '.join(absent)} is not installed"
    if not Path(DICOMWEB).exists():
        return "Orthanc's DICOMweb plugin (Debian: orthanc-dicomweb) is not installed"
    if not (HERE.parents[1] / ".peers" / "fhir-medplum" / "node_modules").exists():
        return "tests/peers/install.sh has not installed Medplum"
    if os.getuid() or subprocess.run((*NAMESPACE, "true"), capture_output=True, check=False).returncode:
        return "a network namespace of one's own needs root here"
    return ""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if reason := missing():
        pytest.skip(reason)
    command = (*NAMESPACE, sys.executable, str(HERE / "spine.py"), str(tmp_path_factory.mktemp("spine")))
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_every_door_takes_it(told: dict[str, Any]) -> None:
    assert told["pushed"] == [0, 0], "storescu, explicit and implicit VR"
    assert told["forwarded"] == 0, "failures of Orthanc's forwarding by C-STORE"
    assert told["stowed"] == "1", "Orthanc forwards by STOW-RS"


def test_one_ecg_by_every_door_is_one_job(told: dict[str, Any]) -> None:
    assert told["known"] is True and told["jobs"] == 1


def test_every_destination_has_it_once(told: dict[str, Any]) -> None:
    assert told["deliveries"] == {name: ["delivered", None] for name in ("ehr", "pacs", "ward")}
    assert told["ward"] == [told["report"]]
    assert told["ehr"]["DiagnosticReport"] == 1 and told["ehr"]["Observation"] >= 7 and told["ehr"]["Media"] >= 1


def test_the_study_holds_the_ecg_and_all_of_its_report(told: dict[str, Any]) -> None:
    assert len(told["pacs"]) == 4 and {"ECG", "SR"} <= set(told["pacs"])


def test_our_own_reports_that_come_back_are_taken_and_dropped(told: dict[str, Any]) -> None:
    assert told["returned"] == [4, 0]
    assert told["stowed_back"] == "4", "all four by STOW-RS"
    assert told["jobs"] == 1
