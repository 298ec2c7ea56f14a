"""A line of the log has the ids that are bound, and no text of an error or of a library below a warning."""

import asyncio
import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.logs import OURS, QUOTING, bound, named, set_up_logs

PLANTED = "Zebediah^Quokka"
Said = Callable[[], str]


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Said]:
    """Return what reads standard error; put back what setting up the logs changes in the process."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, (*OURS, *QUOTING))]
    before = [(each, each.level) for each in loggers], root.handlers[:], threading.excepthook
    with warnings.catch_warnings():
        yield lambda: capsys.readouterr().err
        logging.captureWarnings(False)
    levels, root.handlers, threading.excepthook = before
    for each, level in levels:
        each.setLevel(level)


def lines(said: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in said.splitlines()]


def fail() -> None:
    try:
        raise KeyError(PLANTED)
    except KeyError as error:
        raise ValueError(f"no {PLANTED}") from error


def test_a_line_is_json_with_what_is_bound_and_what_it_may_carry(stderr: Said) -> None:
    set_up_logs()
    with bound(job_id="a job", attempt=2):
        logging.getLogger("service.worker").info("interpreted", extra={"seconds": {"read": 0.1}, "patient": PLANTED})
    logging.getLogger("adapters.dicom.listener").info("afterwards")
    said = stderr()
    first, second = lines(said)
    assert (first["event"], first["job_id"], first["attempt"]) == ("interpreted", "a job", 2)
    assert (first["level"], first["logger"], first["seconds"]) == ("info", "service.worker", {"read": 0.1})
    assert first["timestamp"].endswith("Z")
    assert second["event"] == "afterwards" and "job_id" not in second
    assert PLANTED not in said


def test_text_is_for_people(stderr: Said) -> None:
    set_up_logs("text")
    with bound(job_id="a-job"):
        logging.getLogger("service").info("interpreted")
    said = stderr()
    assert "interpreted" in said and "job_id=a-job" in said
    with pytest.raises(ValueError):
        json.loads(said)


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("name", ["service.worker", "procrastinate.worker", "uvicorn.error", "asyncio"])
def test_an_error_is_named_by_class_and_place_and_never_quoted(stderr: Said, form: str, name: str) -> None:
    set_up_logs(form)
    try:
        fail()
    except ValueError as error:
        logging.getLogger(name).error("it failed: %s\n  %r", error, error, exc_info=True)
        logging.getLogger(name).exception("again: %r", error)
    said = stderr()
    assert PLANTED not in said and "Zebediah" not in said
    assert said.count(f"ValueError at {__name__}:") == said.count(f"from KeyError at {__name__}:") == 2


def test_a_name_of_an_error_has_its_causes() -> None:
    with pytest.raises(ValueError) as caught:
        fail()
    line = fail.__code__.co_firstlineno
    assert named(caught.value) == f"ValueError at {__name__}:{line + 4}, from KeyError at {__name__}:{line + 2}"
    assert named(ValueError(PLANTED)) == "ValueError at nowhere"


def test_what_dies_unseen_is_told_without_its_text(stderr: Said) -> None:
    set_up_logs()
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()

    async def forget() -> None:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "never retrieved", "exception": ValueError(PLANTED), "future": PLANTED}
        )

    asyncio.run(forget())
    said = stderr()
    died, forgotten = lines(said)
    assert died["event"] == "a thread died" and died["error"].startswith("ValueError at ")
    assert forgotten["event"] == "never retrieved"
    assert "Zebediah" not in said


def test_libraries_say_nothing_below_a_warning_and_those_that_quote_nothing_at_all(stderr: Said) -> None:
    set_up_logs(level="debug")
    logging.getLogger("service.intake").debug("ours")
    logging.getLogger("procrastinate").info(PLANTED)
    for name in QUOTING:
        logging.getLogger(f"{name}.deep").critical(PLANTED)
    warnings.simplefilter("always")
    warnings.warn(PLANTED, UserWarning, stacklevel=1)
    assert [each["event"] for each in lines(stderr())] == ["ours"]


def test_the_least_level_holds_for_everyone(stderr: Said) -> None:
    set_up_logs(level="error")
    logging.getLogger("service.intake").warning("ours")
    logging.getLogger("procrastinate").warning("theirs")
    assert stderr() == ""
