"""Reads ECGs that come as FHIR Observations with SampledData, alone or in a Bundle: of R4, R4B or R5."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from adapters.declared import agreed_order, agreed_patient, agreed_time
from adapters.fhir import context
from adapters.fhir.bundled import Bundled, bundled
from adapters.fhir.codes import Json
from adapters.fhir.document import checked, is_resource, loaded
from adapters.fhir.sampled import Source, Strip, sources, standard, strips
from ecg.errors import AmbiguousPayload, MalformedPayload, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Provenance, Recording, Waveform

MAX_RECORDINGS: Final = 100
MAX_LEADS: Final = 64

# R4 xml.html: the namespace, which stands in the root element.
_NAMESPACE: Final = b'"http://hl7.org/fhir"'
_BEGINNING: Final = 1024  # bytes
_DOCUMENTS: Final = frozenset({"DocumentReference", "Media", "Binary"})
# R4 value set observation-status, as R5's: what was made, and what was never made or must not be used.
_MADE: Final = frozenset({"preliminary", "final", "amended", "corrected", "unknown"})
_VOID: Final = frozenset({"registered", "cancelled", "entered-in-error"})


@dataclass(frozen=True)
class Ecg:
    """The Observations of one ECG: one with all leads as components, or one for each lead."""

    observations: tuple[Bundled, ...] = field(repr=False)


@dataclass(frozen=True)
class ObservationReader:
    """Reads Observations with SampledData by the rules of their version alone, in the unit of their origin."""

    name: str = "FHIR Observation"

    def claims(self, payload: Payload) -> bool:
        """Claim every JSON object that names its type of resource, and FHIR's XML, to say that it is not read."""
        return is_resource(payload.data) or _is_xml(payload.data)

    def read(self, payload: Payload) -> tuple[Recording, ...]:
        """Read every ECG of the Observation or Bundle, in their order.

        Raises:
            UnknownFormat: it is another resource, of another version of FHIR, or holds no ECG.
            AmbiguousPayload: a unit or a lead's name is missing.
            MalformedPayload: FHIR's rules are broken, lengths disagree, or it contradicts what was declared.
        """
        if _is_xml(payload.data):
            raise UnknownFormat("FHIR is read as JSON alone, not as XML: send application/fhir+json.")
        held = _resources(payload.data, payload.media_type)
        beside = _beside(held)
        return tuple(self._recording(each, payload.declared, beside) for each in _ecgs(held))

    def _recording(self, ecg: Ecg, declared: Declared, beside: tuple[str, ...]) -> Recording:
        waveform, notes = _waveform(ecg, declared)
        notes += beside
        first = ecg.observations[0]
        acquired_at, doubts = context.acquired_at(first)
        return Recording(
            waveform=waveform,
            provenance=Provenance(self.name, instance_uid=context.instance_uid(first), notes=notes + doubts),
            patient=agreed_patient(context.patient(first), declared.patient),
            order=agreed_order(context.order(first), declared.order),
            acquired_at=agreed_time(acquired_at, declared.acquired_at),
            device=context.device(first),
        )


def parts(data: bytes) -> dict[int, int]:
    """Return which recording of a Bundle, as `read` numbers them, each of its entries with an ECG belongs to.

    Raises:
        PayloadError: as `read` does.
    """
    return {each.index: part for part, ecg in enumerate(_ecgs(_resources(data))) for each in ecg.observations}


def _is_xml(data: bytes) -> bool:
    start = data[:_BEGINNING].removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"<") and _NAMESPACE in start


def _resources(data: bytes, media_type: str = "") -> tuple[Bundled, ...]:
    return tuple(bundled(checked(loaded(data), media_type)))


def _beside(resources: Sequence[Bundled]) -> tuple[str, ...]:
    """Note the documents that stand beside the ECGs: what has samples is read, what may show the same is not."""
    count = sum(each.kind in _DOCUMENTS or "presentedForm" in each.resource for each in resources)
    return (f"Documents beside the samples were left out: {count}.",) if count else ()


