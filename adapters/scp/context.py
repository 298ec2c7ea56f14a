"""What an SCP-ECG record says beside the samples: whose it is, when it was made, by what, and its findings."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Final

from adapters.leads import FRANK, PLACEMENT_BY_NUMBER
from adapters.scp.codes import ENCODINGS, NO_ZONE, NOTCHES, SEX, UNDEFINED, YEARS
from adapters.scp.sections import Section
from ecg.errors import MalformedPayload, UnknownFormat
from ecg.recording import Device, Filters, Patient, Study

MAX_STATEMENTS: Final = 200
_END: Final = 255  # 5.4.4: the tag that ends section 1
_NOTHING: Final = Section(b"", 0)
_BAZETT: Final = 1


@dataclass(frozen=True)
class Tags:
    """The fields of section 1 by their tags, of several of a kind the first, and how its texts are written."""

    fields: dict[int, bytes] = field(repr=False)
    encoding: str

    def text(self, tag: int) -> str | None:
        """Return a text without the zeros that end it."""
        return self.decoded(self.fields.get(tag, b""))

    def decoded(self, data: bytes) -> str | None:
        """Return bytes as a text up to their first zero; what cannot be read of it is marked."""
        return data.decode(self.encoding, "replace").partition("\0")[0].strip() or None

    def section(self, tag: int, size: int) -> Section:
        """Return a field of numbers; where it is shorter than it must be, one of zeros."""
        data = self.fields.get(tag, b"")
        return Section(data if len(data) >= size else bytes(size), 0)


def tags(held: dict[int, Section]) -> Tags:
    """Return the fields of section 1; none where there is no such section.

    Raises:
        MalformedPayload: a field reaches beyond the section.
    """
    section, at = held.get(1, _NOTHING), 0
    fields: dict[int, bytes] = {}
    while at + 3 <= len(section.data) and (tag := section.u8(at)) != _END:
        size = section.u16(at + 1)
        fields.setdefault(tag, section.part(at + 3, size))
        at += 3 + size
    machine = fields.get(14, b"")
    language = machine[16] if len(machine) > 16 else 0
    return Tags(fields, ENCODINGS.get(language, "latin-1"))


def patient(held: Tags) -> Patient:
    """Return the patient (tags 0 to 8), of whom SCP-ECG names no issuer; the name as DICOM writes it."""
    age = held.section(4, 3)
    born = held.section(5, 4)
    return Patient(
        id=held.text(2),
        name="^".join((held.text(0) or "", held.text(1) or "")).strip("^") or None,
        birth_date=_day(born, 0),
        sex=SEX.get(held.section(8, 1).u8(0)),
        age=age.u16(0) * YEARS[age.u8(2)] if age.u8(2) in YEARS and age.u16(0) else None,
    )


def acquired_at(held: Tags) -> tuple[datetime | None, tuple[str, ...]]:
    """Return when the ECG was acquired (tags 25, 26), in the zone of tag 34, else in none; or a note."""
    day, time, zone = held.section(25, 4), held.section(26, 3), held.section(34, 2)
    if 25 not in held.fields or 26 not in held.fields:
        return None, ()
    offset = zone.i16(0) if 34 in held.fields else NO_ZONE
    try:
        away = None if offset == NO_ZONE else timezone(timedelta(minutes=offset))
        when = datetime(day.u16(0), day.u8(2), day.u8(3), time.u8(0), time.u8(1), time.u8(2), tzinfo=away)
    except ValueError:
        return None, ("The file's acquisition time could not be read.",)
    return when, ()


def filters(held: Tags) -> Filters:
    """Return the filters (tags 27 to 29): the high-pass is in hundredths of Hz."""
    notches = held.section(29, 1).u8(0)
    return Filters(
        high_pass=held.section(27, 2).u16(0) / 100 or None,
        low_pass=float(held.section(28, 2).u16(0)) or None,
        notch=max((hertz for bit, hertz in NOTCHES.items() if notches & bit), default=None),
    )


def device(held: Tags) -> Device:
    """Return the acquiring device (tag 14): its model, and its maker, the last of five texts behind the numbers."""
    machine = held.fields.get(14, b"")
    texts = machine[36:].split(b"\0")
    return Device(held.decoded(texts[4]) if len(texts) > 4 else None, held.decoded(machine[8:14]))


def study(held: Tags) -> Study:
    """Return who referred the patient (tag 20)."""
    return Study(referring_physician=held.text(20))


def placement(held: Tags) -> str | None:
    """Return how the electrodes were placed (tag 33), None where the record does not say.

    Raises:
        UnknownFormat: the leads were derived from others than the twelve.
    """
    said = PLACEMENT_BY_NUMBER.get(held.section(33, 2).u8(0))
    if said == FRANK:
        raise UnknownFormat("Leads derived from Frank's are none of the twelve.")
    return said


def statements(sections: dict[int, Section], held: Tags) -> tuple[str, ...]:
    """Return the recorder's findings and measurements (sections 8, 11, 7), each once, in their order.

    Nothing stands on them: a section that is cut short ends what is kept of it.
    """
    said: list[str] = []
    for number, skipped in ((8, 0), (11, 1)):  # in section 11 a byte says what kind of code follows
        if number in sections:
            said += _sentences(sections[number], held, skipped)
    if 7 in sections:
        said += _measurements(sections[7])
    return tuple(dict.fromkeys(said))[:MAX_STATEMENTS]


def _sentences(section: Section, held: Tags, skipped: int) -> list[str]:
    said, at = [], 9
    try:
        for _ in range(section.u8(8)):
            size = section.u16(at + 1)
            texts = (held.decoded(each) for each in section.part(at + 3, size)[skipped:].split(b"\0"))
            said.append(" ".join(each for each in texts if each))
            at += 3 + size
    except MalformedPayload:
        pass
    return [each for each in said if each]


def _measurements(section: Section) -> list[str]:
    """Return the intervals and axes of section 7: of its first block, which is the mean beat's."""
    said: list[str] = []
    try:
        blocks, spikes = section.u8(0), section.u8(1)
        said += _figure("RR", section.u16(2), "ms")
        if blocks:
            p_begins, qrs_begins, qrs_ends, t_ends = (section.u16(at) for at in (6, 10, 12, 14))
            said += _interval("PR", p_begins, qrs_begins) + _interval("QRS duration", qrs_begins, qrs_ends)
            said += _interval("QT", qrs_begins, t_ends)
            for at, axis in ((16, "P axis"), (18, "QRS axis"), (20, "T axis")):
                said += _figure(axis, section.i16(at), "deg")
        if spikes:
            said.append(f"Pacemaker spikes: {spikes}")
        at = 6 + 16 * blocks + 10 * spikes
        at += 2 + section.u16(at)
        said += _figure("Ventricular rate", section.u16(at), "/min")
        said += _figure("QTc (Bazett)" if section.u8(at + 6) == _BAZETT else "QTc", section.u16(at + 4), "ms")
    except MalformedPayload:
        pass
    return said


def _interval(name: str, begins: int, ends: int) -> list[str]:
    return [f"{name}: {ends - begins} ms"] if not {begins, ends} & UNDEFINED and ends > begins else []


def _figure(name: str, value: int, unit: str) -> list[str]:
    nothing = value in UNDEFINED or (value == 0 and unit != "deg")
    return [] if nothing else [f"{name}: {value} {unit}"]


def _day(section: Section, at: int) -> date | None:
    try:
        return date(section.u16(at), section.u8(at + 2), section.u8(at + 3))
    except ValueError:
        return None
