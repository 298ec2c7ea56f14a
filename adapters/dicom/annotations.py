"""What the recorder itself said of the ECG: its sentences, measurements and codes, as words."""

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

from adapters.dicom.elements import Item

# By which an annotation is tied to moments (PS3.3 C.10.10): without a value it marks a place, such as a P onset.
_MOMENTS: Final = ("ReferencedSamplePositions", "ReferencedTimeOffsets", "ReferencedDateTime")

_ROUND: Final = re.compile(r"\.0+$")


def statements(item: Item, leads: Mapping[tuple[int, int], str]) -> tuple[str, ...]:
    """Return the recorder's own words, each once: its sentences in their order, then measurements and codes.

    Args:
        item: the object.
        leads: the lead of a channel, by the numbers of its group and its own, both from 1.
    """
    annotations = item.items("WaveformAnnotationSequence")
    sentences = [" ".join(text.split()) for each in annotations if (text := each.text("UnformattedTextValue"))]
    coded = [f"{text}{_of_lead(each, leads)}" for each in annotations if (text := _coded(each))]
    return tuple(dict.fromkeys((*sentences, *coded)))


def _coded(item: Item) -> str | None:
    """Return 'QRS Duration 92 ms' or 'Rhythm: sinus rhythm', or None for a sentence, a mark or nothing."""
    name = item.first("ConceptNameCodeSequence").text("CodeMeaning")
    if name is None or item.text("UnformattedTextValue"):
        return None
    if (number := item.text("NumericValue")) is not None:
        unit = item.first("MeasurementUnitsCodeSequence").text("CodeValue") or ""
        figures = ", ".join(_ROUND.sub("", each.strip()) for each in number.split("\\"))
        return f"{name} {figures}" if unit in ("", "1") else f"{name} {figures} {unit}"
    if value := item.first("ConceptCodeSequence").text("CodeMeaning"):
        return f"{name}: {value}"
    return None if any(item.data(each) for each in _MOMENTS) else name


def _of_lead(item: Item, leads: Mapping[tuple[int, int], str]) -> str:
    """Return ' (V2)' for what is said of one channel alone. Channel 0 is all of a group (PS3.3 C.10.10.1.1)."""
    raw = item.data("ReferencedWaveformChannels") or b""
    if len(raw) != 4:
        return ""
    group, channel = np.frombuffer(raw, "<u2" if item.little_endian else ">u2")
    lead = leads.get((int(group), int(channel)))
    return f" ({lead})" if lead else ""
