"""The parts of a WFDB record: one, or segments with gaps between them, each with its header and signal files."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import PurePosixPath
from typing import Final

from adapters.wfdb.grouping import HEADER
from adapters.wfdb.header import NULL, Header, Signal, parsed
from adapters.wfdb.samples import COMPRESSED, held_frames
from ecg.errors import MalformedPayload

# MAT-File Format: how level 5 begins. Only of level 4, which WFDB's programs write, the samples' place is known.
_MATLAB_5: Final = b"MATLAB 5.0 MAT-file"
SLACK: Final = 3  # samples that fill up a signal file's last block


@dataclass(frozen=True)
class Bundle:
    """The files of one record by their names; `header` is the name of its top header."""

    header: str = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)

    def beside(self, name: str) -> bytes:
        """Return the file of that plain name in the header's folder.

        Raises:
            MalformedPayload: it is not there.
        """
        data = self.files.get(str(PurePosixPath(self.header).parent / name))
        if data is None:
            raise MalformedPayload(
                "A file that the WFDB header names is missing: send header and signal files together in one zip."
            )
        return data


@dataclass(frozen=True)
class Part:
    """Stored samples: their header, their length in frames, and the frames of the record at which they stand.

    `places` has for each signal its number among those of the whole record.
    """

    header: Header
    frames: int
    starts: tuple[int, ...]
    places: tuple[int, ...]

    @property
    def groups(self) -> tuple[tuple[tuple[int, Signal], ...], ...]:
        """The signals of each file with their places, in its order; those that are not stored are in none."""
        stored = [each for each in zip(self.places, self.header.signals, strict=True) if each[1].format != NULL]
        return tuple(tuple(group) for _, group in groupby(stored, key=lambda each: each[1].file))


@dataclass(frozen=True)
class Whole:
    """A record: the signals that it has, its length in frames, its frames per second, and what of it is stored.

    `comments` are those of all its headers, each once; `notes` say what was left out.
    """

    signals: tuple[Signal, ...]
    frames: int
    fs: float | None
    parts: tuple[Part, ...]
    comments: tuple[str, ...] = field(repr=False)
    notes: tuple[str, ...]


def whole(bundle: Bundle, header: Header) -> Whole:
    """Find the parts of a record by its header, and see that their files are there and long enough.

    Raises:
        MalformedPayload: headers or files are missing, too short, or contradict each other.
        TooLarge: a segment's header announces too much.
    """
    if header.segments:
        return _of_segments(bundle, header)
    frames, notes = _frames(bundle, header)
    places = tuple(range(len(header.signals)))
    return Whole(header.signals, frames, header.fs, (Part(header, frames, (0,), places),), header.comments, notes)


def _of_segments(bundle: Bundle, header: Header) -> Whole:
    """Join segments. In a variable layout the first, of no length, only lists the signals there may be."""
    headers = {name: _segment_header(bundle, name) for each in header.segments if (name := each.name)}
    if not headers:
        raise MalformedPayload("The WFDB record has gaps and no segments.")
    variable = header.segments[0].frames == 0
    signals = headers[header.segments[0].name or next(iter(headers))].signals
    packed = Counter(
        file for each in headers.values() for file in {x.file for x in each.signals if x.format in COMPRESSED}
    )
    if any(count > 1 for count in packed.values()):
        raise MalformedPayload("Segments of the WFDB record share a compressed file.")  # it would be taken out often
    starts: dict[str, list[int]] = {}
    at = 0
    for each in header.segments:
        if each.name and each.frames:
            starts.setdefault(each.name, []).append(at)
        at += each.frames
    if header.frames not in (None, at):
        raise MalformedPayload(f"The segments of the WFDB record are {at} frames long, not {header.frames}.")
    fs = header.fs or next((each.fs for each in headers.values() if each.fs), None)
    parts, notes = [], [f"Joined {sum(map(len, starts.values()))} segments."]
    for name, places in starts.items():
        frames, remarks = _frames(bundle, headers[name])
        if any(each.frames != frames for each in header.segments if each.name == name and each.frames):
            raise MalformedPayload("A segment of the WFDB record is not as long as the record's header says.")
        if headers[name].fs not in (None, fs):
            raise MalformedPayload("A segment's sampling frequency is not that of the WFDB record.")
        found = _places(headers[name].signals, signals, variable=variable)
        parts.append(Part(headers[name], frames, tuple(places), found))
        notes.extend(remarks)
    comments = dict.fromkeys(text for each in (header, *headers.values()) for text in each.comments)
    return Whole(signals, at, fs, tuple(parts), tuple(comments), tuple(dict.fromkeys(notes)))


def _segment_header(bundle: Bundle, name: str) -> Header:
    header = parsed(bundle.beside(name + HEADER))
    if header.segments:
        raise MalformedPayload("A segment of the WFDB record has segments of its own.")
    return header


def _places(signals: tuple[Signal, ...], known: tuple[Signal, ...], *, variable: bool) -> tuple[int, ...]:
    """Return the number among `known` of each signal of a segment: by its description, or by its position."""
    labels = [each.label for each in known]
    if not variable:
        if [each.label for each in signals] != labels:
            raise MalformedPayload("The segments of the WFDB record differ in their signals.")
        return tuple(range(len(known)))
    if any(labels.count(each.label) != 1 for each in signals):
        raise MalformedPayload("The WFDB record's layout does not tell which signals a segment has.")
    return tuple(labels.index(each.label) for each in signals)


def _frames(bundle: Bundle, header: Header) -> tuple[int, tuple[str, ...]]:
    """Return the length of what a header describes, in frames, which its files hold; and a note if they hold more."""
    stored = [each for each in header.signals if each.format != NULL]
    groups = [tuple(group) for _, group in groupby(stored, key=lambda each: each.file)]
    if len({group[0].file for group in groups}) < len(groups):  # header(5): they "must be consecutive"
        raise MalformedPayload("The signals of one file are not consecutive in the WFDB header.")
    if any(bundle.beside(group[0].file).startswith(_MATLAB_5) for group in groups):
        raise MalformedPayload("A signal file is a MAT-file of level 5, in which samples cannot be found by an offset.")
    held = {held_frames(group, len(bundle.beside(group[0].file))) for group in groups}
    if header.frames is None and (len(held) != 1 or None in held):
        raise MalformedPayload("The WFDB header does not say how many samples there are, nor do the files.")
    frames = header.frames or next(iter(held)) or 0
    if any(each is not None and each < frames for each in held):
        raise MalformedPayload(f"A signal file holds fewer than the {frames} frames that the WFDB header announces.")
    if any(each is not None and each > frames + SLACK for each in held):
        return frames, ("The signal files hold more samples than the header announces; these were left out.",)
    return frames, ()
