"""What is measured on a recording itself, without a network: each value with its confidence, or why it is absent."""

from dataclasses import dataclass
from typing import Final

from ecg.leads import LEADS

MS: Final = "ms"
MILLIVOLT: Final = "mV"
PER_MINUTE: Final = "/min"
DEGREE: Final = "deg"
RATIO: Final = "1"

# Code and unit (UCUM) of each measurement: of the whole recording, then of each lead.
GLOBAL_UNITS: Final = {
    "heart-rate": PER_MINUTE,
    "rr-variation": RATIO,  # standard deviation of the RR intervals over their mean
    "p-duration": MS,
    "pr": MS,
    "qrs": MS,
    "qt": MS,
    "qtc-bazett": MS,
    "qtc-fridericia": MS,
    "qtc-framingham": MS,
    "axis-p": DEGREE,
    "axis-qrs": DEGREE,
    "axis-t": DEGREE,
}
LEAD_UNITS: Final = {
    "st-j": MILLIVOLT,  # at the J point, against the level of QRS onset
    "st-j60": MILLIVOLT,  # 60 ms after it
    "t-amplitude": MILLIVOLT,
    "q-amplitude": MILLIVOLT,  # negative; a QRS without an R wave is all Q
    "q-duration": MS,
    "r-amplitude": MILLIVOLT,
    "s-amplitude": MILLIVOLT,  # negative
}
# Why a measurement may be absent, by its code.
ABSENCES: Final = {
    "scale-assumed": "the scale of the page was assumed",
    "high-pass-unknown": "the source does not say how the recording was high-pass filtered",
    "high-pass-too-high": "the recording was high-pass filtered above what the ST segment allows",
    "no-beats": "no heart beat was found",
    "too-few-beats": "there are too few beats",
    "too-noisy": "the beats do not agree with each other",
    "lead-missing": "the lead is missing, flat, or known for too short a time",
    "paced": "the beats are paced",
    "p-not-found": "no P wave was found before the beats",
    "irregular-without-p": "the beats are irregular and no P wave was found, as in atrial fibrillation",
    "flutter-like": "the atrial waves follow each other as in atrial flutter",
    "t-not-found": "no end of the T wave was found",
    "no-such-wave": "the lead has no such wave",
    "no-direction": "the mean vector is too small to have a direction",
}


@dataclass(frozen=True)
class Measurement:
    """One value, or why there is none.

    Attributes:
        code: one of GLOBAL_UNITS, or of LEAD_UNITS with a lead.
        value: in the code's unit; None where it is absent.
        confidence: 0 to 1, how far the beats that it stands on agree; 0 where it is absent.
        absent: a code for machines that says why there is no value, one of ABSENCES; None where there is one.
        lead: whose it is; None for the whole recording.
    """

    code: str
    value: float | None = None
    confidence: float = 0.0
    absent: str | None = None
    lead: str | None = None

    def __post_init__(self) -> None:
        if self.code not in (GLOBAL_UNITS if self.lead is None else LEAD_UNITS) or self.lead not in (None, *LEADS):
            raise ValueError(f"there is no measurement {self.code} of {self.lead or 'the recording'}")
        if (self.value is None) != bool(self.absent):
            raise ValueError(f"{self.id}: a measurement has a value, or a reason why it has none")
        if not 0.0 <= self.confidence <= 1.0:
            raise ValueError(f"{self.id}: confidence {self.confidence}")

    @property
    def unit(self) -> str:
        """The unit of the value, in UCUM."""
        return (GLOBAL_UNITS if self.lead is None else LEAD_UNITS)[self.code]

    @property
    def id(self) -> str:
        """By what a sentence names the value it stands on."""
        return f"measurement:{self.code}" + (f":{self.lead}" if self.lead else "")


@dataclass(frozen=True)
class Measurements:
    """All that was measured, each value once: first those of the recording, then those of the leads."""

    values: tuple[Measurement, ...] = ()

    def __post_init__(self) -> None:
        if len({each.id for each in self.values}) != len(self.values):
            raise ValueError("a measurement stands twice")

    def get(self, code: str, lead: str | None = None) -> Measurement | None:
        """Return one measurement, whether it has a value or is absent; None where it was not looked for."""
        return next((each for each in self.values if (each.code, each.lead) == (code, lead)), None)

    @property
    def measured(self) -> tuple[Measurement, ...]:
        """Those that have a value."""
        return tuple(each for each in self.values if each.value is not None)


NONE_MEASURED: Final = Measurements()
