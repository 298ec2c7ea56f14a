"""The samples of a multiplex group: their words, their bits, and what stands for no sample."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from adapters.dicom.channels import Channel
from adapters.dicom.codes import BITS
from adapters.dicom.elements import Item
from ecg.errors import MalformedPayload

# PS3.3 A.34.3.4.3 allows 13 channels in a 12-lead ECG; right-sided and posterior leads come on top in practice.
MAX_CHANNELS: Final = 64

Integers = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples as they stand, of 8, 16 or 32 bits, shape (samples, channels), and the value that stands for none."""

    raw: Integers = field(repr=False)
    padding: int | None = None

    def millivolt(self, channel: Channel) -> NDArray[np.float64]:
        """Return one channel, float64 (samples,) in mV; NaN where it was not measured or padded.

        Raises:
            MalformedPayload: samples and Waveform Bits Stored contradict each other.
        """
        raw = self.raw[:, channel.column]
        if not channel.measured:
            return np.full(len(raw), np.nan)
        allocated = raw.dtype.itemsize * 8
        bits = allocated if channel.bits is None else channel.bits
        if not 2 <= bits <= allocated:
            raise MalformedPayload(f"Waveform Bits Stored must be from 2 to {allocated}.")
        padded = _padded(raw, self.padding, bits)
        scaled = _extended(raw, padded, bits).astype(np.float64) * channel.step + channel.baseline
        scaled[padded] = np.nan
        return scaled


def samples(group: Item, kinds: tuple[str, ...]) -> Samples:
    """Return the samples of a multiplex group (PS3.3 C.10.9.1.5 to C.10.9.1.7).

    Args:
        group: the item of the Waveform Sequence.
        kinds: what the object's class allows of Waveform Sample Interpretation.

    Raises:
        MalformedPayload: counts do not fit the data, or the samples are of a kind that the class does not allow.
    """
    count, length = group.integer("NumberOfWaveformChannels"), group.integer("NumberOfWaveformSamples")
    definitions = len(group.items("ChannelDefinitionSequence"))
    if not count or count != definitions or count > MAX_CHANNELS:
        raise MalformedPayload(f"{count} channels are announced, {definitions} defined; {MAX_CHANNELS} may be.")
    kind = group.text("WaveformSampleInterpretation") or ""
    if kind not in kinds or group.integer("WaveformBitsAllocated") != BITS[kind]:
        allowed = " or ".join(f"signed {BITS[each]}-bit integers ({each})" for each in kinds)
        raise MalformedPayload(f"The samples are not {allowed}, as those of this class must be.")
    width = BITS[kind] // 8
    data = group.words("WaveformData") or b""
    if not length or len(data) - (width == 1 and len(data) - count * length == 1) != count * length * width:
        raise MalformedPayload(f"{count} channels of {length} samples do not fit {len(data)} bytes of waveform data.")
    raw = np.frombuffer(data, f"<i{width}", count * length).reshape(length, count)
    return Samples(raw, _padding(group, width))


def _padding(group: Item, width: int) -> int | None:
    value = group.words("WaveformPaddingValue")
    if value is None:
        return None
    if len(value) not in {width, width + width % 2}:  # a value of one byte is padded to two (PS3.5 7.1.1)
        raise MalformedPayload(f"The padding value takes {len(value)} bytes, a sample {width}.")
    return int.from_bytes(value[:width], "little", signed=True)


def _padded(raw: Integers, padding: int | None, bits: int) -> NDArray[np.bool_]:
    """Say where the padding value stands; one within the stored bits also where only they have it."""
    if padding is None:
        return np.zeros(len(raw), dtype=np.bool_)
    stored = (1 << bits) - 1
    if -(1 << bits - 1) <= padding <= stored and bits < raw.dtype.itemsize * 8:
        return np.asarray(raw & stored == padding & stored)
    return np.asarray(raw == padding)


def _extended(raw: Integers, padded: NDArray[np.bool_], bits: int) -> Integers:
    """Extend the sign over the bits that are not stored (PS3.3 C.10.9.1.7), for writers that leave them zero.

    Raises:
        MalformedPayload: other bits are set, so that more are stored than it says.
    """
    spare = raw.dtype.itemsize * 8 - bits
    if not spare:
        return raw
    extended = np.right_shift(np.left_shift(raw, spare), spare)
    beyond = (raw != extended) & ~padded
    if beyond.any():  # all must be zero above the stored bits: a negative sample beside them was extended by its writer
        negative = (raw < 0) & ~padded
        if negative.any() or (raw[beyond] >= 1 << bits).any():
            raise MalformedPayload(f"Samples take more than the {bits} bits that Waveform Bits Stored says.")
    return extended
