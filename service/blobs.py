"""Where the store keeps its bytes, whole or not at all, and durable before anyone is told; and a folder for it."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol
from uuid import uuid4

from ecg.errors import Overloaded, SetupError

UNFINISHED: Final = "unfinished"  # drafts
ERASED: Final = "erased"  # what is being removed
ABANDONED: Final = 3600.0  # seconds after which nobody works on a draft any more


class Blobs(Protocol):
    """Where bytes are kept. A key is a path with slashes; what is below a key is deleted with it.

    A folder is several files that stand together at one key, all of them or none.

    Raises, each method:
        Overloaded: the place does not take it or give it now.
    """

    def put_if_absent(self, key: str, data: bytes) -> None:
        """Keep a blob, unless one stands there: the first one stays."""

    def put(self, key: str, data: bytes) -> None:
        """Keep a blob in the place of what stands there; a reader sees the one or the other."""

    def put_folder(self, key: str, files: Mapping[str, bytes]) -> None:
        """Keep a folder, unless one stands there: the first one stays."""

    def get(self, key: str) -> bytes | None:
        """Return a blob, or None where there is none."""

    def get_folder(self, key: str) -> dict[str, bytes]:
        """Return all files of a folder by name, none where there is no folder."""

    def get_from(self, key: str, name: str) -> bytes | None:
        """Return one file of a folder, or None where there is none."""

    def has_folder(self, key: str) -> bool:
        """Say whether a folder stands there; what stands below the key is none of its files."""

    def names(self, key: str) -> list[str]:
        """Return the names that stand directly below a key, in order. Some places go on to name an emptied folder."""

    def delete(self, key: str) -> None:
        """Remove what stands at a key and below it. Again, it finishes what a crash left."""

    def sweep(self) -> None:
        """Remove what a crash left unfinished, once it is old."""

    def check(self) -> None:
        """Keep and remove a blob."""


class FolderBlobs:
    """Blobs as files, readable by their owner alone, on disk with their directories before a call returns.

    Raises:
        SetupError: the folder cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        self._at = directory
        for each in (directory, directory / UNFINISHED, directory / ERASED):
            try:
                each.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise SetupError(f"TWELVELEAD_DATA is no directory that can be used: {error.strerror}.") from error
        _sync(directory)
        self.sweep()

    def put_if_absent(self, key: str, data: bytes) -> None:
        """Keep a blob, unless one stands there: the first one stays."""
        path = self._at / key
        with _disk():
            if not path.exists():
                self._make(path.parent)
                draft = self._draft()
                _write(draft, data)
                with suppress(FileExistsError):
                    os.link(draft, path)
                draft.unlink()
            _sync(path.parent)  # also where it stands: who put it there may not have come so far

    def put(self, key: str, data: bytes) -> None:
        """Keep a blob in the place of what stands there; a reader sees the one or the other."""
        path = self._at / key
        with _disk():
            self._make(path.parent)
            draft = self._draft()
            _write(draft, data)
            draft.replace(path)
            _sync(path.parent)

    def put_folder(self, key: str, files: Mapping[str, bytes]) -> None:
        """Keep a folder, unless one stands there: the first one stays."""
        home = self._at / key
        with _disk():
            if not home.exists():
                self._move_in(files, home)
            _sync(home.parent)

    def get(self, key: str) -> bytes | None:
        """Return a blob, or None where there is none."""
        with _disk(), suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return (self._at / key).read_bytes()
        return None

    def get_folder(self, key: str) -> dict[str, bytes]:
        """Return all files of a folder by name, none where there is no folder."""
        with _disk(), suppress(FileNotFoundError, NotADirectoryError):
            return {each.name: each.read_bytes() for each in (self._at / key).iterdir() if not each.is_dir()}
        return {}

    def get_from(self, key: str, name: str) -> bytes | None:
        """Return one file of a folder, or None where there is none."""
        return self.get(f"{key}/{name}")

    def has_folder(self, key: str) -> bool:
        """Say whether a folder stands there; what stands below the key is none of its files."""
        with _disk(), suppress(FileNotFoundError, NotADirectoryError):
            return any(each.is_file() for each in (self._at / key).iterdir())
        return False

    def names(self, key: str) -> list[str]:
        """Return the names that stand directly below a key, in order."""
        with _disk(), suppress(FileNotFoundError, NotADirectoryError):
            return sorted(each.name for each in (self._at / key).iterdir())
        return []

    def delete(self, key: str) -> None:
        """Remove what stands at a key and below it. Again, it finishes what a crash left."""
        path = self._at / key
        with _disk():
            with suppress(FileNotFoundError, NotADirectoryError):
                path.rename(self._at / ERASED / uuid4().hex)  # at once, so that nobody reads half of it
                _sync(path.parent)
            for each in (self._at / ERASED).iterdir():
                _remove(each)
            _sync(self._at / ERASED)

    def sweep(self) -> None:
        """Remove what a crash left unfinished. It may be another process's work, so only what is old."""
        with _disk():
            for draft in (self._at / UNFINISHED).iterdir():
                with suppress(FileNotFoundError):  # another process may be sweeping too
                    if time.time() - draft.stat().st_mtime >= ABANDONED:
                        _remove(draft)

    def check(self) -> None:
        """Write, sync and remove a file."""
        with _disk():
            probe = self._draft()
            _write(probe, b"ready?")
            probe.unlink()

    def _draft(self) -> Path:
        return self._at / UNFINISHED / uuid4().hex

    def _make(self, directory: Path) -> None:
        """Make a directory and those above it, each on disk before there is anything in it."""
        if not directory.exists():
            self._make(directory.parent)
            directory.mkdir(mode=0o700, exist_ok=True)
            _sync(directory.parent)

    def _move_in(self, files: Mapping[str, bytes], home: Path) -> None:
        draft = self._draft()
        draft.mkdir(mode=0o700)
        try:
            for name, data in files.items():
                _write(draft / name, data)
            _sync(draft)
            self._make(home.parent)
            draft.rename(home)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not home.exists():  # else another request was quicker with the same folder
                raise


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Overloaded("It cannot be kept or read: the disk refused.") from error


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):  # another process may be removing it too
        if path.is_dir():
            shutil.rmtree(path, onerror=_unless_gone)
        else:
            path.unlink()


def _unless_gone(function: Any, path: str, raised: tuple[type[BaseException], BaseException, TracebackType]) -> None:
    if not isinstance(raised[1], FileNotFoundError):
        raise raised[1]
