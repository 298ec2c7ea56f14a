"""The samples of a signal file, decoded by the wfdb library from a header of our own words."""

import sys
import warnings
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.wfdb.header import Signal
from ecg.errors import MalformedPayload, Overloaded, UnknownFormat

# Samples in a block and its bytes. signal(5), of the WFDB Applications Guide.
_BLOCKS: Final = {
    **{8: (1, 1), 16: (1, 2), 24: (1, 3), 32: (1, 4), 61: (1, 2), 80: (1, 1), 160: (1, 2)},
    **{212: (2, 3), 310: (3, 4), 311: (3, 4)},
}
COMPRESSED: Final = frozenset({508, 516, 524})  # FLAC of at most 8, 16, 24 bits
_WIDE: Final = frozenset({8, 24, 32, 524})  # what 16 bits do not hold
_BITS: Final = {
    8: 16,
    16: 16,
    24: 24,
    32: 32,
    61: 16,
    80: 8,
    160: 16,
    212: 12,
    310: 10,
    311: 10,
    508: 8,
    516: 16,
    524: 24,
}


def lowest(number: int) -> int:
    """Return the lowest sample of a format."""
    return -(1 << (_BITS[number] - 1))


def invalid(number: int) -> int | None:
    """Return the sample that stands for none in a format: the lowest; None in format 8, where each is one."""
    return None if number == 8 else lowest(number)


def held_frames(group: tuple[Signal, ...], size: int) -> int | None:
    """Return how many frames a signal file of `size` bytes holds; None where only decoding tells.

    Raises:
        MalformedPayload: the signals of one file differ in what they must share.
        UnknownFormat: the format is none of signal(5)'s.
    """
    first = group[0]
    if any((each.format, each.offset) != (first.format, first.offset) for each in group):
        raise MalformedPayload("The signals of one file differ in format or byte offset.")
    if first.format in COMPRESSED:
        return None
    if first.format not in _BLOCKS:
        raise UnknownFormat(f"WFDB's signal format {first.format} is not read here.")
    samples, size_of_block = _BLOCKS[first.format]
    room = max(size - first.offset, 0)
    whole, rest = divmod(room, size_of_block)
    begun = rest // 2 if first.format == 310 else rest * samples // size_of_block  # 310: two bytes hold the first
    return (whole * samples + begun) // sum(each.per_frame for each in group)


def decoded(data: bytes, group: tuple[Signal, ...], frames: int) -> list[NDArray[np.integer[Any]]]:
    """Decode the signals of one file, as they stand in it: int16 or int32 (frames * per_frame,) of each.

    `frames` must be known to be there, or to be of an acceptable size.

    Raises:
        MalformedPayload: they cannot be decoded.
        UnknownFormat: there is no FLAC decoder in this installation.
        Overloaded: there is no room for temporary files.
    """
    number, offset = group[0].format, group[0].offset
    if number not in COMPRESSED:
        samples, size = _BLOCKS[number]
        blocks = -(-frames * sum(each.per_frame for each in group) // samples)
        data = data[offset : offset + blocks * size]
        offset = 0
    if number == 61:  # the library trips over its byte order
        data, number = np.frombuffer(data, ">i2").astype("<i2").tobytes(), 16
    lines = [f"r.dat {number}x{each.per_frame}+{offset} 1(0)/mV 16 0 {each.initial or 0} 0 0 s" for each in group]
    header = "\n".join([f"r {len(group)} 250 {frames}", *lines, ""])
    with _folder(header, data) as folder:
        try:
            record = _library().rdrecord(
                str(Path(folder) / "r"),
                physical=False,
                smooth_frames=False,
                ignore_skew=True,
                return_res=32 if number in _WIDE else 16,
            )
        except (ImportError, OSError) as error:
            if number not in COMPRESSED:
                raise Overloaded("The temporary files cannot be read.") from error
            raise UnknownFormat("FLAC signal files are not read in this installation.") from error
        except (ValueError, RuntimeError) as error:
            raise MalformedPayload(f"The samples of {len(group)} signals cannot be decoded.") from error
    return list(record.e_d_signal)


def _folder(header: str, data: bytes) -> "TemporaryDirectory[str]":
    """Return a new folder of our user's alone (0700) with both files, which goes with the context."""
    try:
        folder = TemporaryDirectory(prefix="twelvelead-")
    except OSError as error:
        raise Overloaded("There is no room for temporary files.") from error
    try:
        (Path(folder.name) / "r.hea").write_text(header, encoding="ascii")
        (Path(folder.name) / "r.dat").write_bytes(data)
    except OSError as error:
        folder.cleanup()
        raise Overloaded("There is no room for temporary files.") from error
    return folder


def _library() -> Any:
    """Import wfdb when it is first needed: it takes a second, and warns of what it asks of pandas."""
    with nullcontext() if "wfdb" in sys.modules else warnings.catch_warnings(action="ignore"):
        import wfdb
    return wfdb
