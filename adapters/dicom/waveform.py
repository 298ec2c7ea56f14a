"""Reads ECG waveform objects: 12-lead, general, ambulatory and 32-bit (PS3.3 A.34.3 to A.34.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydicom.config import IGNORE
from pydicom.uid import UID

from adapters.declared import agreed_order, agreed_patient, agreed_time
from adapters.dicom import context
from adapters.dicom.annotations import statements
from adapters.dicom.channels import Channel, channels, filters
from adapters.dicom.codes import DERIVED, SAMPLE_KINDS
from adapters.dicom.documents import is_document
from adapters.dicom.elements import Item, is_part10, parse
from adapters.dicom.groups import Group, chosen
from adapters.dicom.samples import MAX_CHANNELS, samples
from adapters.dicom.timeline import Strip, aligned
from adapters.leads import placement_notes
from ecg.errors import MalformedPayload, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Provenance, Recording, Waveform


@dataclass(frozen=True)
class Channels:
    """The channels that are read of one group."""

    group: Group = field(repr=False)
    held: tuple[Channel, ...]


@dataclass(frozen=True)
class WaveformReader:
    """Reads the original multiplex groups of a DICOM ECG, in the unit they declare."""

    name: str = "DICOM ECG waveform"

    def claims(self, payload: Payload) -> bool:
        """Claim every DICOM file but documents, so that the sender of another object hears what it is."""
        return is_part10(payload.data) and not is_document(payload.data)

    def read(self, payload: Payload) -> tuple[Recording, ...]:
        """Read the one ECG of the object.

        Raises:
            UnknownFormat: the object is no ECG waveform, holds none of the twelve leads as measured, or is in a
                transfer syntax that is not read.
            AmbiguousPayload: unit, sensitivity, sampling frequency or a lead's name is missing.
            MalformedPayload: the object breaks the rules of its class, or contradicts what was declared.
        """
        item, declared = parse(payload.data), payload.declared
        kinds = _kinds(item)
        placement = context.placement(item)
        groups, notes = chosen(item.items("WaveformSequence"), declared)
        read = _channels(groups, declared, DERIVED.get(placement or "", ()))
        waveform, remarks = _waveform(read, kinds)
        acquired_at, doubts = context.acquired_at(item)
        recording = Recording(
            waveform=waveform,
            provenance=Provenance(
                reader=self.name,
                series_uid=item.text("SeriesInstanceUID"),
                instance_uid=item.text("SOPInstanceUID"),
                notes=notes + remarks + placement_notes(placement) + doubts,
                class_uid=item.text("SOPClassUID"),
            ),
            patient=agreed_patient(context.patient(item), declared.patient),
            order=agreed_order(context.order(item), declared.order),
            acquired_at=agreed_time(acquired_at, declared.acquired_at),
            filters=filters(tuple(each for group in groups for each in group.definitions)),
            device=context.device(item),
            statements=statements(item, _leads_by_channel(read)),
            study=context.study(item),
            placement=placement,
        )
        return (recording,)


def _kinds(item: Item) -> tuple[str, ...]:
    """Return the kinds of samples that the object's class allows."""
    uid = UID(item.text("SOPClassUID") or "", IGNORE)
    if uid not in SAMPLE_KINDS:
        kind = f"of class '{uid.name}'" if uid.name != str(uid) else "of no known class"
        raise UnknownFormat(f"This DICOM object {kind} is not an ECG waveform that is read here.")
    return SAMPLE_KINDS[uid]


def _channels(groups: Sequence[Group], declared: Declared, derived: tuple[str, ...]) -> list[Channels]:
    """Return the channels of each group; leads that the placement makes derived under names of their own.

    Declared leads are those of all groups, one after the other.
    """
    if declared.fs is not None and declared.fs != groups[0].fs:
        raise MalformedPayload("The declared sampling frequency and the file's disagree.")
    counts = [len(each.definitions) for each in groups]
    if not all(0 < each <= MAX_CHANNELS for each in counts):
        raise MalformedPayload(f"{max(counts)} channels are defined; {MAX_CHANNELS} may be.")
    if declared.leads and len(declared.leads) != sum(counts):
        raise MalformedPayload(f"{len(declared.leads)} leads were declared for {sum(counts)} channels.")
    read, at = [], 0
    for group, count in zip(groups, counts, strict=True):
        said = replace(declared, leads=declared.leads[at : at + count])
        held = channels(group.definitions, said, group.fs)
        read.append(Channels(group, tuple(_as_derived(each, derived) for each in held)))
        at += count
    leads = {each.lead for part in read for each in part.held}
    # Twelve leads that were calculated from others' electrodes are an ECG, though one that no model reads.
    if not leads & {*LEADS, *(f"d{lead}" for lead in derived)}:
        raise UnknownFormat(f"None of the {sum(counts)} channels is one of the twelve leads, as measured.")
    return read


def _as_derived(channel: Channel, derived: tuple[str, ...]) -> Channel:
    return replace(channel, lead=f"d{channel.lead}") if channel.lead in derived else channel


def _waveform(read: Sequence[Channels], kinds: tuple[str, ...]) -> tuple[Waveform, tuple[str, ...]]:
    """Decode the groups to mV on one axis of time, and note what had to be decided."""
    strips = []
    fs = read[0].group.fs
    for part in read:
        decoded = samples(part.group.item, kinds)
        strips += [Strip(each, decoded, part.group.start * fs + each.skew) for each in part.held]
    placed = aligned(strips)
    notes = list(placed.notes)
    dead = {each.channel.lead for each in strips if not each.channel.measured}
    if named := [lead for lead in LEADS if lead in dead]:
        notes.append(f"The recorder marks {', '.join(named)} as not measured.")
    passed = sum(len(each.group.definitions) - len(each.held) for each in read)
    if passed:
        notes.append(f"{passed} channel{'s' if passed > 1 else ''} of other signals than an ECG's left out.")
    return Waveform(placed.signal, placed.leads, fs), tuple(notes)


def _leads_by_channel(read: Sequence[Channels]) -> Mapping[tuple[int, int], str]:
    return {(part.group.number, each.column + 1): each.lead for part in read for each in part.held}
