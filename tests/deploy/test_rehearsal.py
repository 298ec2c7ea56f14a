"""The chart's pods as processes: ECGs go through them to EHR and PACS while each role is replaced."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.deploy import pods
from tests.peers import postgresql, seaweedfs, test_spine

EACH = int(os.environ.get("REHEARSAL_ECGS", "2"))  # sent while one role is replaced
NAMESPACE = ("unshare", "--net", "--mount", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    absent = "" if seaweedfs.WEED.exists() and shutil.which("ss") else "SeaweedFS or ss is not installed"
    if reason := pods.missing() or postgresql.MISSING or test_spine.missing() or absent:
        pytest.skip(reason)
    at = tmp_path_factory.mktemp("pods")
    command = (*NAMESPACE, sys.executable, "-m", "tests.deploy.rehearsal", str(at), str(EACH))
    done = subprocess.run(command, cwd=pods.ROOT, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_every_ecg_that_was_taken_is_reported_once_everywhere(found: dict[str, Any]) -> None:
    sent = found["sent"]
    assert sent == 3 * EACH
    assert found["ledger"] == {"job": {"done": sent}, "delivery": {"delivered": 2 * sent}}
    assert found["ehr"] == found["ehr_copies"] == sent
    kinds = (
        found["pacs_instances"] / sent
    )  # document, picture, structured report: as many of each study, each in a series
    assert found["pacs_studies"] == sent and kinds == int(kinds) >= 2 and found["pacs_series"] == kinds * sent


def test_every_role_that_was_replaced_finished_what_it_had_in_hand(found: dict[str, Any]) -> None:
    assert found["exits"] == {"api": 0, "dicom": 0, "worker": 0}


def test_what_listens_is_what_is_declared(found: dict[str, Any]) -> None:
    assert found["ports"] == {
        "api": {"listening": [8443, 9090], "declared": [8443, 9090]},
        "dicom": {"listening": [9090, 11112], "declared": [9090, 11112]},
        "worker": {"listening": [9090], "declared": [9090]},
    }


def test_without_credentials_nothing_but_health_answers(found: dict[str, Any]) -> None:
    health = ["/health/live", "/health/ready"]
    assert found["unasked"] == dict.fromkeys(("api:8443", "api:9090", "dicom:9090", "worker:9090"), health)
    plain, unnamed, named = found["stranger"]
    assert plain != 0 and unnamed != 0 and named == 0
    assert found["metrics"] is True, "with a credential they do"


def test_a_pod_writes_to_its_own_volumes_alone(found: dict[str, Any]) -> None:
    assert found["writes"] == ["/tmp", str(pods.UID)]


def test_helm_test_finds_every_pod_ready(found: dict[str, Any]) -> None:
    assert len(found["test"]) == 3 and all(each.endswith(" ready") for each in found["test"])


def test_the_migrations_came_before_all(found: dict[str, Any]) -> None:
    assert found["migrations"] > 0
