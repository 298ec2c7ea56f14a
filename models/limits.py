"""The limits of a card, applied to a recording: each breach has its own code."""

from ecg.canonical import SECONDS
from ecg.errors import ModelRefused
from ecg.quality import Quality
from ecg.reading import Abstention
from ecg.recording import STANDARD, Recording
from models.card import Limits


def usable_windows(limits: Limits, quality: Quality) -> list[int]:
    """Return the indices of the windows in which every lead the card asks for is known and not flat."""
    return [
        index for index, window in enumerate(quality.windows) if not window.unusable(limits.leads, limits.least_known)
    ]


def first_broken_limit(limits: Limits, recording: Recording, quality: Quality) -> Abstention | None:
    """Return the first limit that the recording breaks, or None where the card covers it."""
    return (
        _patient(limits, recording)
        or _placement(recording)
        or _source(limits, recording)
        or _filters(limits, recording)
        or _leads(limits, recording, quality)
    )


def _patient(limits: Limits, recording: Recording) -> Abstention | None:
    if recording.age is not None and recording.age < limits.least_age:
        return Abstention("age-below-limit", f"The model covers ages from {limits.least_age:g} years.")
    return None


def _placement(recording: Recording) -> Abstention | None:
    if recording.placement in (None, STANDARD):
        return None
    return Abstention(
        "placement",
        f"The model covers standard electrode positions only; these were placed otherwise ({recording.placement}).",
    )


def _source(limits: Limits, recording: Recording) -> Abstention | None:
    waveform = recording.waveform
    if recording.provenance.digitised and not limits.digitised:
        return Abstention("digitised", "The model reads digital recordings only, not digitised pages.")
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
    bad = window.unusable(limits.leads, limits.least_known)
    missing = tuple(lead for lead in bad if lead not in window.flat)
    seconds = recording.waveform.seconds
    if seconds < limits.least_known * SECONDS and not window.unusable(
        limits.leads, limits.least_known * seconds / SECONDS
    ):
        return Abstention(
            "too-short", f"The model needs {limits.least_known:.0%} of {SECONDS} s; this recording has {seconds:.1f} s."
        )
    if missing:
        return Abstention(
            "leads-missing",
            f"The model needs {len(limits.leads)} leads, each known for {limits.least_known:.0%} of 10 s; "
            f"not so: {', '.join(missing)}.",
        )
    return Abstention("lead-flat", f"No signal in {', '.join(bad)}: an electrode may be off.")
