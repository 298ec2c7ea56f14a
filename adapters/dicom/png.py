"""The pixels of a PNG as the reports hold it: greys, palettes or true colour, without transparency or interlacing."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

# PNG, third edition (W3C, 2025), 5.2: signature; 11.2.1: colour types; 9.2: filters.
SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
GREY: Final = 0
TRUE_COLOUR: Final = 2
PALETTE: Final = 3
KINDS: Final = (GREY, TRUE_COLOUR, PALETTE)
MAX_BYTES: Final = 256 * 1024 * 1024


def decode(png: bytes) -> NDArray[np.uint8]:
    """Return the pixels as uint8 (rows, columns, 3), red, green and blue.

    Raises:
        ValueError: it is no PNG, is broken, or is of a kind that no report holds.
    """
    chunks = list(_chunks(png))
    first = dict(reversed(chunks))
    if len(first.get(b"IHDR", b"")) != 13 or b"tRNS" in first:
        raise ValueError("no PNG, or one with transparency")
    columns, rows, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", first[b"IHDR"])
    if interlaced or (kind, depth) not in {
        (TRUE_COLOUR, 8),
        *((each, 1 << n) for each in (GREY, PALETTE) for n in range(4)),
    }:
        raise ValueError(f"a PNG of colour type {kind} with {depth} bits, interlaced {interlaced}")
    samples = 3 if kind == TRUE_COLOUR else 1
    stride = (columns * samples * depth + 7) // 8
    if not 0 < rows * (stride + 1) <= MAX_BYTES:
        raise ValueError(f"a PNG of {columns} x {rows} pixels")
    lines = _unfiltered(_inflated(b"".join(data for name, data in chunks if name == b"IDAT"), rows, stride), samples)
    if kind == TRUE_COLOUR:
        return lines.reshape(rows, columns, 3)
    values = _unpacked(lines, depth)[:, :columns]
    if kind == GREY:
        return np.repeat((values * (255 // ((1 << depth) - 1)))[..., None], 3, axis=2)
    colours = np.frombuffer(first.get(b"PLTE", b""), np.uint8).reshape(-1, 3)
    if values.max() >= len(colours):
        raise ValueError("a PNG whose pixels are not in its palette")
    return colours[values]


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and data of each chunk up to IEND (PNG 5.3)."""
    at = len(SIGNATURE)
    if png[:at] != SIGNATURE:
        raise ValueError("no PNG")
    while at + 12 <= len(png):
        length, name = struct.unpack_from(">I4s", png, at)
        if name == b"IEND":
            return
        yield name, png[at + 8 : at + 8 + length]
        at += 12 + length
    raise ValueError("a PNG that ends too early")


def _inflated(data: bytes, rows: int, stride: int) -> NDArray[np.uint8]:
    """Return the filtered lines, uint8 (rows, 1 + stride)."""
    wanted = rows * (stride + 1)
    try:
        lines = zlib.decompressobj().decompress(data, wanted)
    except zlib.error as error:
        raise ValueError("a PNG that cannot be inflated") from error
    if len(lines) != wanted:
        raise ValueError("a PNG with too few lines")
    return np.frombuffer(lines, np.uint8).reshape(rows, stride + 1)


def _unfiltered(lines: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Undo the filter of each line (PNG 9.2); `step` is the distance in bytes to the pixel on the left."""
    plain = np.zeros((len(lines) + 1, lines.shape[1] - 1), np.uint8)  # the line above the first is zero
    for row, line in enumerate(lines, 1):
        above, kind, held = plain[row - 1], line[0], line[1:]
        if kind == 0:
            plain[row] = held
        elif kind == 1:
            plain[row] = held.reshape(-1, step).cumsum(axis=0, dtype=np.uint8).reshape(-1)
        elif kind == 2:
            plain[row] = held + above
        elif kind in (3, 4):
            plain[row] = np.frombuffer(_from_neighbours(held.tobytes(), above.tobytes(), step, kind == 4), np.uint8)
        else:
            raise ValueError(f"a PNG with a filter {kind}")
    return plain[1:]


def _from_neighbours(line: bytes, above: bytes, step: int, paeth: bool) -> bytes:
    """Undo the filters Average and Paeth, each byte of which needs the one before it."""
    plain = bytearray(step) + bytearray(line)
    over = bytes(step) + above
    for at in range(step, len(plain)):
        left, up, corner = plain[at - step], over[at], over[at - step]
        guess = _paeth(left, up, corner) if paeth else (left + up) // 2
        plain[at] = (plain[at] + guess) & 0xFF
    return bytes(plain[step:])


def _paeth(left: int, up: int, corner: int) -> int:
    """Return the neighbour nearest to left + up - corner; of equals, left before up before corner (PNG 9.4)."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))


def _unpacked(lines: NDArray[np.uint8], depth: int) -> NDArray[np.uint8]:
    """Return one value for each pixel, of which a byte holds several, the leftmost in its high bits (PNG 7.2)."""
    if depth == 8:
        return lines
    shifts = np.arange(8 - depth, -1, -depth, dtype=np.uint8)
    return ((lines[..., None] >> shifts) & ((1 << depth) - 1)).reshape(len(lines), -1).astype(np.uint8)
