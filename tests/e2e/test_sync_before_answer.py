"""As the kernel saw it: file and folder are synced and the database has committed before the acknowledgement leaves."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.golden.site import COMMAND, Site, ecg

CALLS = "fsync,fdatasync,link,linkat,rename,renameat,write,sendto,sendmsg"
# Queries and command completion: https://www.postgresql.org/docs/18/protocol-message-formats.html
COMMIT = r'sendto\(\d+<UNIX-STREAM:\[(\d+)->(\d+)\]>, "Q\\0\\0\\0\\vCOMMIT'
ANSWERS = {
    "http": r'(?:sendto|write)\(\d+<TCP.*>, "HTTP/1\.1 202',
    "dicom": r'(?:sendto|write)\(\d+<TCP.*>, "\\4\\0\\0\\0',  # PS3.8 9.3.5: a P-DATA-TF PDU
}


@dataclass(frozen=True)
class Call:
    """A call that succeeded: its thread, and where in the trace it began and ended."""

    thread: str
    began: int
    ended: int
    text: str


def calls(trace: Path) -> list[Call]:
    """Return the calls of a trace in the order in which they began; strace splits those that others overtake."""
    made, begun = [], dict[str, tuple[int, str]]()
    for at, line in enumerate(trace.read_text(errors="replace").splitlines()):
        thread, _, text = line.partition(" ")
        began = at
        if text.endswith("<unfinished ...>"):
            begun[thread] = (at, text.removesuffix("<unfinished ...>"))
            continue
        if resumed := re.match(r" *<\.\.\. \w+ resumed>", text):
            began, start = begun.pop(thread)
            text = start + text[resumed.end() :]
        if not re.search(r"= -1 \w+ ", text):
            made.append(Call(thread, began, at, text.strip()))
    return sorted(made, key=lambda each: each.began)


def first(made: list[Call], pattern: str, after: int, thread: str = "") -> Call:
    of_thread = (each for each in made if thread in {"", each.thread})
    return next(each for each in of_thread if each.began > after and re.search(pattern, each.text))


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """Trace a service and its embedded database that take one ECG by HTTP, then one by C-STORE."""
    for program in ("strace", "storescu"):
        if not shutil.which(program):
            pytest.skip(f"no {program}: apt-get install strace dcmtk")
    if subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace may not trace here")
    at = tmp_path_factory.mktemp("traced")
    strace = ("strace", "-D", "-f", "-qq", "-yy", "-s", "40", "-e", f"trace={CALLS}", "-o", str(at / "trace"))
    with Site(at, "", command=(*strace, *COMMAND)) as site, site.start() as client:
        assert client.post("/v1/ecgs", content=ecg(1), headers={"Prefer": "respond-async"}).status_code == 202
        (at / "ecg.dcm").write_bytes(ecg(2))
        words = ["storescu", "-v", "-aec", "TWELVELEAD", "127.0.0.1", str(site.dicom_port), str(at / "ecg.dcm")]
        assert "(Success)" in subprocess.run(words, capture_output=True, text=True, check=True).stderr
    return calls(at / "trace")


@pytest.mark.parametrize("place, door", list(enumerate(ANSWERS)))
def test_everything_is_durable_before_the_answer_leaves(trace: list[Call], place: int, door: str) -> None:
    linked = [each for each in trace if re.match(r"link(?:at)?\(.*/payloads/", each.text)]
    assert len(linked) == len(ANSWERS)
    link = linked[place]
    draft, folder = re.findall(r'"([^"]+)"', link.text)
    synced = next(each for each in trace if each.text.startswith("fsync(") and f"<{draft}>" in each.text)
    folder = Path(folder).parent
    entered = first(trace, rf"^fsync\(\d+<{re.escape(str(folder))}>", link.ended)
    commit = first(trace, COMMIT, entered.ended, link.thread)
    ours, theirs = re.search(COMMIT, commit.text).groups()  # type: ignore[union-attr]
    logged = first(trace, r"^fdatasync\(\d+<.*/pg_wal/", commit.began)
    committed = first(trace, rf'sendto\(\d+<UNIX-STREAM:\[{theirs}->{ours}.*"C\\0\\0\\0\\vCOMMIT', commit.began)
    answer = first(trace, ANSWERS[door], synced.began)
    order = [synced.ended, link.began, link.ended, entered.began, entered.ended, commit.began]
    order += [logged.ended, committed.began, answer.began]
    assert order == sorted(order), (
        "file synced, linked, folder synced, commit asked, WAL synced, commit answered, answer"
    )
