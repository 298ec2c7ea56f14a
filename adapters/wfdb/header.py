"""The text of a WFDB header by the rules of header(5), of the WFDB Applications Guide.

The wfdb library's own parser passes over what it does not understand, drops the micro sign of a unit, and calibrates
signals that are not; so the text is read here, and the library gets none of it.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ecg.errors import MalformedPayload, TooLarge

MAX_SIGNALS: Final = 64
MAX_SEGMENTS: Final = 2000
MAX_BYTES: Final = 250_000
MAX_LINES: Final = 2 * MAX_SEGMENTS

NULL: Final = 0  # the format of a signal that is not stored
FORMATS: Final = frozenset({NULL, 8, 16, 24, 32, 61, 80, 160, 212, 310, 311, 508, 516, 524})  # signal(5)
_FLOAT: Final = r"[-+]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30})(?:[eE][-+]?\d{1,3})?"
_NAME: Final = re.compile(r"([\w.+-]{1,255})(?:/(\d{1,9}))?")
_FREQUENCY: Final = re.compile(rf"({_FLOAT})(?:/{_FLOAT}(?:\({_FLOAT}\))?)?")
_COUNT: Final = re.compile(r"\d{1,15}")
_INTEGER: Final = re.compile(r"[-+]?\d{1,12}")
_FORMAT: Final = re.compile(r"(\d{1,4})(?:x(\d{1,5}))?(?::(\d{1,12}))?(?:\+(\d{1,12}))?")
_GAIN: Final = re.compile(rf"({_FLOAT})(?:\(([-+]?\d{{1,12}})\))?(?:/(\S{{1,64}}))?")
_DATE: Final = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_TIME: Final = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,2}):)?(\d{1,2})(?:\.(\d{1,6})\d*)?")
_NO_DATE: Final = re.compile(r"0+/0+/0+")
# A name that says of no other place: no separator, no drive or scheme, nothing hidden, not '-' for a stream.
_PLAIN: Final = re.compile(r"(?!-?$)[^\s/\\:.\0][^\s/\\:\0]*")


@dataclass(frozen=True)
class Signal:
    """One signal specification line.

    Attributes:
        file: the signal file, a plain name.
        format: as signal(5) numbers them; NULL where nothing is stored.
        per_frame: samples in each frame.
        skew: samples, all in their frames, that precede sample 0.
        offset: bytes that precede the samples in the file; samples in formats 508, 516, 524.
        gain: steps per unit; None where the signal is not calibrated.
        baseline: the sample that stands for 0 units.
        unit: as written; None where it is not.
        initial: the sample before the first difference in format 8, elsewhere the first sample; None where not stated.
        checksum: of all samples, modulo 65536; None where there is none.
        label: the description.
    """

    file: str = field(repr=False)
    format: int
    per_frame: int
    skew: int
    offset: int
    gain: float | None
    baseline: int
    unit: str | None
    initial: int | None
    checksum: int | None
    label: str = field(repr=False)


@dataclass(frozen=True)
class Segment:
    """One segment specification line: the segment's record, None for a gap, and its length in frames."""

    name: str | None = field(repr=False)
    frames: int


