"""XLI, the compression of Philips' waveforms: LZW of second differences, a chunk for each lead.

Philips does not publish it; known from the open projects sierra-ecg-tools and ecgdatakit, which the tests compare with.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.errors import MalformedPayload

MAX_CHUNKS: Final = 64

_HEADER: Final = 8  # bytes: the chunk's length (4), unused (2), the first difference (2), little-endian
_BITS: Final = 10  # of one LZW code
_LAST_CODE: Final = (1 << _BITS) - 2  # what is above ends the stream
_BIAS: Final = 64  # that is added to each difference
_LIMIT: Final = 1 << 15


def decoded(data: bytes, samples: int) -> list[NDArray[np.int64]]:
    """Return the chunks, each int64 (samples,), in their order.

    Raises:
        MalformedPayload: a chunk is cut short, is no LZW stream or does not hold so many samples.
    """
    chunks: list[NDArray[np.int64]] = []
    at = 0
    while at < len(data):
        if len(chunks) == MAX_CHUNKS:
            raise MalformedPayload(f"XLI data of more than {MAX_CHUNKS} leads.")
        size = int.from_bytes(data[at : at + 4], "little")
        first = int.from_bytes(data[at + 6 : at + _HEADER], "little", signed=True)
        at += _HEADER
        if not 0 < size <= len(data) - at:
            raise MalformedPayload(f"XLI chunk {len(chunks) + 1} of {size} bytes reaches beyond the data.")
        chunks.append(_integrated(_unpacked(data[at : at + size], 2 * samples), first))
        at += size
    return chunks


def _unpacked(chunk: bytes, size: int) -> bytes:
    """Return the bytes of an LZW stream of codes of ten bits, the first bit the highest."""
    bits = np.unpackbits(np.frombuffer(chunk, np.uint8))
    whole = bits[: len(bits) // _BITS * _BITS].reshape(-1, _BITS)
    codes = whole @ (1 << np.arange(_BITS - 1, -1, -1))
    strings = [bytes([code]) for code in range(256)]
    out = bytearray()
    previous = b""
    for code in codes.tolist():
        if code > _LAST_CODE:
            break
        if code < len(strings):
            string = strings[code]
        elif code == len(strings) and previous:
            string = previous + previous[:1]
        else:
            raise MalformedPayload("An XLI chunk is no LZW stream.")
        if previous and len(strings) <= _LAST_CODE:
            strings.append(previous + string[:1])
        previous = string
        out += string
        if len(out) > size:
            break
    if len(out) != size:
        raise MalformedPayload(f"An XLI chunk does not hold the {size // 2} samples that are announced.")
    return bytes(out)


def _integrated(unpacked: bytes, first: int) -> NDArray[np.int64]:
    """Return the samples of differences, the high bytes of which come before all the low ones.

    The two first are samples themselves; each later one is 2 y - x - d, of the two and the difference before it.
    """
    half = len(unpacked) // 2
    high, low = np.frombuffer(unpacked, np.uint8).reshape(2, half).astype(np.uint16)
    values = ((high << 8) | low).view(np.int16).astype(np.int64)
    if half < 3:
        raise MalformedPayload("An XLI chunk holds fewer than three samples.")
    bends = -np.concatenate(([first], values[2:-1] - _BIAS))
    slopes = np.cumsum(np.concatenate(([values[1] - values[0]], bends)))
    samples = np.concatenate(([values[0]], values[0] + np.cumsum(slopes)))
    if np.abs(samples).max() > _LIMIT:
        raise MalformedPayload("An XLI chunk holds samples beyond 16 bits.")
    return samples
