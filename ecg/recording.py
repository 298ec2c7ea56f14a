"""One ECG as it was recorded: its waveform in millivolt, whose it is, and how it came to be."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo
from functools import cached_property
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ecg.errors import MalformedPayload
from ecg.leads import LEADS

MIN_FS: Final = 50.0
MAX_FS: Final = 2000.0
MIN_SECONDS: Final = 2.5  # of what a recorder prints as a strip of rhythm: a beat by itself is shorter
LEAST_SECONDS: Final = 1.0  # of any recording: that one is read, and is for no model. FHIR's own example has 1.16 s
# Surface ECGs stay within a few mV; electrode offsets within 300 mV (IEC 60601-2-25, 201.12.4.105). Beyond that the
# unit is wrong or the object is no ECG.
MAX_MILLIVOLT: Final = 400.0
# R4 valueset-request-priority.html, from what may wait to what may not.
Priority = Literal["routine", "urgent", "asap", "stat"]
PRIORITIES: Final[tuple[Priority, ...]] = get_args(Priority)
# Where the electrodes of the twelve leads belong: limb leads at the extremities, V1 to V6 at their places.
# Kligfield et al., Circulation 2007;115:1306.
STANDARD: Final = "standard"
MISSING: Final = -(2**62)  # stands for a sample that was not measured, where a digest is made


@dataclass(frozen=True, eq=False)
class Waveform:
    """The samples of one ECG.

    Attributes:
        signal: float32 (leads, samples), mV, NaN where nothing was measured; read-only.
        leads: the lead of each row; no lead stands twice.
        fs: samples per second and lead, Hz.

    Raises:
        MalformedPayload: shapes disagree, a lead stands twice, nothing was measured, or a figure is out of range.
    """

    signal: NDArray[np.float32] = field(repr=False)
    leads: tuple[str, ...] = field(repr=False)
    fs: float

    def __post_init__(self) -> None:
        signal = np.ascontiguousarray(self.signal, dtype=np.float32)
        if signal.ndim != 2 or signal.shape[0] != len(self.leads) or not self.leads:
            raise MalformedPayload(f"A waveform of shape {signal.shape} does not fit {len(self.leads)} leads.")
        if len(set(self.leads)) != len(self.leads):
            # Other labels are text from the payload, which an error does not repeat.
            twice = [lead for lead in LEADS if self.leads.count(lead) > 1]
            raise MalformedPayload(f"A lead stands twice: {', '.join(twice) or 'one of the others'}.")
        if not MIN_FS <= self.fs <= MAX_FS:
            raise MalformedPayload(f"A sampling frequency of {self.fs:g} Hz is outside {MIN_FS:g} to {MAX_FS:g} Hz.")
        if signal.shape[1] < LEAST_SECONDS * self.fs:
            raise MalformedPayload(f"{signal.shape[1] / self.fs:.2f} s are fewer than the {LEAST_SECONDS:g} s needed.")
        if np.isinf(signal).any() or np.isnan(signal).all():
            raise MalformedPayload("The waveform holds infinite values, or no measured sample at all.")
        if (peak := float(np.nanmax(np.abs(signal)))) > MAX_MILLIVOLT:
            raise MalformedPayload(f"A peak of {peak:.0f} mV is no surface ECG: gain or unit must be wrong.")
        signal.setflags(write=False)
        object.__setattr__(self, "signal", signal)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return float(self.signal.shape[1] / self.fs)

    @cached_property  # more than one id is made of it
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the samples, leads and fs, whatever the order of the leads."""
        order = sorted(range(len(self.leads)), key=self.leads.__getitem__)
        digest = hashlib.sha256(json.dumps([sorted(self.leads), float(self.fs)]).encode())
        # In whole nanovolts, so that rounding in one encoding or another makes no other ECG of it.
        nanovolts = np.rint(self.signal[order].astype(np.float64) * 1e6)
        digest.update(np.where(np.isnan(nanovolts), MISSING, nanovolts).astype("<i8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Patient:
    """Whose ECG it is. No field shows in a repr.

    `sex` is 'F', 'M', 'O' or None (DICOM PS3.3 C.7.1.1); `age` is in years, as stated by the source.
    """

    id: str | None = field(default=None, repr=False)
    issuer: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    birth_date: date | None = field(default=None, repr=False)
    sex: str | None = field(default=None, repr=False)
    age: float | None = field(default=None, repr=False)

    def age_at(self, when: datetime | None) -> float | None:
        """Age in completed years at `when` by the birth date, else the stated age, else None."""
        if self.birth_date is None or when is None:
            return self.age
        had_birthday = (when.month, when.day) >= (self.birth_date.month, self.birth_date.day)
        return float(when.year - self.birth_date.year - (not had_birthday))


@dataclass(frozen=True)
class Order:
    """What the recording was made for: identifiers of order, visit and study. No field shows in a repr.

    `priority` is None where nobody said.
    """

    accession_number: str | None = field(default=None, repr=False)
    accession_issuer: str | None = field(default=None, repr=False)
    placer_number: str | None = field(default=None, repr=False)
    filler_number: str | None = field(default=None, repr=False)
    admission_id: str | None = field(default=None, repr=False)
    study_uid: str | None = field(default=None, repr=False)
    priority: Priority | None = field(default=None, repr=False)


def urgency(*orders: Order | None) -> int:
    """Return the place in PRIORITIES of the most urgent of these orders; one that says nothing is routine."""
    said = [each.priority for each in orders if each is not None]
    return max((PRIORITIES.index(each) for each in said if each is not None), default=0)


@dataclass(frozen=True)
class Study:
    """What the source says of the recording's study beside its UID, which the order names. No field shows in a repr.

    `date`, `time` and the patient's age at it are as DICOM writes them: DA, TM and AS of PS3.5 6.2.
    """

    id: str | None = field(default=None, repr=False)
    date: str | None = field(default=None, repr=False)
    time: str | None = field(default=None, repr=False)
    description: str | None = field(default=None, repr=False)
    referring_physician: str | None = field(default=None, repr=False)
    patient_age: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Filters:
    """Filters of the recorder in Hz, the narrowest over all leads; None where the source does not say.

    `zero_phase` is whether the source declares that the high-pass distorts no phase, so that it keeps the ST segment.
    """

    high_pass: float | None = None
    low_pass: float | None = None
    notch: float | None = None
    zero_phase: bool = False


@dataclass(frozen=True)
class Device:
    """The recorder, as it names itself: text from the source, so no field shows in a repr."""

    manufacturer: str | None = field(default=None, repr=False)
    model: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class PageEvidence:
    """What shows how well a page was digitised.

    Attributes:
        overlay: PNG of the page with the curves found drawn on it; it may show a name, so it shows in no repr.
        einthoven: RMS in mV of I + III - II and of aVR + aVL + aVF, the larger, over the seconds where the leads
            were printed at one time; None where they nowhere were.
        on_ink: share of the curves that lies on ink, 0 to 1.
        explained: share of the traces' ink that lies on the curves, 0 to 1.
        confidence: of each lead digitised, 0 to 1, as (lead, confidence).
        layout: name of the layout the page was read by, such as '3x4+1'.
        scale: the scale and what says so, such as '25 mm/s (print), 10 mm/mV (pulse)'.
        gain_assumed: leads whose gain nothing says, on a page whose scale is known else: none of them is to scale.
    """

    overlay: bytes = field(repr=False)
    einthoven: float | None
    on_ink: float
    explained: float
    confidence: tuple[tuple[str, float], ...]
    layout: str
    scale: str
    gain_assumed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """How a recording came to us.

    Attributes:
        reader: the reader's name.
        digitised: whether the signal was recovered from a picture.
        scale_assumed: whether the page's millimetres, mm/s or mm/mV were assumed, so that nothing on it is to scale.
        series_uid, instance_uid: the source object's DICOM UIDs, where it has some.
        notes: choices the reader had to make, as sentences for the report.
        class_uid: the source object's SOP Class UID, where it has one.
        page: how well it was digitised, where it came from a page.
        content: by what a digitised ECG is known, whoever recovers its samples and however well; None elsewhere.
        contradicted: whether the page surely prints another patient's id than the one that was declared.
    """

    reader: str
    digitised: bool = False
    series_uid: str | None = field(default=None, repr=False)
    instance_uid: str | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    class_uid: str | None = field(default=None, repr=False)
    scale_assumed: bool = False
    page: PageEvidence | None = None
    content: str | None = None
    contradicted: bool = False


@dataclass(frozen=True)
class Recording:
    """One ECG with all that its source says of it.

    `acquired_at` has no tzinfo where the source names no zone. `statements` are the recorder's own, shown as such and
    never given to a model. `placement` names how the electrodes were placed, STANDARD or another way such as
    'Mason-Likar'; None where the source does not say.
    """

    waveform: Waveform
    provenance: Provenance
    patient: Patient = Patient()
    order: Order = Order()
    acquired_at: datetime | None = field(default=None, repr=False)
    filters: Filters = Filters()
    device: Device = Device()
    statements: tuple[str, ...] = field(default=(), repr=False)
    study: Study = Study()
    placement: str | None = None

    @property
    def age(self) -> float | None:
        """The patient's age in years when the ECG was acquired, or None."""
        return self.patient.age_at(self.acquired_at)

    def in_zone(self, zone: tzinfo | None) -> "Recording":
        """Return this recording with `zone` given to an acquisition time that names none."""
        if zone is None or self.acquired_at is None or self.acquired_at.tzinfo is not None:
            return self
        return replace(self, acquired_at=self.acquired_at.replace(tzinfo=zone))
