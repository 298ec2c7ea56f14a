"""Each role as a process of its own, several of some, on one database and one data folder."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pynetdicom import AE, build_role

from adapters.dicom.codes import EXPLICIT_LITTLE
from adapters.dicom.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, Commitment
from service.commitments import DatabaseInbox
from service.database import Database

COMMAND = str(Path(sys.executable).with_name("twelvelead"))
SETTLED = 120.0  # seconds, far more than it takes


@contextmanager
def role(name: str, data: Path, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a process of one role; give it with its first line."""
    command = [COMMAND, "serve", "--role", name, "--port", "0", "--dicom-port", "0"]
    with log.open("ab") as written:
        process = subprocess.Popen(
            command, env=os.environ | {"TWELVELEAD_DATA": str(data)}, stdout=subprocess.PIPE, stderr=written
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline().decode()
        assert line, log.read_text()
        yield process, line
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        assert process.wait(60) == 0, "told to stop, it ends in order"


def port_of(line: str) -> int:
    found = re.search(r"port (\d+)|:(\d+)/", line)
    assert found, line
    return int(found[1] or found[2])


def echo(port: int, *words: str) -> int:
    command = [COMMAND, "echo", "--port", str(port), *words]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode


def store(port: int, file: Path) -> int:
    entity = AE("CART")
    dataset = dcmread(file)
    entity.add_requested_context(dataset.SOPClassUID, EXPLICIT_LITTLE)
    association = entity.associate("127.0.0.1", port, ae_title="TWELVELEAD")
    status = int(association.send_c_store(dataset).Status)
    association.release()
    return status


def give_word(port: int, transaction: str) -> int:
    """Send a PACS's word on storage commitment."""
    entity, item, word = AE("PACS"), Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    word.TransactionUID, word.ReferencedSOPSequence = transaction, [item]
    entity.add_requested_context(PUSH_MODEL)
    roles = [build_role(PUSH_MODEL, scp_role=True)]
    association = entity.associate("127.0.0.1", port, ae_title="TWELVELEAD", ext_neg=roles)
    answer, _ = association.send_n_event_report(word, 1, PUSH_MODEL, PUSH_MODEL_INSTANCE)
    association.release()
    return int(answer.Status)


def test_each_role_in_its_own_process_and_two_listeners(tmp_path: Path, sample: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "log"
    with ExitStack() as stack:
        _, web = stack.enter_context(role("http", data, log))
        listeners = [port_of(stack.enter_context(role("dicom", data, log))[1]) for _ in range(2)]
        assert [echo(each) for each in listeners] == [0, 0]
        assert [store(each, sample) for each in listeners] == [0, 0]
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port_of(web)}", timeout=60))
        accepted = client.post("/v1/ecgs", content=sample.read_bytes(), headers={"Prefer": "respond-async"})
        assert accepted.status_code == 202, "nobody works yet"
        (job,) = accepted.json()["jobs"]
        stack.enter_context(role("work", data, log))
        assert settled(client, job["links"]["job"]) == "done"
        # What one listener hears, whoever waits for it elsewhere gets.
        assert give_word(listeners[1], "2.25.77") == 0
        database = Database("", data / "postgres")
        stack.callback(database.close)
        assert DatabaseInbox(database).result("2.25.77", 0) == Commitment("2.25.77", ("1.2.3",))
    assert echo(listeners[0]) == 1, "it has ended"
    assert echo(listeners[0], "--ae-title", "A TITLE THAT IS TOO LONG") == 78, "the settings are wrong"


def settled(client: httpx.Client, job: str) -> str:
    end = time.monotonic() + SETTLED
    while (state := str(client.get(job).json()["state"])) == "waiting" and time.monotonic() < end:
        time.sleep(0.1)
    return state


@pytest.mark.parametrize(
    "parts, absent",
    [
        ("service.listener; service.intake", {"torch", "fastapi", "uvicorn", "reportlab"}),
        ("service.queue", {"fastapi", "starlette", "uvicorn", "python_multipart"}),
        ("__import__('service.api.app'); service.intake", {"torch", "reportlab"}),
    ],
    ids=["dicom", "work", "http"],
)
def test_a_role_loads_only_what_it_needs(tmp_path: Path, parts: str, absent: set[str]) -> None:
    code = (
        "import sys; from service.cli import serve; from service.settings import load_settings; "
        f"service = serve.Service(load_settings(data={str(tmp_path / 'data')!r})); {parts}; "
        "service.database.close(); print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert not absent & set(done.stdout.split())
