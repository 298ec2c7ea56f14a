"""Keeps payloads and reports: whole or not at all, and durable before anyone is told."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

from service.blobs import Blobs, FolderBlobs

REPORTS: Final = "reports"  # reports/<report id>/<version>/<file>; before there were versions, reports/<id>/<file>
RESOURCES: Final = "resources"  # resources/<type>/<id>.json
DIGITS: Final = 64  # of a SHA-256 in hexadecimal
PAYLOADS: Final = (
    "payloads"  # payloads/<first two digits>/<sha256>, <sha256>.<digest>.json what was declared, <sha256>.traces
)
SHARED: Final = "Device/"  # the same resource for all reports of one model: it names no patient, and stays

Files = Mapping[str, bytes]
ResourcesOf = Callable[[Files, Files], Files]


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

    def put_traces(self, sha256: str, data: bytes) -> None:
        """Keep beside a page what was found on it; it goes with the page. The first stays.

        Raises:
            Overloaded: it cannot be kept now.
        """
        self._blobs.put_if_absent(_traces(sha256), data)

    def traces(self, sha256: str) -> bytes | None:
        """Return what was found on a page, None where it was not read yet.

        Raises:
            Overloaded: it cannot be read now.
        """
        return self._blobs.get(_traces(sha256))

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

    def put_report(self, report_id: UUID, version: int, files: Files, resources_of: ResourcesOf) -> Files:
        """Keep a version of a report, and the FHIR resources of its latest one. Twice does no harm: the first stays.

        Args:
            report_id: of the report.
            version: its number, from 1.
            files: name and bytes of each rendering.
            resources_of: gives the FHIR resources ('type/id' to JSON) of the files that stand and those they replace.

        Returns:
            The resources that are kept by now.

        Raises:
            Overloaded: they cannot be kept now; nothing is announced.
        """
        self._blobs.put_folder(self._home(report_id, version), files)
        # An earlier attempt may have left the folder, or a later version may stand: the resources are of what is.
        former, latest = ([0, *self.versions(report_id)])[-2:]
        made = resources_of(self.files(report_id, latest), self.files(report_id, former) if former else {})
        for name, data in made.items():
            keep = self._blobs.put if latest > 1 else self._blobs.put_if_absent
            keep(f"{RESOURCES}/{name}.json", data)
        return made

    def erase_report(self, report_id: UUID, resources_of: ResourcesOf) -> None:
        """Remove a report's files and its FHIR resources, of all its versions.

        Twice does no harm; again, it finishes what a crash left.

        Raises:
            Overloaded: they cannot be removed now.
        """
        for version in self.versions(report_id):  # the files go last: they tell which resources there are
            if files := self.files(report_id, version):
                self._erase_resources(resources_of(files, {}))
        self._blobs.delete(_report(report_id))

    def _erase_resources(self, names: Iterable[str]) -> None:
        for name in names:
            if not name.startswith(SHARED):
                self._blobs.delete(f"{RESOURCES}/{name}.json")

    def versions(self, report_id: UUID) -> list[int]:
        """Return the numbers of the versions that are kept, in their order."""
        found = {int(name) for name in self._blobs.names(_report(report_id)) if name.isdecimal()}
        if 1 not in found and self._blobs.has_folder(_report(report_id)):  # as before there were versions
            found.add(1)
        return sorted(found)

    def files(self, report_id: UUID, version: int | None = None) -> dict[str, bytes]:
        """Return all files of a version of a report by name, by default of the latest; none where there is none."""
        home = self._kept(report_id, version)
        return self._blobs.get_folder(home) if home else {}

    def file(self, report_id: UUID, name: str, version: int | None = None) -> bytes | None:
        """Return a file of a version of a report, by default of the latest; None where there is none."""
        home = self._kept(report_id, version)
        return self._blobs.get_from(home, name) if home else None

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

    def _kept(self, report_id: UUID, version: int | None) -> str | None:
        """Return where a version is kept, by default the latest; None where there is none."""
        latest = version or next(reversed(self.versions(report_id)), 0)
        return self._home(report_id, latest) if latest else None

    def _home(self, report_id: UUID, version: int) -> str:
        old = _report(report_id)
        return old if version == 1 and self._blobs.has_folder(old) else f"{old}/{version}"


def _payload(sha256: str) -> str:
    return f"{PAYLOADS}/{sha256[:2]}/{sha256}"


def _declared(sha256: str, digest: str) -> str:
    return f"{_payload(sha256)}.{digest}.json"


def _traces(sha256: str) -> str:
    return f"{_payload(sha256)}.traces"


def _report(report_id: UUID) -> str:
    return f"{REPORTS}/{report_id}"
