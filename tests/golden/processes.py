"""Processes that tests end."""

import os
import signal

import psutil


def kill_server(pid: int) -> None:
    """Kill a process of PostgreSQL, and only such a one.

    A pid that a file still names may be anyone's by now: pids come again after 32,768 processes, which one run of the
    crash matrix starts.

    Raises:
        ProcessLookupError: there is none by that pid, or it is another program's.
    """
    try:
        name = psutil.Process(pid).name()
    except psutil.NoSuchProcess as gone:
        raise ProcessLookupError(pid) from gone
    if name != "postgres":
        raise ProcessLookupError(pid)
    os.kill(pid, signal.SIGKILL)
