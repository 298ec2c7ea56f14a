"""The channels of a multiplex group: which lead each one is, when it began, and how its samples become millivolt."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from adapters.dicom.codes import LEAD_SCHEMES, NOT_MEASURED, VAGUE_LEADS
from adapters.dicom.elements import Item
from adapters.leads import LEAD_BY_NUMBER, OTHER_LEAD_BY_NUMBER
from adapters.voltage import MILLIVOLT_PER_UNIT, checked_step, millivolt_per, ucum
from ecg.errors import AmbiguousPayload, MalformedPayload
from ecg.leads import INVERTED_AVR, LEADS, signed_lead_name
from ecg.payload import Declared
from ecg.recording import Filters

# Labels of leads that are well known and none of the twelve: measured at other places, or derived.
_PLACES: Final = r"V[1-9]R|V[789]|[XYZ]|ES|AS|AI"
_ELSEWHERE: Final = re.compile(rf"(?:LEAD[\s_:]*)?(?:{_PLACES})", re.IGNORECASE)
_OTHER: Final = re.compile(rf"(?:LEAD[\s_:]*)?(?:{_PLACES}|D(?:I{{1,3}}|AV[RLF]|V[1-6]))", re.IGNORECASE)


@dataclass(frozen=True)
class Channel:
    """One channel: its column, its lead, and mV = raw * step + baseline where it was measured.

    `bits` are the significant ones of a sample, None where all are; `skew` is how much later than its group it began,
    in samples.
    """

    column: int
    lead: str = field(repr=False)  # may be the file's own text
    step: float
    baseline: float
    measured: bool = True
    bits: int | None = None
    skew: float = 0.0


def channels(definitions: tuple[Item, ...], declared: Declared, fs: float) -> tuple[Channel, ...]:
    """Return a channel for each item of a Channel Definition Sequence that is no other signal than an ECG's.

    What is none of the twelve leads and says itself that it is in no voltage, such as a pressure, is passed over.

    Raises:
        AmbiguousPayload: a channel does not say which lead or unit it is, nor does the sender.
        MalformedPayload: a lead stands twice, gains are absurd, or the file contradicts itself or what was declared.
    """
    if declared.leads and len(declared.leads) != len(definitions):
        raise MalformedPayload(f"{len(declared.leads)} leads were declared for {len(definitions)} channels.")
    named = [
        (column, each, _lead(each, declared.leads[column] if declared.leads else None))
        for column, each in enumerate(definitions)
    ]
    found = tuple(
        _channel(column, each, lead, declared.unit, fs)
        for column, each, lead in named
        if _is_twelve(lead) or not _is_other_signal(each)
    )
    # Named by their number, not by their text, which is the file's.
    twice = [lead for lead, count in Counter(each.lead for each in found).items() if count > 1]
    if twice:
        raise MalformedPayload(
            f"A lead stands twice: {', '.join(x if x in LEADS else 'one of no standard' for x in twice)}."
        )
    return found


def filters(definitions: tuple[Item, ...]) -> Filters:
    """Return the narrowest filters over the channels. DICOM writes 0 where there is none."""
    return Filters(
        high_pass=_figure(definitions, "FilterLowFrequency", max),
        low_pass=_figure(definitions, "FilterHighFrequency", min),
        notch=_figure(definitions, "NotchFilterFrequency", max),
    )


def optional_number(item: Item, keyword: str) -> float | None:
    """Return a number that nothing stands on; what cannot be read counts as absent."""
    try:
        return item.number(keyword)
    except MalformedPayload:
        return None


def code_number(item: Item, schemes: Mapping[str, Sequence[tuple[str, int]]]) -> int | None:
    """Return the number that a code stands for, None where it is of none of the schemes.

    A scheme has prefixes of its codes, each with what is added to the number behind it.
    """
    value = item.text("CodeValue") or ""
    for prefix, added in schemes.get(item.text("CodingSchemeDesignator") or "", ()):
        if value.startswith(prefix) and re.fullmatch(r"[0-9]{1,6}", value[len(prefix) :]):
            number = int(value[len(prefix) :]) + added
            return number if number >= 0 else None
    return None


def _figure(items: tuple[Item, ...], keyword: str, narrowest: Callable[[list[float]], float]) -> float | None:
    values = [value for each in items if (value := optional_number(each, keyword)) and value > 0]
    return narrowest(values) if values else None


def _channel(column: int, item: Item, lead: str, declared_unit: str | None, fs: float) -> Channel:
    step, baseline = _scale(item, declared_unit)
    if lead == INVERTED_AVR:
        lead, step, baseline = "aVR", -step, 0.0 - baseline  # 0.0 - 0.0 is no negative zero
    status = {each.strip() for each in (item.text("ChannelStatus") or "").split("\\")}
    measured = "OK" in status or not status & NOT_MEASURED
    return Channel(column, lead, step, baseline, measured, item.integer("WaveformBitsStored"), _skew(item, fs))


def _skew(item: Item, fs: float) -> float:
    """Return Channel Sample Skew, or Channel Time Skew in samples (PS3.3 C.10.9.1.4.3)."""
    samples, seconds = item.number("ChannelSampleSkew") or 0.0, item.number("ChannelTimeSkew") or 0.0
    if samples and seconds and not math.isclose(samples, seconds * fs, abs_tol=0.5):
        raise MalformedPayload("The skews of a channel in samples and in seconds disagree.")
    return samples or seconds * fs


def _is_twelve(lead: str) -> bool:
    return lead in LEADS or lead == INVERTED_AVR


def _is_other_signal(item: Item) -> bool:
    unit = item.first("ChannelSensitivityUnitsSequence").text("CodeValue")
    return unit is not None and ucum(unit) not in MILLIVOLT_PER_UNIT


def _lead(item: Item, declared: str | None) -> str:
    """Name a channel's lead by code and texts, which must agree; by its label where it is none of the twelve.

    A code that means another lead, one calculated from others among them, makes it that, whatever the texts say.
    """
    source = item.first("ChannelSourceSequence")
    number = code_number(source, LEAD_SCHEMES)
    texts = [text for text in (source.text("CodeMeaning"), item.text("ChannelLabel")) if text]
    said = {name for text in texts if (name := signed_lead_name(text))}
    if number is not None and number not in VAGUE_LEADS and number not in LEAD_BY_NUMBER:
        free = next((text for text in reversed(texts) if not signed_lead_name(text)), f"MDC 2:{number}")
        return _undeclared(OTHER_LEAD_BY_NUMBER.get(number, free), declared)
    names = said | ({LEAD_BY_NUMBER[number]} if number in LEAD_BY_NUMBER else set())
    if len(names) > 1:
        raise MalformedPayload(f"A channel is called {' and '.join(sorted(names))} at once.")
    name = next(iter(names), None)
    if name and any(_ELSEWHERE.fullmatch(text.strip()) for text in texts):
        raise MalformedPayload(f"A channel is called {name} and another lead at once.")
    if declared and name and signed_lead_name(declared) != name:
        raise MalformedPayload(f"A channel that the file calls {name} was declared to be another lead.")
    label = next(reversed(texts), None)
    if name is None and label and _OTHER.fullmatch(label.strip()):
        return _undeclared(label, declared)
    name = name or (signed_lead_name(declared) or declared if declared else label)
    if name is None:
        raise AmbiguousPayload("A channel does not say which lead it is.", declare=("leads",))
    return name


def _undeclared(name: str, declared: str | None) -> str:
    if declared and signed_lead_name(declared):
        raise MalformedPayload("A channel that the file calls another lead was declared to be one of the twelve.")
    return name


def _scale(item: Item, declared: str | None) -> tuple[float, float]:
    """Return mV per step, and the mV of the raw value 0: raw * sensitivity * correction + baseline, all in the unit.

    PS3.3 C.10.9.1.4.2; Channel Baseline is the 'offset of encoded sample value 0 from actual 0' in that unit.
    """
    sensitivity = item.number("ChannelSensitivity")
    unit = millivolt_per(item.first("ChannelSensitivityUnitsSequence").text("CodeValue"), declared)
    if sensitivity is None:
        if declared is None or item.items("ChannelSensitivityUnitsSequence"):
            raise AmbiguousPayload("A channel has no sensitivity: its samples are in no unit.", declare=("unit",))
        sensitivity = 1.0  # samples that the sender says are in the unit itself
    correction, baseline = item.number("ChannelSensitivityCorrectionFactor"), item.number("ChannelBaseline") or 0.0
    step = sensitivity * (1.0 if correction is None else correction) * unit
    return checked_step(max(step, 0.0)), baseline * unit  # a gain has no sign
