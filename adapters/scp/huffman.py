"""Huffman codes of SCP-ECG, the standard's own table and those that a record brings (EN 1064, 5.5 and annex C)."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scp.sections import Section
from ecg.errors import MalformedPayload

DEFAULT: Final = 19999  # 5.5.3: stands for the number of tables where the standard's own one is used
MAX_TABLES: Final = 64
MAX_CODES: Final = 4096  # of one table
_CODE: Final = 9  # bytes: bits of the prefix, bits in all, mode (1 each), value (2), prefix (4)


@dataclass(frozen=True)
class Code:
    """What a prefix stands for: a value, more bits to add to it, or (`table`) the table that is used from here on."""

    value: int
    more: int = 0
    table: bool = False


@dataclass(frozen=True)
class Table:
    """One table: its codes by their prefixes, as texts of 0 and 1, and the lengths that prefixes have."""

    codes: dict[str, Code] = field(repr=False)
    lengths: tuple[int, ...]


def tables(section: Section) -> tuple[Table, ...]:
    """Return the tables of section 2.

    Raises:
        MalformedPayload: the section is cut short, or no code of a table can be told from another.
    """
    count = section.u16(0)
    if count == DEFAULT:
        return (_STANDARD,)
    if not 0 < count <= MAX_TABLES:
        raise MalformedPayload(f"{count} Huffman tables; 1 to {MAX_TABLES} are read.")
    found, at = [], 2
    for _ in range(count):
        codes, at = _codes(section, at)
        found.append(_table(codes))
    return tuple(found)


def decoded(data: bytes, samples: int, held: tuple[Table, ...]) -> NDArray[np.int64]:
    """Return so many values of a stream of bits, the first bit the highest; int64 (samples,).

    Raises:
        MalformedPayload: the stream ends before, or holds what is no code.
    """
    if samples > 8 * len(data):
        raise MalformedPayload(f"{samples} samples cannot come of {len(data)} bytes.")
    bits = (np.unpackbits(np.frombuffer(data, np.uint8)) + ord("0")).tobytes().decode("ascii")
    values = np.empty(samples, dtype=np.int64)
    table, at, done = held[0], 0, 0
    while done < samples:
        for length in table.lengths:
            if code := table.codes.get(bits[at : at + length]):
                break
        else:
            raise MalformedPayload(f"The bits of a lead end, or are no code, after {done} of {samples} samples.")
        at += length
        if code.table:
            if not 1 <= code.value <= len(held):
                raise MalformedPayload("A lead goes on in a Huffman table that there is not.")
            table = held[code.value - 1]
            continue
        values[done] = code.value + (_signed(bits[at : at + code.more], code.more) if code.more else 0)
        at += code.more
        done += 1
    if at > len(bits):
        raise MalformedPayload("The bits of a lead end within its last sample.")
    return values


def _signed(bits: str, size: int) -> int:
    if len(bits) < size:
        raise MalformedPayload("The bits of a lead end within a sample.")
    value = int(bits, 2)
    return value - (1 << size) if bits[0] == "1" else value


def _codes(section: Section, at: int) -> tuple[dict[str, Code], int]:
    """Return one table's codes by their prefixes, and where the next table begins."""
    count = section.u16(at)
    if not 0 < count <= MAX_CODES:
        raise MalformedPayload(f"{count} codes in a Huffman table; 1 to {MAX_CODES} are read.")
    codes: dict[str, Code] = {}
    for place in range(at + 2, at + 2 + count * _CODE, _CODE):
        prefix, whole, mode, value = (
            section.u8(place),
            section.u8(place + 1),
            section.u8(place + 2),
            section.i16(place + 3),
        )
        if not 1 <= prefix <= 32 or not prefix <= whole <= prefix + 32:
            raise MalformedPayload(f"A Huffman prefix of {prefix} bits in {whole}.")
        # 5.5.4: the prefix stands with its first bit lowest.
        bits = f"{section.u32(place + 5) & ((1 << prefix) - 1):0{prefix}b}"[::-1]
        if bits in codes:
            raise MalformedPayload("A Huffman prefix stands twice.")
        codes[bits] = Code(value, whole - prefix if mode else 0, table=mode == 0)
    return codes, at + 2 + count * _CODE


def _table(codes: dict[str, Code]) -> Table:
    ordered = sorted(codes)
    if any(after.startswith(before) for before, after in pairwise(ordered)):
        raise MalformedPayload("A Huffman prefix begins another.")
    return Table(codes, tuple(sorted({len(each) for each in codes})))


def _standard() -> Table:
    """Return the table of annex C.3.7.6: 0 to 8 in size have codes, others follow in 8 or in 16 bits."""
    codes = {"0": Code(0), "1111111110": Code(0, more=8), "1111111111": Code(0, more=16)}
    for size in range(1, 9):
        codes["1" * size + "00"] = Code(size)
        codes["1" * size + "01"] = Code(-size)
    return _table(codes)


_STANDARD: Final = _standard()
