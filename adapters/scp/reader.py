"""Reads SCP-ECG records (EN 1064, ISO 11073-91064): the rhythm, not the reference beats."""

from dataclasses import dataclass

from adapters.declared import agreed_order, agreed_patient, agreed_time
from adapters.leads import placement_notes
from adapters.scp import context
from adapters.scp.sections import is_record, sections
from adapters.scp.signals import waveform
from ecg.payload import Payload
from ecg.recording import Order, Provenance, Recording


@dataclass(frozen=True)
class ScpReader:
    """Reads the rhythm of an SCP-ECG record whose checksums are right, by its own amplitude multiplier."""

    name: str = "SCP-ECG"

    def claims(self, payload: Payload) -> bool:
        """Claim every file that begins with a section 0 pointing to itself."""
        return is_record(payload.data)

    def read(self, payload: Payload) -> tuple[Recording, ...]:
        """Read the one ECG of the record.

        Raises:
            UnknownFormat: the rhythm is compressed, or its leads derived, in a way that is not read.
            AmbiguousPayload: a lead has no code.
            MalformedPayload: a checksum is wrong, the record breaks the standard, or contradicts what was declared.
            TooLarge: it is longer than an ECG.
        """
        held, declared = sections(payload.data), payload.declared
        fields = context.tags(held)
        placement = context.placement(fields)
        samples = waveform(held, declared)
        notes = ("The reference beats were left out.",) if 5 in held else ()
        acquired_at, doubts = context.acquired_at(fields)
        recording = Recording(
            waveform=samples,
            provenance=Provenance(self.name, notes=notes + placement_notes(placement) + doubts),
            patient=agreed_patient(context.patient(fields), declared.patient),
            order=agreed_order(Order(), declared.order),
            acquired_at=agreed_time(acquired_at, declared.acquired_at),
            filters=context.filters(fields),
            device=context.device(fields),
            statements=context.statements(held, fields),
            study=context.study(fields),
            placement=placement,
        )
        return (recording,)