@dataclass(frozen=True)
class Header:
    """A header: of signals, or of segments.

    Attributes:
        fs: frames per second, Hz; None where it is not stated.
        frames: the length; None where it is not stated.
        begun: when sample 0 was taken, without a zone.
        comments: their texts, in order.
        notes: what could not be read, as sentences for the report.
    """

    fs: float | None
    frames: int | None
    signals: tuple[Signal, ...] = ()
    segments: tuple[Segment, ...] = ()
    begun: datetime | None = field(default=None, repr=False)
    comments: tuple[str, ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()


def parsed(data: bytes) -> Header:
    """Read a header's text.

    Raises:
        MalformedPayload: a line breaks the rules, or names a file outside of the header's folder.
        TooLarge: it is longer, or announces more, than is taken.
    """
    if len(data) > MAX_BYTES or data.count(b"\n") + data.count(b"\r") > 2 * MAX_LINES:
        raise TooLarge(f"A WFDB header takes {len(data)} bytes; {MAX_BYTES} may be, in {MAX_LINES} lines.")
    said, comments = _lines(data)
    words = said[0].split() if said else []
    name = _NAME.fullmatch(words[0]) if words else None
    if name is None or len(words) < 2:
        raise MalformedPayload("The WFDB header has no record line.")
    signals = int(_word(_COUNT, words[1], "number of signals").group())
    fs = float(_word(_FREQUENCY, words[2], "sampling frequency").group(1)) if len(words) > 2 else None
    frames = int(_word(_COUNT, words[3], "number of samples").group()) if len(words) > 3 else 0
    if fs is not None and not 0 < fs < math.inf:
        raise MalformedPayload("The sampling frequency of the WFDB header is no positive number.")
    begun, notes = _begun(words[4:])
    segments = int(name.group(2)) if name.group(2) else 0
    if signals > MAX_SIGNALS or segments > MAX_SEGMENTS:
        raise TooLarge(f"The WFDB header announces {signals} signals and {segments} segments; that is too many.")
    count = segments or signals
    if not count or len(said) - 1 < count or (name.group(2) and not segments):
        raise MalformedPayload(f"The WFDB header announces {count} lines and has {len(said) - 1}.")
    lines = said[1 : count + 1]  # "any extra ... are not read"
    return Header(
        fs=fs,
        frames=frames or None,
        signals=() if segments else tuple(_signal(line) for line in lines),
        segments=tuple(_segment(line) for line in lines) if segments else (),
        begun=begun,
        comments=comments,
        notes=notes,
    )


def named(data: bytes) -> tuple[str, ...]:
    """Return the names, of files or of segments' headers, that a header seems to refer to. Never raises."""
    said, _ = _lines(data[:MAX_BYTES])
    words = [line.split()[0] for line in said]
    ending = ".hea" if words and "/" in words[0] else ""
    return tuple(dict.fromkeys(word + ending for word in words[1:] if word != "~"))


def looks_like(data: bytes) -> bool:
    """Say whether a file is a header and not some table of numbers: by its first two lines. Never raises."""
    said, _ = _lines(data[:4096])
    if len(said) < 2 or "\0" in said[0]:
        return False
    record, first = said[0].split(), said[1].split()
    name = _NAME.fullmatch(record[0])
    if name is None or not 2 <= len(record) <= 6 or not all(_FREQUENCY.fullmatch(word) for word in record[1:4]):
        return False
    if len(first) < 2:
        return False
    if name.group(2):
        return bool(_COUNT.fullmatch(first[1]))
    kind = _FORMAT.fullmatch(first[1])
    return bool(re.search("[A-Za-z~]", first[0]) and kind and int(kind.group(1)) in FORMATS)


def _lines(data: bytes) -> tuple[list[str], tuple[str, ...]]:
    """Return the lines that say something, and the texts of the comments."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = [line.strip() for line in re.split(r"\r\n|\n|\r", text, maxsplit=MAX_LINES)[:MAX_LINES]]
    said = [line for line in lines if line and not line.startswith("#")]
    return said, tuple(text for line in lines if line.startswith("#") and (text := line.lstrip("#").strip()))


def _word(pattern: re.Pattern[str], word: str, what: str) -> re.Match[str]:
    if (match := pattern.fullmatch(word)) is None:
        raise MalformedPayload(f"The {what} in the WFDB header cannot be read.")
    return match


def _signal(line: str) -> Signal:
    words = line.split(None, 8)
    if len(words) < 2:
        raise MalformedPayload("A signal's line in the WFDB header has fewer than two fields.")
    kind = _word(_FORMAT, words[1], "format of a signal")
    gain, baseline, unit = _word(_GAIN, words[2], "gain of a signal").groups() if len(words) > 2 else (None,) * 3
    numbers = [int(_word(_INTEGER, word, "line of a signal").group()) for word in words[3:8]]
    zero = numbers[1] if len(numbers) > 1 else 0
    steps = float(gain or 0)
    if not math.isfinite(steps):
        raise MalformedPayload("The gain of a signal is beyond all numbers.")
    number = int(kind.group(1))
    return Signal(
        file=_plain(words[0]) if number != NULL else "",
        format=number,
        per_frame=int(kind.group(2) or 1) or 1,
        skew=int(kind.group(3) or 0),
        offset=int(kind.group(4) or 0),
        gain=steps or None,
        baseline=zero if baseline is None else int(baseline),
        unit=unit,
        initial=numbers[2] if len(numbers) > 2 else None,
        checksum=numbers[3] % 65536 or None if len(numbers) > 3 else None,  # 0 is how writers leave it out
        label=words[8].strip() if len(words) > 8 else "",
    )


def _segment(line: str) -> Segment:
    words = line.split()
    if len(words) < 2:
        raise MalformedPayload("A segment's line in the WFDB header has fewer than two fields.")
    frames = int(_word(_COUNT, words[1], "number of samples of a segment").group())
    return Segment(None if words[0] == "~" else _plain(words[0]), frames)


def _plain(name: str) -> str:
    if not _PLAIN.fullmatch(name):
        raise MalformedPayload("The WFDB header names a file outside of its folder.")
    return name


def _begun(words: list[str]) -> tuple[datetime | None, tuple[str, ...]]:
    """Return when the record begins, and a note where that cannot be read. A time without a date is no moment."""
    if len(words) < 2 or _NO_DATE.fullmatch(words[1]):
        return None, ()
    return next(((each, ()) for each in _moments(words)), (None, ("The header's date could not be read.",)))


def _moments(words: list[str]) -> Iterator[datetime]:
    time, day = _TIME.fullmatch(words[0]), _DATE.fullmatch(words[1])
    if time and day:
        hour, minute, second = (int(part or 0) for part in time.groups()[:3])
        micro = int((time.group(4) or "0").ljust(6, "0"))
        try:
            yield datetime(int(day.group(3)), int(day.group(2)), int(day.group(1)), hour, minute, second, micro)
        except ValueError:
            return
