"""Many at once, among real peers: one report per ECG, each its own patient's, and what comes back makes no work."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.peers.test_spine import NAMESPACE, missing

HERE = Path(__file__).parent
ROUTED = 200


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if reason := missing():
        pytest.skip(reason)
    place = tmp_path_factory.mktemp("crowd")
    command = (*NAMESPACE, sys.executable, str(HERE / "crowd.py"), str(place), str(ROUTED))
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_one_ecg_fifty_times_at_once_by_every_door_is_one_report(told: dict[str, Any]) -> None:
    said = told["race"]
    assert said["states"] == ["delivered"] * 3
    assert said["ehr"] == {said["subject"]: 1} and said["ward"] == 1
    assert said["pacs"] == 3, "a document, a picture and a structured report"


def test_one_signal_of_two_patients_is_two_reports_each_with_its_patient(told: dict[str, Any]) -> None:
    said = told["twins"]
    assert said["right"] and set(said["states"]) == {"delivered"}
    assert list(said["ehr"].values()) == [1, 1, 1] and said["ward"] == 3


def test_a_pacs_that_sends_back_all_it_gets_makes_no_work(told: dict[str, Any]) -> None:
    said, ecgs = told["routed"], ROUTED + 3
    assert said["states"] == ["delivered"] * (2 * ROUTED + 9) and said["after"]
    assert said["ward"] == ecgs
    # The first three ECGs never were in the PACS themselves; of the others it holds the ECG too.
    assert said["pacs"] == 4 * ecgs - 3
