"""Part 10 files as raw elements: every value is decoded here, by what is asked for."""

# pydicom converts a value when it is touched, and warns and logs with the value in the text. Its switch for that is
# process-wide, and so is warnings.catch_warnings: neither is safe among threads. So only pydicom's raw layer is used
# (tags, lengths, sequences, character sets), and values stay bytes until one is asked for. One warning is left: an
# unknown Specific Character Set is quoted by pydicom.charset.

import math
import re
import struct
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

import numpy as np
from pydicom.charset import decode_bytes
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_sequence
from pydicom.uid import UID
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from adapters.dicom.codes import DEFLATED_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE, TRANSFER_SYNTAXES
from ecg.errors import EcgError, MalformedPayload, UnknownFormat

MAX_INFLATED: Final = 64 * 1024 * 1024  # bytes; the channels and samples of a 12-lead ECG make some MB at most
# Each costs pydicom an object of a kilobyte or so, and nothing but a few bytes in the file.
MAX_ITEMS: Final = 50_000
MAX_READS: Final = 500_000  # of a stream: two for an element, its head and its value
_ITEMS: Final = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")  # PS3.5 7.5.1: (FFFE,E000), in either byte order
# What pydicom raises on foreign bytes.
UNREADABLE: Final = (
    *(EcgError, ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    *(struct.error, zlib.error),
)
_PREAMBLE: Final = 128  # PS3.10 7.1: 128 bytes, then DICM
_LONG_VRS: Final = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
_WORDS: Final = {"OW": 2, "US": 2, "SS": 2, "OL": 4}  # bytes
_MEDIA_CLASS: Final = b"\x02\x00"  # PS3.10 7.1: (0002,0002) Media Storage SOP Class UID
_SYNTAX: Final = b"\x10\x00"  # (0002,0010) Transfer Syntax UID
_UNDEFINED: Final = 0xFFFFFFFF  # PS3.5 7.1.1
_ESCAPE: Final = b"\x1b"  # PS3.5 6.1.2.5: without one, ASCII reads the same in every character set
_PERSON_NAMES: Final = frozenset({"PatientName", "ReferringPhysicianName"})  # PS3.6: PN
# PS3.5 6.2, DS. Python's float() would also take 'nan', 'inf' and '1_0'.
_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Item:
    """A dataset, or an item of a sequence, whose values are decoded when asked for. An empty value is None."""

    dataset: Dataset = field(repr=False)
    _sequences: dict[str, tuple["Item", ...]] = field(default_factory=dict, repr=False, compare=False)

    def data(self, keyword: str) -> bytes | None:
        """Return a value's bytes as they stand in the file."""
        element = self.dataset.get_item(_tag(keyword), keep_deferred=True)
        value = None if element is None else element.value
        return value if isinstance(value, bytes) and value else None

    def words(self, keyword: str) -> bytes | None:
        """Return binary values in little endian.

        OW is a stream of words of 16 bits, OL of 32, and the other byte order swaps within each, whatever they hold;
        the bytes of an OB stand as they are (PS3.5 6.2).

        Raises:
            MalformedPayload: it ends within a word.
        """
        if (raw := self.data(keyword)) is None or self.little_endian:
            return raw
        element = self.dataset.get_item(_tag(keyword), keep_deferred=True)
        width = _WORDS.get(element.VR or "", 1) if element else 1
        if len(raw) % width:
            raise MalformedPayload(f"{keyword} ends within a word.")
        return np.frombuffer(raw, f"u{width}").byteswap().tobytes()

    def text(self, keyword: str) -> str | None:
        """Return a text in its character set, without padding."""
        if (raw := self.data(keyword)) is None:
            return None
        if raw.isascii() and _ESCAPE not in raw:
            text = raw.decode("ascii")
        else:
            delimiters = PN_DELIMS if keyword in _PERSON_NAMES else TEXT_VR_DELIMS
            text = decode_bytes(raw, _encodings(self.dataset), delimiters)
        return text.replace("\0", " ").strip() or None

    def number(self, keyword: str) -> float | None:
        """Return a decimal string as a number.

        Raises:
            MalformedPayload: it is no finite number.
        """
        if (text := self.text(keyword)) is None:
            return None
        if not _DECIMAL.fullmatch(text) or not math.isfinite(value := float(text)):
            raise MalformedPayload(f"{keyword} is no number.")
        return value

    def integer(self, keyword: str) -> int | None:
        """Return an unsigned binary integer of two or four bytes.

        Raises:
            MalformedPayload: it has another length.
        """
        if (raw := self.data(keyword)) is None:
            return None
        if len(raw) not in (2, 4):
            raise MalformedPayload(f"{keyword} takes {len(raw)} bytes, and not 2 or 4.")
        return int.from_bytes(raw, "little" if self.little_endian else "big")

    def items(self, keyword: str) -> tuple["Item", ...]:
        """Return the items of a sequence; none where it is absent. Parsed once: several ask, and it costs."""
        if keyword not in self._sequences:
            self._sequences[keyword] = self._parsed(keyword)
        return self._sequences[keyword]

    def _parsed(self, keyword: str) -> tuple["Item", ...]:
        element = self.dataset.get_item(_tag(keyword), keep_deferred=True)
        if element is None or not element.value:
            return ()
        value: Any = element.value
        if isinstance(value, bytes):  # a sequence of defined length, which pydicom leaves for later
            implicit = getattr(element, "is_implicit_VR", False)
            stream = _Stream(value)
            value = read_sequence(stream, implicit, self.little_endian, len(value), _encodings(self.dataset))
        return tuple(Item(each) for each in value)

    def first(self, keyword: str) -> "Item":
        """Return the first item of a sequence; an empty one where there is none."""
        items = self.items(keyword)
        return items[0] if items else Item(Dataset())

    @property
    def little_endian(self) -> bool:
        """Whether binary values stand in little endian."""
        return self.dataset.original_encoding[1] is not False


class _Stream(BytesIO):
    """Bytes that are read in a bounded number of pieces."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MAX_READS:
            raise MalformedPayload(f"More than {MAX_READS // 2} elements came together.")
        return super().read(size)


def is_part10(data: bytes) -> bool:
    """Say whether the bytes begin as a DICOM file does (PS3.10 7.1)."""
    return data[_PREAMBLE : _PREAMBLE + 4] == b"DICM"


def transfer_syntax(data: bytes) -> str:
    """Return the transfer syntax of a DICOM file.

    Raises:
        MalformedPayload: the file meta information names none.
    """
    return _syntax(_file_meta(data)[0])


def sop_class(data: bytes) -> str:
    """Return the class that the file meta information names; '' where it names none. Never raises."""
    return _file_meta(data)[0].get(_MEDIA_CLASS, "")


def parse(data: bytes, compressed: tuple[str, ...] = ()) -> Item:
    """Parse a DICOM file of an uncompressed transfer syntax, or of one of those `compressed`, into its dataset.

    Raises:
        UnknownFormat: the transfer syntax is another.
        MalformedPayload: the file meta information is broken, the dataset inflates beyond 64 MB, or has too many
            items or elements.
    """
    meta, start = _file_meta(data)
    if (syntax := _syntax(meta)) not in (*TRANSFER_SYNTAXES, *compressed):
        names = ", ".join(UID(each).name for each in TRANSFER_SYNTAXES)
        raise UnknownFormat(f"The transfer syntax is none of those read here: {names}.")
    body = _inflated(data[start:]) if syntax == DEFLATED_LITTLE else data[start:]
    if max(body.count(each) for each in _ITEMS) > MAX_ITEMS:
        raise MalformedPayload(f"More than {MAX_ITEMS} items of sequences came together.")
    dataset = read_dataset(_Stream(body), syntax == IMPLICIT_LITTLE, syntax != EXPLICIT_BIG)
    for tag in dataset.keys():  # noqa: SIM118 - iterating a Dataset itself would convert its values
        element = dataset.get_item(tag, keep_deferred=True)
        if not isinstance(element, RawDataElement) or element.length == _UNDEFINED:
            continue
        if len(element.value or b"") < element.length:
            raise MalformedPayload(f"The file ends within element {tag}.")
    return Item(dataset)


def _file_meta(data: bytes) -> tuple[dict[bytes, str], int]:
    """Return the values of group 0002 by their elements, and where the dataset begins. It is explicit little endian."""
    at: int = _PREAMBLE + 4
    found: dict[bytes, str] = {}
    while data[at : at + 2] == b"\x02\x00":
        long = data[at + 4 : at + 6] in _LONG_VRS
        head = 12 if long else 8
        if at + head > len(data):
            break
        (length,) = struct.unpack_from("<I" if long else "<H", data, at + (8 if long else 6))
        element = data[at + 2 : at + 4]
        if element in (_MEDIA_CLASS, _SYNTAX):
            found[element] = data[at + head : at + head + length].rstrip(b"\0 ").decode("ascii", "replace")
        at += head + length
    return found, at


def _syntax(meta: dict[bytes, str]) -> str:
    if _SYNTAX not in meta:
        raise MalformedPayload("The file meta information names no transfer syntax (0002,0010).")
    return meta[_SYNTAX]


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # PS3.5 A.5: a raw deflate stream
    body = inflater.decompress(data, MAX_INFLATED)
    if not inflater.eof:
        raise MalformedPayload(f"The deflated dataset is truncated, or inflates beyond {MAX_INFLATED} bytes.")
    return body


def _encodings(dataset: Dataset) -> list[str]:
    encodings = dataset.original_character_set
    return [encodings] if isinstance(encodings, str) else list(encodings or ["iso8859"])


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag
