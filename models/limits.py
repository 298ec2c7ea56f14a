"""The limits of a card, applied to a recording: each breach has its own code."""

import re
from typing import Final

from ecg.canonical import SECONDS
from ecg.errors import ModelRefused
from ecg.leads import LEADS
from ecg.pacing import states_pacing
from ecg.quality import (
    FAULTS,
    FLAT,
    LEAST_CONTRAST,
    LEAST_LIKENESS,
    MAINS,
    MOST_MAINS,
    MOST_MUSCLE,
    MOST_WANDER,
    MUSCLE,
    OFF,
    SATURATED,
    WANDERING,
    Quality,
    WindowQuality,
)
from ecg.reading import Abstention
from ecg.recording import STANDARD, Recording
from models.card import Limits

OTHER_SOURCE: Final = ("digital", "digitised")  # codes of a model that is made for the other one
OTHER_PLACEMENT: Final = "placement"
# Codes of their own for what is not the standard placement, as the readers name it; any other is OTHER_PLACEMENT.
PLACEMENTS: Final = {
    "EASI": "placement-easi",
    "Mason-Likar": "placement-mason-likar",
    "Frank": "placement-frank",
}
# Leads of chest electrodes that were moved, as DICOM, SCP-ECG and MDC name them: V3R to V9R, V7 to V9.
MOVED: Final = (
    ("placement-right", re.compile(r"V[2-9]R", re.IGNORECASE), "on the right side"),
    ("placement-posterior", re.compile(r"V[7-9]", re.IGNORECASE), "on the back"),
)
FAULTY: Final = {
    FLAT: "No signal in {}: an electrode may be off.",
    SATURATED: "The signal stands at the recorder's rail in {}.",
    OFF: "The signal was lost for some time, or shows no heart beat, in {}: an electrode may be off.",
    WANDERING: f"The baseline wanders by more than {MOST_WANDER:g} mV in {{}}.",
    MUSCLE: f"Noise of muscle above {MOST_MUSCLE:g} mV in {{}}.",
    MAINS: f"Mains interference above {MOST_MAINS:g} mV in {{}}.",
}


def usable_windows(limits: Limits, quality: Quality) -> list[int]:
    """Return the indices of the windows that may be trusted and offer what the card asks for, known and sound.

    A card that asks for no lead in particular is content with any.
    """
    return [index for index, window in enumerate(quality.windows) if window.trusted and _offers(limits, window)]


def leads_read(limits: Limits, quality: Quality) -> int:
    """Return how many leads of a recording a model reads: those of its card, or all sound ones."""
    if limits.leads:
        return len(limits.leads)
    usable = usable_windows(limits, quality)
    return max((len(quality.windows[index].sound(LEADS, limits.least_known)) for index in usable), default=0)


def _offers(limits: Limits, window: WindowQuality) -> bool:
    if limits.leads:
        return not window.unusable(limits.leads, limits.least_known)
    return len(window.sound(LEADS, limits.least_known)) >= limits.fewest


def first_broken_limit(limits: Limits, recording: Recording, quality: Quality) -> Abstention | None:
    """Return the first limit that the recording breaks, or None where the card covers it."""
    return (
        _patient(limits, recording)
        or _placement(recording)
        or _pacing(limits, recording, quality)
        or _source(limits, recording)
        or _filters(limits, recording)
        or _leads(limits, recording, quality)
    )


def _patient(limits: Limits, recording: Recording) -> Abstention | None:
    if recording.age is not None and recording.age < limits.least_age:
        return Abstention("age-below-limit", f"The model covers ages from {limits.least_age:g} years.")
    return None


def _placement(recording: Recording) -> Abstention | None:
    names = recording.waveform.leads
    for code, moved, where in MOVED:
        # Where V1 to V6 are all there, further electrodes were added and none was moved.
        if any(moved.fullmatch(name) for name in names) and not set(LEADS[6:]) <= set(names):
            return Abstention(code, f"Chest electrodes were placed {where}: the model covers standard positions only.")
    if recording.placement in (None, STANDARD):
        return None
    return Abstention(
        PLACEMENTS.get(recording.placement, OTHER_PLACEMENT),
        f"The model covers standard electrode positions only; these were placed otherwise ({recording.placement}).",
    )


def _pacing(limits: Limits, recording: Recording, quality: Quality) -> Abstention | None:
    if limits.paced:
        return None
    if quality.paced:
        return Abstention("paced", "Spikes of a pacemaker were seen: the model does not cover paced rhythms.")
    if states_pacing(recording.statements):
        return Abstention("paced", "The recorder states a pacemaker: the model does not cover paced rhythms.")
    return None


def _source(limits: Limits, recording: Recording) -> Abstention | None:
    waveform = recording.waveform
    if recording.provenance.digitised and not limits.digitised:
        return Abstention("digitised", "The model reads digital recordings only, not digitised pages.")
    if not recording.provenance.digitised and not limits.digital:
        return Abstention("digital", "The model reads digitised pages only.")
    if waveform.seconds > limits.longest:
        return Abstention(
            "too-long",
            f"The model covers recordings of up to {limits.longest:g} s; this one has {waveform.seconds:.0f} s.",
        )
    if waveform.fs < limits.least_fs:
        return Abstention(
            "sampling-too-low",
            f"The model needs at least {limits.least_fs:g} Hz; this recording has {waveform.fs:g} Hz.",
        )
    return None


def _filters(limits: Limits, recording: Recording) -> Abstention | None:
    filters = recording.filters
    if filters.high_pass is not None and filters.high_pass > limits.highest_high_pass:
        return Abstention(
            "high-pass-too-high",
            f"The model covers high-pass filters up to {limits.highest_high_pass:g} Hz; "
            f"this recording was filtered at {filters.high_pass:g} Hz.",
        )
    if filters.low_pass is not None and filters.low_pass < limits.lowest_low_pass:
        return Abstention(
            "low-pass-too-low",
            f"The model covers low-pass filters from {limits.lowest_low_pass:g} Hz; "
            f"this recording was filtered at {filters.low_pass:g} Hz.",
        )
    return None


def _leads(limits: Limits, recording: Recording, quality: Quality) -> Abstention | None:
    if usable_windows(limits, quality):
        return None
    if not quality.windows:
        raise ModelRefused("A recording without windows cannot be assessed.")
    window = quality.windows[0]
    needed, seconds = limits.leads or LEADS, recording.waveform.seconds
    unknown = window.unknown(needed, limits.least_known)
    if seconds < limits.least_known * SECONDS and not window.unknown(needed, limits.least_known * seconds / SECONDS):
        return Abstention(
            "too-short", f"The model needs {limits.least_known:.0%} of {SECONDS} s; this recording has {seconds:.1f} s."
        )
    if len(needed) - len(unknown) < (limits.fewest if not limits.leads else len(needed)):
        fewest = f"{limits.fewest} leads, each" if limits.fewest > 1 else "a lead that is"
        asked = f"{len(limits.leads)} leads, each" if limits.leads else fewest
        return Abstention(
            "leads-missing",
            f"The model needs {asked} known for {limits.least_known:.0%} of 10 s; not so: {', '.join(unknown)}.",
        )
    return _quality(window)


def _quality(window: WindowQuality) -> Abstention:
    """Say what makes a window unusable in which leads are known, the plainest first."""
    for code in FAULTS:
        if faulty := window.faulty(code):
            return Abstention(code, FAULTY[code].format(", ".join(faulty)))
    return Abstention(
        "no-beats",
        f"No heart beats stand out of the noise: contrast {window.beating.contrast:.1f} of {LEAST_CONTRAST}, "
        f"likeness {window.beating.likeness:.2f} of {LEAST_LIKENESS}.",
    )
