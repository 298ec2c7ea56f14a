"""Work on foreign bytes is done apart: what crashes, hoards or never ends costs its own answer alone."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from adapters.scan import child
from adapters.scan.apart import START
from adapters.scan.sandbox import Sandbox

# Work that does as it is told: what a hostile page would make of a decoder.
OBEDIENT = "def work(data):\n    held = {}\n    exec(data.decode(), held)\n    return held['answer']"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(OBEDIENT)
    yield made
    made.close()


def test_work_is_done_and_answered(sandbox: Sandbox) -> None:
    assert sandbox.run(b"answer = b'done'") == b"done"


def test_much_goes_in_and_comes_out(sandbox: Sandbox) -> None:
    assert len(sandbox.run(b"answer = bytes(3_000_000)" + b" " * 2_000_000) or b"") == 3_000_000


@pytest.mark.parametrize(
    "harm",
    [
        "import os; os.abort()",
        "raise ValueError",
        "import ctypes; ctypes.string_at(0)",
        "answer = bytes(1_200_000_000)[:1]",
        "open('/tmp/left-behind', 'w').write('x')",
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
        "answer = b''",
        "import os; os.kill(os.getpid(), 9)",
    ],
)
def test_harm_ends_with_its_page(sandbox: Sandbox, harm: str) -> None:
    assert sandbox.run(harm.encode()) is None
    assert sandbox.run(b"answer = b'well'") == b"well"


def test_a_page_is_given_its_gigabyte(sandbox: Sandbox) -> None:
    assert sandbox.run(b"answer = bytes(800_000_000)[:1]") == b"\0"


def test_no_page_meets_what_another_left_behind(sandbox: Sandbox) -> None:
    assert sandbox.run(b"import sys; sys.left = 1; answer = b'done'") == b"done"
    assert sandbox.run(b"import sys; answer = str(hasattr(sys, 'left')).encode()") == b"False"


def test_the_child_knows_no_secret_of_the_service(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWELVELEAD_DATABASE", "postgresql://somebody:secret@database/")
    fresh = Sandbox(OBEDIENT)
    assert b"secret" not in (fresh.run(b"import os; answer = repr(dict(os.environ)).encode()") or b"secret")
    fresh.close()


def test_a_loop_ends_by_its_time_of_the_processor(sandbox: Sandbox) -> None:
    limits = (
        b"import resource as r; answer = repr([r.getrlimit(each) for each in (r.RLIMIT_CPU, r.RLIMIT_CORE)]).encode()"
    )
    assert sandbox.run(limits) == repr([(child.CPU_SECONDS, child.CPU_SECONDS), (0, 0)]).encode()
    shorter = b"import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass"
    began = time.monotonic()
    assert sandbox.run(shorter) is None
    assert time.monotonic() - began < child.WALL_SECONDS


def test_a_template_that_ended_is_started_again(sandbox: Sandbox) -> None:
    parent = int(sandbox.run(b"import os; answer = str(os.getppid()).encode()") or 0)
    os.kill(parent, 9)
    assert sandbox.run(b"answer = b'again'") in (b"again", None)  # the one on its way may be lost
    assert sandbox.run(b"answer = b'again'") == b"again"


def test_threads_share_a_sandbox(sandbox: Sandbox) -> None:
    answers: list[bytes | None] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(sandbox.run(f"answer = b'{n}'".encode()))) for n in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(each or b"" for each in answers) == [b"0", b"1", b"2", b"3"]


def test_what_reads_print_is_loaded_before_a_page_comes() -> None:
    asked = "def work(_):\n    return str(recogniser.cache_info().currsize).encode()"
    pages = Sandbox(f"{START}\n{asked}")
    assert pages.run(b"") == b"1"
    pages.close()
