"""Keeps payloads and reports in a folder: whole or not at all, and on disk before anyone is told."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from ecg.errors import Overloaded, SetupError

REPORTS: Final = "reports"  # reports/<report id>/<file>
RESOURCES: Final = "resources"  # resources/<type>/<id>.json
PAYLOADS: Final = "payloads"  # payloads/<first two digits>/<sha256>, and <sha256>.<digest>.json what was declared
UNFINISHED: Final = "unfinished"
ABANDONED: Final = 3600.0  # seconds after which nobody works on a draft any more

Files = Mapping[str, bytes]


class Store:
    """A folder of payloads and reports. Files are readable by their owner alone: they hold patients' data.

    Raises:
        SetupError: the folder cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        self._at = directory
        for each in (directory, *(directory / name for name in (REPORTS, RESOURCES, PAYLOADS, UNFINISHED))):
            try:
                each.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise SetupError(f"TWELVELEAD_DATA is no directory that can be used: {error.strerror}.") from error
        _sync(directory)
        self._sweep()

    def put_payload(self, sha256: str, data: bytes) -> None:
        """Keep a payload by its digest. Twice does no harm.

        Raises:
            Overloaded: the disk does not take it.
        """
        try:
            self._put_file(self._payload(sha256), data)
        except OSError as error:
            raise Overloaded("The payload cannot be kept: the disk refused it.") from error

    def payload(self, sha256: str) -> bytes:
        """Return a payload that was kept.

        Raises:
            LookupError: it is not there, or no longer what it was.
        """
        path = self._payload(sha256)
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise LookupError("a payload is missing or damaged")
        return data

    def put_declared(self, sha256: str, digest: str, data: bytes) -> None:
        """Keep what was declared with a payload beside it. Twice does no harm.

        Raises:
            Overloaded: the disk does not take it.
        """
        try:
            self._put_file(self._declared(sha256, digest), data)
        except OSError as error:
            raise Overloaded("What was declared cannot be kept: the disk refused it.") from error

    def declared(self, sha256: str, digest: str) -> bytes:
        """Return what was declared with a payload; its digest is the caller's to check.

        Raises:
            LookupError: it is not there.
        """
        path = self._declared(sha256, digest)
        if not path.is_file():
            raise LookupError("what was declared with a payload is missing")
        return path.read_bytes()

    def put_report(self, report_id: UUID, files: Files, resources_of: Callable[[Files], Files]) -> None:
        """Keep a report's files and its FHIR resources. Twice does no harm: the first stays.

        Args:
            report_id: of the report.
            files: name and bytes of each rendering.
            resources_of: gives the FHIR resources ('type/id' to JSON) of the files that stand.

        Raises:
            Overloaded: the disk does not take them; nothing is announced.
        """
        try:
            home = self._at / REPORTS / str(report_id)
            self._put_folder(home, files)
            # An earlier attempt may have left the folder: its resources belong to it, not to this attempt's files.
            for name, data in resources_of(self.files(report_id)).items():
                self._put_file(self._at / RESOURCES / f"{name}.json", data)
        except OSError as error:
            raise Overloaded("The report cannot be kept: the disk refused it.") from error

    def files(self, report_id: UUID) -> dict[str, bytes]:
        """Return all files of a report by name, none where there is no report."""
        home = self._at / REPORTS / str(report_id)
        return {each.name: each.read_bytes() for each in home.iterdir()} if home.is_dir() else {}

    def file(self, report_id: UUID, name: str) -> bytes | None:
        """Return a file of a report, or None where there is none."""
        path = self._at / REPORTS / str(report_id) / name
        return path.read_bytes() if path.is_file() else None

    def resource(self, kind: str, resource_id: UUID) -> bytes | None:
        """Return a FHIR resource as JSON, or None where there is none."""
        path = self._at / RESOURCES / kind / f"{resource_id}.json"
        return path.read_bytes() if path.is_file() else None

    def check(self) -> None:
        """Write, sync and remove a file.

        Raises:
            Overloaded: the disk does not take it.
        """
        probe = self._at / UNFINISHED / uuid4().hex
        try:
            _write(probe, b"ready?")
            probe.unlink()
        except OSError as error:
            raise Overloaded("The store takes no files.") from error

    def _sweep(self) -> None:
        """Remove what a crash left unfinished. It may be another process's work, so only what is old."""
        for draft in (self._at / UNFINISHED).iterdir():
            with suppress(FileNotFoundError):  # another process may be sweeping too
                if time.time() - draft.stat().st_mtime < ABANDONED:
                    continue
                if draft.is_dir():
                    shutil.rmtree(draft)
                else:
                    draft.unlink()

    def _put_folder(self, home: Path, files: Files) -> None:
        if home.exists():
            _sync(home.parent)
            return
        draft = self._at / UNFINISHED / uuid4().hex
        draft.mkdir(mode=0o700)
        try:
            for name, data in files.items():
                _write(draft / name, data)
            _sync(draft)
            draft.rename(home)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not home.exists():  # else another request was quicker with the same report
                raise
        _sync(home.parent)

    def _put_file(self, path: Path, data: bytes) -> None:
        """Put a file in place, unless one stands there: the first one stays."""
        if not path.exists():
            if not path.parent.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _sync(path.parent.parent)
            draft = self._at / UNFINISHED / uuid4().hex
            _write(draft, data)
            with suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        _sync(path.parent)  # also where it stands: who put it there may not have come so far

    def _payload(self, sha256: str) -> Path:
        return self._at / PAYLOADS / sha256[:2] / sha256

    def _declared(self, sha256: str, digest: str) -> Path:
        return self._at / PAYLOADS / sha256[:2] / f"{sha256}.{digest}.json"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
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
