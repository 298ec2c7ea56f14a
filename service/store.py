"""Keeps issued reports in a folder: whole or not at all, and on disk before anyone is told."""

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
IDENTITIES: Final = "identities"  # identities/<ECG's identity>, holding the report id
UNFINISHED: Final = "unfinished"
ABANDONED: Final = 3600.0  # seconds after which nobody works on a draft any more

Files = Mapping[str, bytes]


class Store:
    """A folder of reports. Files are readable by their owner alone: they hold patients' data.

    Raises:
        SetupError: the folder cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        self._at = directory
        for each in (directory, *(directory / name for name in (REPORTS, RESOURCES, IDENTITIES, UNFINISHED))):
            try:
                each.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise SetupError(f"TWELVELEAD_DATA is no directory that can be used: {error.strerror}.") from error
        self._sweep()

    def report_of(self, identity: UUID) -> UUID | None:
        """Return the id of the first report on an ECG, or None where there is none."""
        path = self._at / IDENTITIES / str(identity)
        return UUID(path.read_text()) if path.is_file() else None

    def put(self, identity: UUID, report_id: UUID, files: Files, resources_of: Callable[[Files], Files]) -> None:
        """Keep a report's files, its FHIR resources, and that the ECG has it. Twice does no harm: the first stays.

        Args:
            identity: of the ECG.
            report_id: of the report on it.
            files: name and bytes of each rendering.
            resources_of: gives the FHIR resources ('type/id' to JSON) of the files that stand.

        Raises:
            Overloaded: the disk does not take them; nothing is announced.
        """
        try:
            home = self._at / REPORTS / str(report_id)
            self._put_folder(home, files)
            # An earlier attempt may have left the folder: its resources belong to it, not to this attempt's files.
            for name, data in resources_of({each.name: each.read_bytes() for each in home.iterdir()}).items():
                self._put_file(self._at / RESOURCES / f"{name}.json", data)
            # Last, since it is what makes the report findable by its ECG.
            self._put_file(self._at / IDENTITIES / str(identity), str(report_id).encode())
        except OSError as error:
            raise Overloaded("The report cannot be kept: the disk refused it.") from error

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
        if path.exists():
            return
        draft = self._at / UNFINISHED / uuid4().hex
        _write(draft, data)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        finally:
            draft.unlink()
        _sync(path.parent)


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
