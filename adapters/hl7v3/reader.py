"""Reads HL7 v3 annotated ECGs (aECG, PORT_MT020001): the rhythm as it was recorded."""

from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from adapters.declared import agreed_order, agreed_patient, agreed_time
from adapters.hl7v3 import context
from adapters.hl7v3.codes import RHYTHM, ROOT
from adapters.hl7v3.sequences import waveform
from adapters.markup import attribute, parsed, root_name
from ecg.errors import MalformedPayload, TooLarge
from ecg.payload import Declared, Payload
from ecg.recording import Order, Provenance, Recording

MAX_SERIES: Final = 100


@dataclass(frozen=True)
class AnnotatedEcgReader:
    """Reads each rhythm series of an annotated ECG as a recording, in the units of its sequences."""

    name: str = "HL7 v3 aECG"

    def claims(self, payload: Payload) -> bool:
        """Claim every XML document whose root is an AnnotatedECG."""
        return root_name(payload.data) == ROOT

    def read(self, payload: Payload) -> tuple[Recording, ...]:
        """Read every rhythm series, in their order.

        Raises:
            AmbiguousPayload: a unit, a sampling frequency or a lead's name is missing.
            MalformedPayload: it breaks the rules of XML or of aECG, holds no rhythm, or contradicts what was declared.
            TooLarge: it holds more than an ECG does.
        """
        root = parsed(payload.data)
        series = root.findall("{*}component/{*}series")
        if len(series) > MAX_SERIES:
            raise TooLarge(f"{len(series)} series came together; at most {MAX_SERIES} may.")
        # One that does not say what it is can only be what was recorded: a derived one stands in derivedSeries.
        rhythms = [each for each in series if attribute(each, "code", "{*}code") in (RHYTHM, None)]
        if not rhythms:
            raise MalformedPayload(f"None of the {len(series)} series is a rhythm as it was recorded.")
        derived = len(root.findall(".//{*}derivedSeries")) + len(series) - len(rhythms)
        left = (f"{derived} derived series, such as representative beats, were left out.",) if derived else ()
        return tuple(self._recording(root, each, payload.declared, left) for each in rhythms)

    def _recording(self, root: Element, series: Element, declared: Declared, left: tuple[str, ...]) -> Recording:
        samples, notes = waveform(series, declared)
        acquired_at, doubts = context.acquired_at(root, series)
        return Recording(
            waveform=samples,
            provenance=Provenance(self.name, notes=left + notes + doubts),
            patient=agreed_patient(context.patient(root), declared.patient),
            order=agreed_order(Order(), declared.order),
            acquired_at=agreed_time(acquired_at, declared.acquired_at),
            filters=context.filters(series),
            device=context.device(series),
            statements=context.statements(series),
        )
