"""Reads Philips Sierra XML (TraceMaster, PageWriter, HeartStart): the rhythm leads, not the representative beats."""

from dataclasses import dataclass
from typing import Final

from adapters.declared import agreed_order, agreed_patient, agreed_time
from adapters.leads import placement_notes
from adapters.markup import parsed, root_name, text
from adapters.sierra import context
from adapters.sierra.signals import waveform
from ecg.errors import UnknownFormat
from ecg.payload import Payload
from ecg.recording import Provenance, Recording

ROOT: Final = "restingecgdata"
# The versions whose parsed waveforms are known to be alike; samples are at hand of the first two.
TYPES: Final = ("SierraECG", "PhilipsECG")
VERSIONS: Final = ("1.03", "1.04", "1.04.01", "1.04.02")


@dataclass(frozen=True)
class SierraReader:
    """Reads the leads of a Philips Sierra document, plain or compressed (XLI), by its own resolution."""

    name: str = "Philips Sierra XML"

    def claims(self, payload: Payload) -> bool:
        """Claim every XML document whose root is Philips' restingecgdata."""
        return root_name(payload.data) == ROOT

    def read(self, payload: Payload) -> tuple[Recording, ...]:
        """Read the one ECG of the document.

        Raises:
            UnknownFormat: it is of a version, an encoding or a set of leads that is not read.
            MalformedPayload: it breaks the rules of XML or of Sierra, or contradicts itself or what was declared.
            TooLarge: it holds more than an ECG does.
        """
        root, declared = parsed(payload.data), payload.declared
        kind = (text(root, "{*}documentinfo/{*}documenttype"), text(root, "{*}documentinfo/{*}documentversion"))
        if kind[0] not in TYPES or kind[1] not in VERSIONS:
            raise UnknownFormat(f"This Philips document is not one of version {', '.join(VERSIONS)}.")
        samples, notes = waveform(root, declared)
        acquired_at, doubts = context.acquired_at(root)
        placement = context.placement(root)
        recording = Recording(
            waveform=samples,
            provenance=Provenance(self.name, notes=notes + placement_notes(placement) + doubts),
            patient=agreed_patient(context.patient(root), declared.patient),
            order=agreed_order(context.order(root), declared.order),
            acquired_at=agreed_time(acquired_at, declared.acquired_at),
            filters=context.filters(root),
            device=context.device(root),
            statements=context.statements(root),
            placement=placement,
        )
        return (recording,)
