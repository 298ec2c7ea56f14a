"""Reads 12-lead ECG waveform objects (PS3.3 A.34.3)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.config import IGNORE
from pydicom.uid import UID

from adapters.declared import agreed_order, agreed_patient
from adapters.dicom import context
from adapters.dicom.channels import Channel, channels, filters, optional_number, skew
from adapters.dicom.codes import BEAT_LABELS, SOP_CLASSES
from adapters.dicom.elements import Item, is_part10, parse
from ecg.errors import AmbiguousPayload, MalformedPayload, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import MIN_SECONDS, Provenance, Recording, Waveform

# PS3.3 A.34.3.4.3 allows 13 channels in a 12-lead ECG; right-sided and posterior leads come on top in practice.
MAX_CHANNELS: Final = 64


@dataclass(frozen=True)
class WaveformReader:
    """Reads the original multiplex group of a DICOM 12-lead ECG, in the unit it declares."""

    name: str = "DICOM 12-lead ECG waveform"

    def claims(self, payload: Payload) -> bool:
        """Claim every DICOM file, so that the sender of another object hears what it is."""
        return is_part10(payload.data)

    def read(self, payload: Payload) -> tuple[Recording, ...]:
        """Read the one ECG of the object.

        Raises:
            UnknownFormat: the object is no ECG waveform, or in a transfer syntax that is not read.
            AmbiguousPayload: unit, sensitivity, sampling frequency or a lead's name is missing.
            MalformedPayload: the object breaks the rules of its class, or contradicts what was declared.
        """
        item, declared = parse(payload.data), payload.declared
        _check_class(item)
        group, notes = _group(item.items("WaveformSequence"), declared)
        waveform, remarks = _waveform(group, declared)
        acquired_at, doubts = context.acquired_at(item)
        recording = Recording(
            waveform=waveform,
            provenance=Provenance(
                reader=self.name,
                series_uid=item.text("SeriesInstanceUID"),
                instance_uid=item.text("SOPInstanceUID"),
                notes=notes + remarks + doubts,
                class_uid=item.text("SOPClassUID"),
            ),
            patient=agreed_patient(context.patient(item), declared.patient),
            order=agreed_order(context.order(item), declared.order),
            acquired_at=acquired_at,
            filters=filters(group.items("ChannelDefinitionSequence")),
            device=context.device(item),
            statements=context.statements(item),
            study=context.study(item),
        )
        return (recording,)


def _check_class(item: Item) -> None:
    uid = UID(item.text("SOPClassUID") or "", IGNORE)
    if uid not in SOP_CLASSES:
        kind = f"of class '{uid.name}'" if uid.name != str(uid) else "of no known class"
        raise UnknownFormat(f"This DICOM object {kind} is not an ECG waveform that is read here.")


def _group(groups: tuple[Item, ...], declared: Declared) -> tuple[Item, tuple[str, ...]]:
    """Choose the multiplex group to read, and say why where there was a choice.

    An ORIGINAL one before all; where none says what it is, one that does not say so. Of those the longest, never a
    median beat. A DERIVED group (PS3.3 C.10.9.1.3) is never read.
    """
    fit = [each for each in groups if _seconds(each, declared) >= MIN_SECONDS and not _is_beat(each)]
    original = [each for each in fit if each.text("WaveformOriginality") == "ORIGINAL"]
    unsaid = [each for each in fit if each.text("WaveformOriginality") is None]
    candidates = original or unsaid
    if not candidates and any(_fs(each, declared) is None for each in groups):
        raise AmbiguousPayload("A multiplex group does not say its sampling frequency.", declare=("fs",))
    if not candidates:
        raise MalformedPayload(
            f"None of the {len(groups)} multiplex groups is an original recording of {MIN_SECONDS:g} s or more."
        )
    chosen = max(candidates, key=lambda each: (_seconds(each, declared), each.integer("NumberOfWaveformChannels") or 0))
    left = len(groups) - 1
    others = f" {left} other group{'s were' if left > 1 else ' was'} left out." if left else ""
    if original:
        return chosen, (f"Read the ORIGINAL multiplex group;{others}",) if left else ()
    return chosen, (f"No multiplex group is marked ORIGINAL; read the longest that is no median beat.{others}",)


def _is_beat(group: Item) -> bool:
    label = (group.text("MultiplexGroupLabel") or "").upper()
    return any(word in label for word in BEAT_LABELS)


def _seconds(group: Item, declared: Declared) -> float:
    fs = _fs(group, declared) or 0.0
    return (group.integer("NumberOfWaveformSamples") or 0) / fs if fs > 0 else 0.0


def _fs(group: Item, declared: Declared) -> float | None:
    stated = optional_number(group, "SamplingFrequency")
    return declared.fs if stated is None else stated


def _waveform(group: Item, declared: Declared) -> tuple[Waveform, tuple[str, ...]]:
    """Decode a multiplex group to mV, the twelve leads first and in their order, and note what was not corrected."""
    fs = _fs(group, declared) or 0.0
    if declared.fs is not None and declared.fs != fs:
        raise MalformedPayload("The declared sampling frequency and the file's disagree.")
    raw, padding = _samples(group)
    definitions = group.items("ChannelDefinitionSequence")
    found = channels(definitions, declared)
    order = sorted(range(len(found)), key=lambda at: LEADS.index(found[at].lead) if found[at].lead in LEADS else 12)
    signal = np.empty((len(found), len(raw)), dtype=np.float32)
    for row, at in enumerate(order):
        signal[row] = _millivolt(raw[:, at], found[at], padding)
    notes = []
    if (away := skew(definitions, fs)) >= 0.5:
        notes.append(f"A skew of {away:.1f} samples between leads was not corrected.")
    if dead := [each.lead for each in found if not each.measured and each.lead in LEADS]:
        notes.append(f"The recorder marks {', '.join(dead)} as not measured.")
    return Waveform(signal, tuple(found[at].lead for at in order), fs), tuple(notes)


def _millivolt(raw: NDArray[np.int16], channel: Channel, padding: int | None) -> NDArray[np.float64]:
    """Scale one channel, shape (samples,), to mV; NaN where it was not measured."""
    if not channel.measured:
        return np.full(len(raw), np.nan)
    scaled = raw.astype(np.float64) * channel.step + channel.baseline
    if padding is not None:
        scaled[raw == padding] = np.nan
    return scaled


def _samples(group: Item) -> tuple[NDArray[np.int16], int | None]:
    """Return the samples, int16 (samples, channels), and the value that stands for no sample (PS3.3 C.10.9.1.5 ff.)."""
    count, samples = group.integer("NumberOfWaveformChannels"), group.integer("NumberOfWaveformSamples")
    definitions = len(group.items("ChannelDefinitionSequence"))
    if not count or count != definitions or count > MAX_CHANNELS:
        raise MalformedPayload(f"{count} channels are announced, {definitions} defined; {MAX_CHANNELS} may be.")
    kind = group.integer("WaveformBitsAllocated"), group.text("WaveformSampleInterpretation")
    if kind != (16, "SS"):
        raise MalformedPayload("The samples are not signed 16-bit integers (SS), as a 12-lead ECG's must be.")
    data = group.data("WaveformData") or b""
    if not samples or len(data) != count * samples * 2:
        raise MalformedPayload(f"{count} channels of {samples} samples do not fit {len(data)} bytes of waveform data.")
    dtype = np.dtype("<i2" if group.little_endian else ">i2")
    spare = 16 - _bits_stored(group)
    raw = _extended(np.frombuffer(data, dtype).astype(np.int16), spare)
    padding = group.data("WaveformPaddingValue")
    if padding is not None and len(padding) != 2:
        raise MalformedPayload(f"The padding value takes {len(padding)} bytes, a sample 2.")
    pad = None if padding is None else int(_extended(np.frombuffer(padding, dtype).astype(np.int16), spare)[0])
    return raw.reshape(samples, count), pad


def _bits_stored(group: Item) -> int:
    stated = [each.integer("WaveformBitsStored") for each in group.items("ChannelDefinitionSequence")]
    bits = next((each for each in stated if each is not None), 16)
    if set(stated) - {bits, None} or not 2 <= bits <= 16:
        raise MalformedPayload("Waveform Bits Stored must be the same from 2 to 16 in every channel.")
    return bits


def _extended(raw: NDArray[np.int16], spare: int) -> NDArray[np.int16]:
    """Extend the sign over the bits that are not stored (PS3.3 C.10.9.1.7), for writers that leave them zero."""
    return np.right_shift(np.left_shift(raw, spare), spare)
