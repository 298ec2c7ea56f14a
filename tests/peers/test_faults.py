"""However a destination fails: one copy in the end, or a dead letter with its reason, and no other held up."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.peers.faulty import KINDS
from tests.peers.test_spine import NAMESPACE, missing

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if reason := missing():
        pytest.skip(reason)
    command = (*NAMESPACE, sys.executable, str(HERE / "faults.py"), str(tmp_path_factory.mktemp("faults")))
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize("fault", ["", *KINDS])
def test_one_copy_in_the_end(told: dict[str, Any], fault: str) -> None:
    said = told[fault]
    assert [said["deliveries"][each] for each in ("ehr", "pacs", "ward")] == [["delivered", None]] * 3
    assert (said["ehr"], said["pacs"]) == (1, 3), "a DiagnosticReport; a document, a picture and a structured report"


@pytest.mark.parametrize("fault", ["dies", "garbage", "hangs up"])
def test_the_fault_was_met(told: dict[str, Any], fault: str) -> None:
    assert told[fault]["storing"]["ehr"] > told[""]["storing"]["ehr"]
    assert told[fault]["storing"]["pacs"] > told[""]["storing"]["pacs"]


def test_what_refuses_for_good_is_asked_once(told: dict[str, Any]) -> None:
    assert all(said["refusing"] == 1 for said in told.values())
    assert all(said["deliveries"]["refusing"][0] == "dead" for said in told.values())
    assert "0xA900" in told[""]["deliveries"]["refusing"][1]


def test_an_http_refusal_is_a_dead_letter_with_its_reason(told: dict[str, Any]) -> None:
    said = told["forbidden"]
    assert said["deliveries"]["ehr"] == ["dead", "transaction: HTTP 403"]
    assert said["storing"]["ehr"] == 1, "asked once"
    assert said["ehr"] == 0


def test_a_dead_peer_holds_up_nobody(told: dict[str, Any]) -> None:
    assert all(said["deliveries"]["gone"][0] == "waiting" for said in told.values())
