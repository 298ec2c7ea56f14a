"""Asks what may hang: one question at a time, an answer that is kept for a while, a wait that ends."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Final, Generic, TypeVar

Answer = TypeVar("Answer")

AGAIN: Final = 0.1  # seconds: what mends itself, such as a worker that has just begun, is seen soon


class Probe(Generic[Answer]):
    """One question, asked in a thread of its own, whose answer serves everyone for `keep` seconds, an error for AGAIN.

    While it hangs it is not asked again, so that what is stuck is not piled upon.
    """

    def __init__(self, question: Callable[[], Answer], keep: float) -> None:
        self._question, self._keep = question, keep
        self._lock = Lock()
        self._future: Future[Answer] = Future()
        self._stale_at = 0.0  # seconds of the monotonic clock
        self._future.cancel()

    def ask(self) -> Future[Answer]:
        """Return the answer that stands, or one that is on its way."""
        with self._lock:
            if self._future.done() and time.monotonic() >= self._stale_at:
                self._future = Future()
                Thread(target=self._find, args=(self._future,), name="probe", daemon=True).start()
            return self._future

    def _find(self, future: Future[Answer]) -> None:
        try:
            answer = self._question()
        except Exception as error:  # it belongs to whoever asked
            self._stale_at = time.monotonic() + AGAIN
            future.set_exception(error)
        else:
            self._stale_at = time.monotonic() + self._keep
            future.set_result(answer)
