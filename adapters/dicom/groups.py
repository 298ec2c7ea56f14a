"""Which multiplex groups of an object are its recording, and on what axis of time they stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from adapters.dicom.channels import optional_number
from adapters.dicom.codes import BEAT_LABELS
from adapters.dicom.elements import Item
from ecg.errors import AmbiguousPayload, MalformedPayload
from ecg.payload import Declared
from ecg.recording import MIN_SECONDS

MAX_GROUPS: Final = 64  # PS3.3 A.34 allows 5 in a 12-lead ECG, 4 in a general one


@dataclass(frozen=True)
class Group:
    """A multiplex group: its number in the object, from 1, and when it began, in seconds."""

    item: Item
    number: int
    fs: float
    start: float = 0.0

    @property
    def definitions(self) -> tuple[Item, ...]:
        """What it says of its channels."""
        return self.item.items("ChannelDefinitionSequence")


def chosen(sequence: tuple[Item, ...], declared: Declared) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """Choose the multiplex groups to read, and say why where there was a choice.

    The longest ORIGINAL one, never a median beat, and with it the others of the same sampling frequency, where each
    says when it began (Multiplex Group Time Offset). Where none is ORIGINAL, the longest that says nothing. A DERIVED
    group (PS3.3 C.10.9.1.3) is never read.

    Raises:
        AmbiguousPayload: none can be chosen, and one does not say its sampling frequency.
        MalformedPayload: there is no original recording of 2.5 s or more, or there are too many groups.
    """
    if len(sequence) > MAX_GROUPS:
        raise MalformedPayload(f"{len(sequence)} multiplex groups came together; at most {MAX_GROUPS} may.")
    groups = [Group(each, at, _fs(each, declared) or 0.0) for at, each in enumerate(sequence, 1)]
    fit = [each for each in groups if _seconds(each) >= MIN_SECONDS and not _is_beat(each.item)]
    original = [each for each in fit if each.item.text("WaveformOriginality") == "ORIGINAL"]
    candidates = original or [each for each in fit if each.item.text("WaveformOriginality") is None]
    if not candidates and any(_fs(each, declared) is None for each in sequence):
        raise AmbiguousPayload("A multiplex group does not say its sampling frequency.", declare=("fs",))
    if not candidates:
        raise MalformedPayload(
            f"None of the {len(groups)} multiplex groups is an original recording of {MIN_SECONDS:g} s or more."
        )
    first = max(candidates, key=lambda each: (_seconds(each), each.item.integer("NumberOfWaveformChannels") or 0))
    if not original:
        left = f" {_left(len(groups) - 1)}." if len(groups) > 1 else ""
        return (first,), (f"No multiplex group is marked ORIGINAL; read the longest that is no median beat.{left}",)
    together = _together(first, original)
    return together, tuple(_told(len(together), len(groups), original))


def _together(first: Group, candidates: list[Group]) -> tuple[Group, ...]:
    """Return the first group and those that stand on one axis of time with it, the first first."""
    if _offset(first.item) is None:
        return (first,)
    others = [each for each in candidates if each is not first and each.fs == first.fs]
    timed = [(each, _offset(each.item)) for each in (first, *others)]
    return tuple(Group(each.item, each.number, each.fs, start) for each, start in timed if start is not None)


def _told(read: int, count: int, original: list[Group]) -> Iterator[str]:
    if count == 1:
        return
    what = "the ORIGINAL multiplex group" if read == 1 else f"{read} ORIGINAL multiplex groups on one axis of time"
    yield f"Read {what}; {_left(count - read)}." if count > read else f"Read {what}."
    if read < len(original) and any(_offset(each.item) is None for each in original):
        yield "Not every group says when it began."


def _left(count: int) -> str:
    return f"{count} other group{'s were' if count > 1 else ' was'} left out"


def _is_beat(group: Item) -> bool:
    label = (group.text("MultiplexGroupLabel") or "").upper()
    return any(word in label for word in BEAT_LABELS)


def _seconds(group: Group) -> float:
    return (group.item.integer("NumberOfWaveformSamples") or 0) / group.fs if group.fs > 0 else 0.0


def _fs(group: Item, declared: Declared) -> float | None:
    stated = optional_number(group, "SamplingFrequency")
    return declared.fs if stated is None else stated


def _offset(group: Item) -> float | None:
    """Return Multiplex Group Time Offset, which is in ms (PS3.3 C.10.9.1.1), in seconds."""
    stated = optional_number(group, "MultiplexGroupTimeOffset")
    return None if stated is None else stated / 1000
