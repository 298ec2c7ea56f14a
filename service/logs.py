"""What the process says of itself: lines with the job's id, and nothing in which a library quotes what it read."""

import logging
import sys
import threading
import warnings
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Final

import structlog
from structlog.contextvars import bound_contextvars as bound
from structlog.stdlib import ProcessorFormatter

__all__ = ["bound", "named", "set_up_logs"]

# These quote values of the dataset or the request they stumble over, which may be a patient's.
QUOTING: Final = (
    *("pydicom", "pynetdicom", "uvicorn.access", "multipart", "python_multipart", "httpx", "httpcore"),
    "py.warnings",
)
# Ours speak from the level that is set; libraries from warnings on, for below they quote what they handle.
OURS: Final = ("ecg", "adapters", "models", "service")
# What a line may carry beside its text and what is bound to it; whatever else is handed to it is dropped.
FIELDS: Final = ("code", "error", "outcome", "part", "seconds", "signal", "status")

Line = MutableMapping[str, Any]


def set_up_logs(form: str = "auto", level: str = "info") -> None:
    """Log to standard error, as JSON or as text; silence libraries that quote what they read.

    Args:
        form: json, text, or auto: text on a terminal, JSON elsewhere.
        level: the least that is said: debug, info, warning or error.
    """
    terminal = sys.stderr.isatty()
    handler = logging.StreamHandler()
    handler.setFormatter(_formatter(as_text=form == "text" or (form == "auto" and terminal), colors=terminal))
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(least)
    handler.addFilter(_is_no_quotation)  # a level would not do: pydicom sets its own when it is imported
    logging.captureWarnings(True)
    warnings.filterwarnings("ignore", module=r"pydicom\b")
    threading.excepthook = _thread_died


def _is_no_quotation(record: logging.LogRecord) -> bool:
    return not any(record.name == each or record.name.startswith(f"{each}.") for each in QUOTING)


def _formatter(*, as_text: bool, colors: bool) -> ProcessorFormatter:
    told = structlog.dev.ConsoleRenderer(colors=colors) if as_text else structlog.processors.JSONRenderer()
    return ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.ExtraAdder(allow=FIELDS),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_text_of_errors,
        ],
        processors=[ProcessorFormatter.remove_processors_meta, told],
    )


def _without_text_of_errors(logger: Any, method: str, line: Line) -> Line:
    """Name an error by class and place: its text may hold a patient's data, also where a library wrote it out."""
    line.pop("stack_info", None)
    line["event"] = str(line["event"]).partition("\n")[0]  # libraries write the rest of a trace below it
    _, error, _ = line.pop("exc_info", None) or (None, None, None)
    if error is None:
        return line
    for each in _chain(error):
        for text in filter(None, (repr(each), str(each))):
            line["event"] = line["event"].replace(text, type(each).__name__)
    line["error"] = named(error)
    return line


def named(error: BaseException) -> str:
    """Return class and place (module:line) of an error and of what caused it, without their texts."""
    return ", from ".join(f"{type(each).__name__} at {_place(each.__traceback__)}" for each in _chain(error))


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _place(trace: TracebackType | None) -> str:
    """Return where an error was raised: module and line."""
    if trace is None:
        return "nowhere"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', 'unknown')}:{trace.tb_lineno}"


def _thread_died(died: threading.ExceptHookArgs) -> None:
    if died.exc_value is not None:
        told = (died.exc_type, died.exc_value, died.exc_traceback)
        logging.getLogger(__name__).error("a thread died", exc_info=told)
