"""The channels of a multiplex group: which lead each one is, and how its samples become millivolt."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from adapters.dicom.codes import INVERTED_AVR, LEAD_BY_CODE, MILLIVOLT_PER_UNIT, NOT_MEASURED
from adapters.dicom.elements import Item
from ecg.errors import AmbiguousPayload, MalformedPayload
from ecg.leads import LEADS, lead_name
from ecg.payload import Declared
from ecg.recording import Filters

# One step of a recorder is some microvolt (IEC 60601-2-25 asks for 5 or finer); beyond these the gain must be wrong.
MIN_STEP: Final = 1e-7  # mV
MAX_STEP: Final = 10.0  # mV
_INVERTED_AVR: Final = re.compile(r"(?:LEAD[\s_:]*)?[-\u2212]\s*AVR", re.IGNORECASE)


@dataclass(frozen=True)
class Channel:
    """One channel: its lead, and mV = raw * step + baseline where it was measured."""

    lead: str
    step: float
    baseline: float
    measured: bool = True


def channels(definitions: tuple[Item, ...], declared: Declared) -> tuple[Channel, ...]:
    """Return one channel for each item of a Channel Definition Sequence, in its order.

    Raises:
        AmbiguousPayload: a channel does not say which lead or unit it is, nor does the sender.
        MalformedPayload: a lead stands twice or none of the twelve at all, gains are absurd, or the file contradicts
            itself or what was declared.
    """
    if declared.leads and len(declared.leads) != len(definitions):
        raise MalformedPayload(f"{len(declared.leads)} leads were declared for {len(definitions)} channels.")
    found = tuple(
        _channel(each, declared.leads[index] if declared.leads else None, declared.unit)
        for index, each in enumerate(definitions)
    )
    # Named by their number, not by their text, which is the file's.
    twice = [lead for lead, count in Counter(each.lead for each in found).items() if count > 1]
    if twice:
        raise MalformedPayload(
            f"A lead stands twice: {', '.join(x if x in LEADS else 'one of no standard' for x in twice)}."
        )
    if not any(each.lead in LEADS for each in found):
        raise MalformedPayload(f"None of the {len(found)} channels is one of the twelve leads.")
    return found


def filters(definitions: tuple[Item, ...]) -> Filters:
    """Return the narrowest filters over the channels. DICOM writes 0 where there is none."""
    return Filters(
        high_pass=_figure(definitions, "FilterLowFrequency", max),
        low_pass=_figure(definitions, "FilterHighFrequency", min),
        notch=_figure(definitions, "NotchFilterFrequency", max),
    )


def skew(definitions: tuple[Item, ...], fs: float) -> float:
    """Return the largest skew between two channels, in samples (PS3.3 C.10.9.1.4.3)."""
    skews = [
        optional_number(each, "ChannelSampleSkew") or (optional_number(each, "ChannelTimeSkew") or 0.0) * fs
        for each in definitions
    ]
    return max(skews) - min(skews)


def optional_number(item: Item, keyword: str) -> float | None:
    """Return a number that nothing stands on; what cannot be read counts as absent."""
    try:
        return item.number(keyword)
    except MalformedPayload:
        return None


def _figure(items: tuple[Item, ...], keyword: str, narrowest: Callable[[list[float]], float]) -> float | None:
    values = [value for each in items if (value := optional_number(each, keyword)) and value > 0]
    return narrowest(values) if values else None


def _channel(item: Item, declared_lead: str | None, declared_unit: str | None) -> Channel:
    lead = _lead(item, declared_lead)
    step, baseline = _scale(item, declared_unit)
    status = {each.strip() for each in (item.text("ChannelStatus") or "").split("\\")}
    measured = "OK" in status or not status & NOT_MEASURED
    if lead == INVERTED_AVR:
        return Channel("aVR", -step, 0.0 - baseline, measured)  # 0.0 - 0.0 is no negative zero
    return Channel(lead, step, baseline, measured)


def _lead(item: Item, declared: str | None) -> str:
    """Name a channel's lead by code and texts, which must agree; by its label where it is none of the twelve."""
    source = item.first("ChannelSourceSequence")
    code = (source.text("CodingSchemeDesignator") or "", source.text("CodeValue") or "")
    texts = [text for text in (source.text("CodeMeaning"), item.text("ChannelLabel")) if text]
    names = {LEAD_BY_CODE.get(code), *(_by_text(text) for text in texts)} - {None}
    if len(names) > 1:
        raise MalformedPayload(f"A channel is called {' and '.join(sorted(filter(None, names)))} at once.")
    name = next(iter(names), None)
    if declared and name and _by_text(declared) != name:
        raise MalformedPayload(f"A channel that the file calls {name} was declared to be another lead.")
    name = name or (_by_text(declared) or declared if declared else next(reversed(texts), None))
    if name is None:
        raise AmbiguousPayload("A channel does not say which lead it is.", declare=("leads",))
    return name


def _by_text(text: str) -> str | None:
    return INVERTED_AVR if _INVERTED_AVR.fullmatch(text.strip()) else lead_name(text)


def _scale(item: Item, declared: str | None) -> tuple[float, float]:
    """Return mV per step, and the mV of the raw value 0: raw * sensitivity * correction + baseline, all in the unit.

    PS3.3 C.10.9.1.4.2; Channel Baseline is the 'offset of encoded sample value 0 from actual 0' in that unit.
    """
    sensitivity = item.number("ChannelSensitivity")
    unit = _unit(item.first("ChannelSensitivityUnitsSequence").text("CodeValue"), declared)
    if sensitivity is None:
        if declared is None or item.items("ChannelSensitivityUnitsSequence"):
            raise AmbiguousPayload("A channel has no sensitivity: its samples are in no unit.", declare=("unit",))
        sensitivity = 1.0  # samples that the sender says are in the unit itself
    correction, baseline = item.number("ChannelSensitivityCorrectionFactor"), item.number("ChannelBaseline") or 0.0
    step = sensitivity * (1.0 if correction is None else correction) * unit
    if not MIN_STEP <= step <= MAX_STEP:
        raise MalformedPayload(f"{step:g} mV for one step of a sample is not between {MIN_STEP:g} and {MAX_STEP:g} mV.")
    return step, baseline * unit


def _unit(code: str | None, declared: str | None) -> float:
    """Return the mV in one unit."""
    allowed = ", ".join(MILLIVOLT_PER_UNIT)
    if code and declared and code != declared:
        raise MalformedPayload("The declared unit and the file's disagree.")
    if not (code or declared):
        raise AmbiguousPayload(f"The samples have no unit; it may be one of {allowed}.", declare=("unit",))
    if (unit := MILLIVOLT_PER_UNIT.get(code or declared or "")) is None:
        raise MalformedPayload(f"The unit of a channel is none of {allowed} (UCUM).")
    return unit