def _ecgs(resources: Sequence[Bundled]) -> tuple[Ecg, ...]:
    """Return the ECGs among resources, in the order in which they begin.

    An Observation with several leads is one; those of a single lead belong together by subject, time and device.

    Raises:
        UnknownFormat: there is none, or one is of somebody else than its subject.
        MalformedPayload: each is void or one of no known status, there are too many, or leads come without the time by
            which they are one ECG.
    """
    found: dict[str, list[Bundled]] = {}
    held = [each for each in resources if each.kind == "Observation"]
    ecgs = [each for each in held if _is_ecg(sources(each.resource))]
    for at, each in enumerate(ecgs):
        if (status := each.resource["status"]) in _VOID:
            continue
        if status not in _MADE:  # fhir.resources holds no code against its value set
            raise MalformedPayload("The status of an Observation is none of FHIR's.")
        if any(focus != each.resource.get("subject") for focus in each.resource.get("focus", ())):
            raise UnknownFormat("An ECG of somebody else than its subject, such as a fetus, is not read (focus).")
        leads = {source.lead for source in sources(each.resource)}
        found.setdefault(_key(each) if len(leads) == 1 else f"observation {at}", []).append(each)
    if not found and ecgs:
        raise MalformedPayload("Each ECG here is marked as never made, or made in error.")
    if not found:
        raise UnknownFormat(f"None of the {len(held)} Observations here holds SampledData of an ECG's lead.")
    if any(len(each) > 1 and not _is_timed(each[0]) for each in found.values()):
        raise MalformedPayload("Single leads do not say at what time they were recorded: they may be of several ECGs.")
    if len(found) > MAX_RECORDINGS:
        raise MalformedPayload(f"{len(found)} ECGs came together; at most {MAX_RECORDINGS} may.")
    return tuple(Ecg(tuple(each)) for each in found.values())


def _is_ecg(held: Sequence[Source]) -> bool:
    return any(each.is_potential or each.lead in LEADS or each.lead == "-aVR" for each in held)


def _key(observation: Bundled) -> str:
    """Return what the Observations of one ECG have in common. Their subject and device may have several names."""
    resource = observation.resource
    when = [resource.get(f"effective{each}") for each in ("DateTime", "Instant", "Period", "Timing")]
    whose = [_target(resource.get(each, {})) for each in ("subject", "device")]
    return json.dumps([when, whose], sort_keys=True)


def _is_timed(observation: Bundled) -> bool:
    """Say whether it was recorded at a time that is said, and not on some day."""
    return "effectiveTiming" in observation.resource or context.acquired_at(observation)[0] is not None


def _target(reference: Json) -> object:
    return reference.get("reference") or reference.get("identifier") or reference.get("display")


def _waveform(ecg: Ecg, declared: Declared) -> tuple[Waveform, tuple[str, ...]]:
    """Put the leads together, the twelve first and in their order, and note what was left out."""
    chunks: dict[tuple[int, str], list[Strip]] = {}
    named = [(at, source, lead) for at, each in enumerate(ecg.observations) for source, lead in _named(each, declared)]
    leads = len({(at, lead) for at, _, lead in named if lead != ""})
    left = sum(lead == "" for _, _, lead in named)
    for at, source, lead in named:
        if lead != "":
            for strip in strips(source, lead, leads, declared):
                chunks.setdefault((at, strip.lead), []).append(strip)
    if not 0 < len(chunks) <= MAX_LEADS:
        raise MalformedPayload(f"{len(chunks)} leads came together; at most {MAX_LEADS} may.")
    frequencies = {strip.fs for each in chunks.values() for strip in each}
    lengths = Counter(sum(len(strip.signal) for strip in each) for each in chunks.values())
    if len(frequencies) > 1 or len(lengths) > 1:
        raise MalformedPayload(f"The leads differ: {len(frequencies)} sampling frequencies, {len(lengths)} lengths.")
    order = sorted(chunks, key=lambda each: LEADS.index(each[1]) if each[1] in LEADS else len(LEADS))
    signal = np.empty((len(order), next(iter(lengths))), dtype=np.float32)
    for row, key in enumerate(order):
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite there, which no Waveform is
            signal[row] = np.concatenate([strip.signal for strip in chunks[key]])
    notes = (f"{left} series of samples that are no lead of an ECG were left out.",) if left else ()
    return Waveform(signal, tuple(lead for _, lead in order), frequencies.pop()), notes


def _named(observation: Bundled, declared: Declared) -> Iterator[tuple[Source, str | None]]:
    held = sources(observation.resource)
    return zip(held, _leads(held, declared), strict=True)


def _leads(held: tuple[Source, ...], declared: Declared) -> list[str | None]:
    """Name each series: a lead; None for the declared leads interlaced; '' for what is something else.

    Raises:
        AmbiguousPayload: one has no name at all, nor was it declared.
        MalformedPayload: what was declared contradicts the codes.
    """
    if len(declared.leads) == len(held) > 1:
        names: list[str | None] = [standard(each) for each in declared.leads]
        if any(source.lead not in (None, name) for source, name in zip(held, names, strict=True)):
            raise MalformedPayload("The declared leads and the payload's disagree.")
        return names
    if declared.leads and not (len(held) == 1 and held[0].lead is None):
        raise MalformedPayload(f"{len(declared.leads)} leads were declared for {len(held)} series of samples.")
    if any(not source.lead and not (source.concept.get("text") or source.concept.get("coding")) for source in held):
        raise AmbiguousPayload("A SampledData does not name its lead.", declare=("leads",))
    return [source.lead or (None if source.is_potential else "") for source in held]
