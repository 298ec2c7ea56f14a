"""Which files of an archive make one WFDB record, and which are none of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from adapters.archive import files, is_archive
from adapters.wfdb.header import named
from ecg.errors import MalformedPayload, PayloadError

HEADER: Final = ".hea"
# What PhysioNet lays beside its records.
_INDEXES: Final = frozenset({"RECORDS", "ANNOTATORS", "SHA256SUMS.txt"})


@dataclass(frozen=True)
class Record:
    """The names of one record's files in an archive.

    Attributes:
        header: the header of the whole record.
        parts: that header, those of its segments, and the signal files that they name.
        beside: files of the same name that no header names, such as annotations.
    """

    header: str = field(repr=False)
    parts: tuple[str, ...] = field(repr=False)
    beside: tuple[str, ...] = field(repr=False)


def is_record(data: bytes) -> bool:
    """Say whether the bytes are an archive with the files of one WFDB record and nothing else. Never raises."""
    if not is_archive(data):
        return False
    try:
        records, others = grouped(files(data, HEADER))
    except PayloadError:
        return False
    return len(records) == 1 and not others


def grouped(held: Mapping[str, bytes]) -> tuple[tuple[Record, ...], tuple[str, ...]]:
    """Return the records among files, and the names of the other files. Only headers need be open.

    Raises:
        MalformedPayload: headers name each other in a circle, or two of them the same file.
    """
    refers = {name: _referred(name, held) for name in held if name.endswith(HEADER)}
    inner = {part for name, parts in refers.items() for part in parts if part in refers and part != name}
    tops = [name for name in refers if name not in inner]
    if refers and not tops:
        raise MalformedPayload("The WFDB headers name each other in a circle.")
    owner: dict[str, str] = {}
    for top in tops:
        for part in _parts(top, refers):
            if owner.setdefault(part, top) != top:
                raise MalformedPayload("Two WFDB headers name the same file.")
    stems = {PurePosixPath(part).with_suffix(""): top for part, top in owner.items() if part.endswith(HEADER)}
    beside: dict[str, list[str]] = {top: [] for top in tops}
    others: list[str] = []
    for name in held:
        if name in owner or (tops and PurePosixPath(name).name in _INDEXES):
            continue
        # JSON of that name is no part of it: a side-car, or nothing that is known.
        top_of_stem = None if name.endswith(".json") else stems.get(PurePosixPath(name).with_suffix(""))
        (others if top_of_stem is None else beside[top_of_stem]).append(name)
    parts = {top: tuple(name for name in held if owner.get(name) == top) for top in tops}
    return tuple(Record(top, parts[top], tuple(beside[top])) for top in tops), tuple(others)


def _referred(header: str, held: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the files, of those that are there, to which a header seems to refer: they lie in its folder."""
    folder = PurePosixPath(header).parent
    return tuple(str(folder / name) for name in named(held[header]) if "/" not in name and str(folder / name) in held)


def _parts(top: str, refers: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return a header, what it refers to, and what its segments refer to: there is no third level (header(5))."""
    inner = [part for part in refers[top] if part in refers]
    return tuple(dict.fromkeys([top, *refers[top], *(part for each in inner for part in refers[each])]))
