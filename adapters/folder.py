"""Deliver reports into a folder: one folder for each report, whole or not there at all."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from adapters.fhir.bundle import encode
from adapters.fhir.frame import DEFAULTS, FhirSettings
from ecg.errors import Unreachable
from ecg.report import Receipt, Report

PDF: Final = "report.pdf"
BUNDLE: Final = "bundle.json"
DRAFT: Final = ".unfinished-"  # hidden, so that whoever watches the folder takes none for a report
REPLACED: Final = ".replaced-"  # as hidden, while the next version takes its place
VERSION: Final = "VERSION"  # the number of the version, where it is not the first
VERSIONS: Final = "versions"
WITHDRAWN: Final = "WITHDRAWN.txt"
ABANDONED: Final = 3600.0  # seconds after which nobody works on a draft any more


class FolderDestination:
    """A Destination that writes <report id>/report.pdf, bundle.json and the pictures (PNG).

    Only the owner can read them. A report's folder that is there stays as it is until the next version comes: that
    takes its place, and what was there moves to <report id>/versions/<version>. A withdrawn report's folder, and each
    of those below it, says so in a file WITHDRAWN.txt.
    """

    def __init__(self, directory: Path, name: str = "folder", settings: FhirSettings = DEFAULTS) -> None:
        self._at = directory
        self._name = name
        self._settings = settings

    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        """Deliver a report. The folder itself says which version it holds, whatever is `held`.

        Raises:
            Unreachable: the disk does not take it; the report's folder is not there, or holds what it did before.
        """
        home = self._at / str(report.id)
        try:
            self._at.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sweep()
            self._finish(home)
            if not home.is_dir():
                self._put(home, self._files(report))
            elif _version(home) < report.version:
                self._replace(home, report)
            _sync(self._at)  # on a repeat as well: the first attempt may have ended before it came to this
        except OSError as error:
            raise Unreachable("The folder does not take the report.") from error
        return Receipt(self._name, home.name)

    def check(self) -> None:
        """Look whether the folder takes anything.

        Raises:
            Unreachable: it does not.
        """
        probe = self._at / f"{DRAFT}{uuid4().hex}"
        try:
            self._at.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe.mkdir(mode=0o700)
            probe.rmdir()
        except OSError as error:
            raise Unreachable("The folder takes nothing.") from error

    def _files(self, report: Report) -> dict[str, bytes]:
        files = {PDF: report.pdf, BUNDLE: encode(report, self._settings)}
        files |= {f"{picture.name}.png": picture.png for picture in report.pictures}
        if report.version > 1:
            files[VERSION] = f"{report.version}\n".encode()
        return files | (_notice(report) if report.withdrawn else {})

    def _replace(self, home: Path, report: Report) -> None:
        """Put the next version in place by two renames; between them, a crash leaves what `_finish` puts back."""
        draft = self._at / f"{DRAFT}{uuid4().hex}"
        former = draft / VERSIONS / str(_version(home))
        former.mkdir(mode=0o700, parents=True)
        for name, data in self._files(report).items():
            _write(draft / name, data)
        if (home / VERSIONS).is_dir():
            shutil.copytree(home / VERSIONS, draft / VERSIONS, copy_function=os.link, dirs_exist_ok=True)
        for each in home.iterdir():
            if each.is_file() and each.name != VERSION:
                os.link(each, former / each.name)
        if report.withdrawn:
            for earlier in (draft / VERSIONS).iterdir():
                for name, data in _notice(report).items():
                    _write(earlier / name, data)
        for directory in (*(draft / VERSIONS).iterdir(), draft / VERSIONS, draft):
            _sync(directory)
        home.rename(self._replaced(home))
        draft.rename(home)
        _sync(self._at)
        shutil.rmtree(self._replaced(home))

    def _finish(self, home: Path) -> None:
        """Bring a replacement that a crash cut off to its end, or back to its beginning."""
        if (replaced := self._replaced(home)).is_dir():
            if home.is_dir():
                shutil.rmtree(replaced)
            else:
                replaced.rename(home)

    def _replaced(self, home: Path) -> Path:
        return self._at / f"{REPLACED}{home.name}"

    def _put(self, home: Path, files: dict[str, bytes]) -> None:
        """Write into a draft, then give it its name in one step (POSIX rename)."""
        draft = self._at / f"{DRAFT}{uuid4().hex}"
        try:
            draft.mkdir(mode=0o700)
            for name, data in files.items():
                _write(draft / name, data)
            _sync(draft)
            draft.rename(home)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not home.is_dir():  # else another process was quicker with the same report
                raise

    def _sweep(self) -> None:
        """Remove drafts that a crash left. They may be another process's work, so only what is old."""
        for draft in self._at.glob(f"{DRAFT}*"):
            with suppress(FileNotFoundError):  # another process may be sweeping too
                if time.time() - draft.stat().st_mtime > ABANDONED:
                    shutil.rmtree(draft, ignore_errors=True)


def _version(home: Path) -> int:
    return int((home / VERSION).read_text()) if (home / VERSION).is_file() else 1


def _notice(report: Report) -> dict[str, bytes]:
    return {WITHDRAWN: "".join(f"{each.text}\n" for each in report.sentences).encode()}


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
