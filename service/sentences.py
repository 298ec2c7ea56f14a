"""What a report says in words. Every sentence stands on a value that was measured, and names it."""

from datetime import datetime
from typing import Final

from ecg.reading import Reading, Score
from ecg.recording import Recording
from ecg.report import REASONS, Sentence

PRELIMINARY: Final = "Preliminary: unverified until a physician has signed."
RESEARCH: Final = "Not a cleared medical device: for research and evaluation only."
LIMITS: Final = "It cannot tell acute from old infarction. A negative result does not exclude acute coronary syndrome."
MARKS: Final = (PRELIMINARY, RESEARCH, LIMITS)
SHORT_MARK: Final = f"{PRELIMINARY} {RESEARCH}"


def percent(probability: float) -> str:
    """Write a probability so that it never rounds to certainty."""
    return f"{min(max(100 * probability, 0.1), 99.9):.1f} %"


def sentences(recording: Recording, reading: Reading, version: int = 1) -> tuple[Sentence, ...]:
    """Return the impression, then what limits it, then the marks that every rendering carries."""
    marks = (Sentence(mark) for mark in MARKS)
    return (*_amendment(version), *_impression(reading), *_limits(recording, reading), *marks)


def withdrawal(former: int, at: datetime, reason: str) -> tuple[Sentence, ...]:
    """Say that a report was withdrawn after its version `former`, when and why, then the marks."""
    if reason not in REASONS:
        raise ValueError("a report is withdrawn for one of the reasons")
    when = at.isoformat(sep=" ", timespec="seconds")
    said = f"This report was WITHDRAWN on {when}: {REASONS[reason]} [{reason}]."
    earlier = "Version 1 must" if former == 1 else f"Versions 1 to {former} must"
    return (Sentence(said, (f"withdrawal:{reason}",)), Sentence(f"{earlier} not be used."), *map(Sentence, MARKS))


def _amendment(version: int) -> tuple[Sentence, ...]:
    if version == 1:
        return ()
    return (
        Sentence(f"Amended: this is version {version} of the report; it replaces every earlier one.", ("version",)),
    )


def _impression(reading: Reading) -> tuple[Sentence, ...]:
    prediction = reading.prediction
    if prediction.abstention is not None:
        why = prediction.abstention
        return (Sentence(f"No model read this recording: {why.reason} [{why.code}]", (f"abstention:{why.code}",)),)
    asserted = prediction.asserted
    if not asserted:
        return (
            Sentence(
                "None of the findings looked for reached its threshold. This excludes no disease.",
                tuple(f"score:{each.finding.code}" for each in prediction.scores if each.finding.asserted),
            ),
        )
    return tuple(_asserted(score) for score in asserted)


def _asserted(score: Score) -> Sentence:
    text = (
        f"Pattern of {score.finding.name}: probability {percent(score.probability)} "
        f"(threshold {percent(score.threshold)})."
    )
    return Sentence(text, (f"score:{score.finding.code}", f"finding:{score.finding.code}"))


def _limits(recording: Recording, reading: Reading) -> tuple[Sentence, ...]:
    said: list[Sentence] = []
    if len(reading.windows) > 1:
        shown = reading.shown
        said.append(
            Sentence(
                f"The recording has {recording.waveform.seconds:.0f} s. Scores are medians over its windows of 10 s; "
                f"shown is the one that begins at {shown.start:g} s.",
                ("window",),
            )
        )
    if reading.shown.derived:
        said.append(Sentence(f"Derived from other leads: {', '.join(reading.shown.derived)}.", ("derived",)))
    if recording.age is None and reading.prediction.abstention is None:
        said.append(Sentence("The patient's age is not known: the model's age limit could not be checked.", ("age",)))
    return tuple(said)
