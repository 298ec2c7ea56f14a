"""Keeps payloads and reports: whole or not at all, and durable before anyone is told."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

from service.blobs import Blobs, FolderBlobs

REPORTS: Final = "reports"  # reports/<report id>/<file>
RESOURCES: Final = "resources"  # resources/<type>/<id>.json
DIGITS: Final = 64  # of a SHA-256 in hexadecimal
PAYLOADS: Final = "payloads"  # payloads/<first two digits>/<sha256>, and <sha256>.<digest>.json what was declared
SHARED: Final = "Device/"  # the same resource for all reports of one model: it names no patient, and stays

Files = Mapping[str, bytes]


class Store:
    """Payloads and reports in a folder, or wherever blobs are kept.

    Raises:
        SetupError: the folder cannot be made.
    """

    def __init__(self, place: Path | Blobs) -> None:
        self._blobs: Blobs = FolderBlobs(place) if isinstance(place, Path) else place

    def put_payload(self, sha256: str, data: bytes) -> None:
        """Keep a payload by its digest. Twice does no harm.

        Raises:
            Overloaded: it cannot be kept now.
        """
        self._blobs.put_if_absent(_payload(sha256), data)

    def payload(self, sha256: str) -> bytes:
        """Return a payload that was kept.

        Raises:
            LookupError: it is not there, or no longer what it was.
            Overloaded: it cannot be read now.
        """
        data = self._blobs.get(_payload(sha256)) or b""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise LookupError("a payload is missing or damaged")
        return data

    def put_declared(self, sha256: str, digest: str, data: bytes) -> None:
        """Keep what was declared with a payload beside it. Twice does no harm.

        Raises:
            Overloaded: the disk does not take it.
        """
        self._blobs.put_if_absent(_declared(sha256, digest), data)

    def declared(self, sha256: str, digest: str) -> bytes:
        """Return what was declared with a payload; its digest is the caller's to check.

        Raises:
            LookupError: it is not there.
        """
        if (data := self._blobs.get(_declared(sha256, digest))) is None:
            raise LookupError("what was declared with a payload is missing")
        return data

    def erase_payload(self, sha256: str) -> None:
        """Remove a payload and what was declared with it. Twice does no harm.

        Raises:
            Overloaded: it cannot be removed now.
        """
        for name in self._blobs.names(f"{PAYLOADS}/{sha256[:2]}"):
            if name.startswith(sha256):
                self._blobs.delete(f"{PAYLOADS}/{sha256[:2]}/{name}")

    def payloads(self) -> Iterator[list[str]]:
        """Yield the digests of all payloads that are kept, a part of them at a time."""
        for digits in self._blobs.names(PAYLOADS):
            yield [name for name in self._blobs.names(f"{PAYLOADS}/{digits}") if len(name) == DIGITS]

    def put_report(self, report_id: UUID, files: Files, resources_of: Callable[[Files], Files]) -> None:
        """Keep a report's files and its FHIR resources. Twice does no harm: the first stays.

        Args:
            report_id: of the report.
            files: name and bytes of each rendering.
            resources_of: gives the FHIR resources ('type/id' to JSON) of the files that stand.

        Raises:
            Overloaded: they cannot be kept now; nothing is announced.
        """
        self._blobs.put_folder(_report(report_id), files)
        # An earlier attempt may have left the folder: its resources belong to it, not to this attempt's files.
        for name, data in resources_of(self.files(report_id)).items():
            self._blobs.put_if_absent(f"{RESOURCES}/{name}.json", data)

    def erase_report(self, report_id: UUID, resources_of: Callable[[Files], Files]) -> None:
        """Remove a report's files and its FHIR resources. Twice does no harm; again, it finishes what a crash left.

        Raises:
            Overloaded: they cannot be removed now.
        """
        files = self.files(report_id)  # they go last: they tell which resources there are
        for name in resources_of(files) if files else ():
            if not name.startswith(SHARED):
                self._blobs.delete(f"{RESOURCES}/{name}.json")
        self._blobs.delete(_report(report_id))

    def files(self, report_id: UUID) -> dict[str, bytes]:
        """Return all files of a report by name, none where there is no report."""
        return self._blobs.get_folder(_report(report_id))

    def file(self, report_id: UUID, name: str) -> bytes | None:
        """Return a file of a report, or None where there is none."""
        return self._blobs.get_from(_report(report_id), name)

    def resource(self, kind: str, resource_id: UUID) -> bytes | None:
        """Return a FHIR resource as JSON, or None where there is none."""
        return self._blobs.get(f"{RESOURCES}/{kind}/{resource_id}.json")

    def sweep(self) -> None:
        """Remove what a crash left unfinished, once it is old.

        Raises:
            Overloaded: it cannot be removed now.
        """
        self._blobs.sweep()

    def check(self) -> None:
        """Keep and remove something.

        Raises:
            Overloaded: it cannot be kept now.
        """
        self._blobs.check()


def _payload(sha256: str) -> str:
    return f"{PAYLOADS}/{sha256[:2]}/{sha256}"


def _declared(sha256: str, digest: str) -> str:
    return f"{_payload(sha256)}.{digest}.json"


def _report(report_id: UUID) -> str:
    return f"{REPORTS}/{report_id}"
