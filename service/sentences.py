"""What a report says in words. Every sentence stands on a value that was measured, and names it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from adapters.figures import DECIMALS, issued
from ecg.leads import LEADS
from ecg.measure.elevation import elevated, limit
from ecg.measure.rhythm import IRREGULAR
from ecg.measurement import ABSENCES, RATIO, Measurement, Measurements
from ecg.reading import Reading, Score
from ecg.recording import Recording
from ecg.report import REASONS, Sentence
from service.bands import Band, band
from service.style import DEFAULT, Style
from service.wording import ENGLISH, Texts, texts

# What is said in a sentence of its own, in this order; the rest stands in the tables.
SAID: Final = ("heart-rate", "rr-variation", "pr", "qrs", "qt", "qtc-bazett", "qtc-fridericia", "axis-qrs")

ST: Final = "st-j"
VARIATION: Final = "rr-variation"
NO_SUCH_WAVE: Final = "no-such-wave"  # why a lead without a Q wave has no amplitude of one: it is no failure to measure


def percent(probability: float) -> str:
    """Write a probability so that it never rounds to certainty."""
    return f"{min(max(100 * probability, 0.1), 99.9):.1f} %"


def written(measurement: Measurement) -> str | None:
    """Write the value of a measurement as every rendering has it, a ratio in percent; None where it is absent."""
    if measurement.value is None:
        return None
    value, digits = issued(measurement), DECIMALS[measurement.unit]
    text = f"{100 * value:.{digits - 2}f}" if measurement.unit == RATIO else f"{value:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def sentences(recording: Recording, reading: Reading, version: int = 1, style: Style = DEFAULT) -> tuple[Sentence, ...]:
    """Return the impression, what was measured, what limits both, then the marks that every rendering carries."""
    words = texts(style.language)
    return (
        *_amendment(words, version),
        *_experimental(words, recording),
        *_impression(words, reading, style),
        *_elevation(words, recording, reading.measurements),
        *_measured(words, reading.measurements),
        *_absent(words, reading.measurements),
        *_explained(words, reading),
        *_limits(words, recording, reading),
        *map(Sentence, words.marks),
    )


def withdrawal(former: int, at: datetime, reason: str, language: str = ENGLISH) -> tuple[Sentence, ...]:
    """Say that a report was withdrawn after its version `former`, when and why, then the marks."""
    if reason not in REASONS:
        raise ValueError("a report is withdrawn for one of the reasons")
    words, when = texts(language), at.isoformat(sep=" ", timespec="seconds")
    said = words("withdrawal.withdrawn", when=when, reason=words(f"withdrawal.{reason}"), code=reason)
    earlier = words(f"withdrawal.{'only' if former == 1 else 'earlier'}", former=former)
    return (Sentence(said, (f"withdrawal:{reason}",)), Sentence(earlier, ("version",)), *map(Sentence, words.marks))


def tabled(sentence: Sentence, measurements: Measurements) -> bool:
    """Say whether a sentence gives nothing but what the tables of measurements show, or why they do not."""
    absent = {each.id for each in measurements.values if each.absent}
    shown = absent | {f"measurement:{code}" for code in SAID}
    return bool(sentence.about) and shown.issuperset(sentence.about)


def _amendment(words: Texts, version: int) -> Iterator[Sentence]:
    if version > 1:
        yield Sentence(words("version.amended", version=version), ("version",))


def _experimental(words: Texts, recording: Recording) -> Iterator[Sentence]:
    if recording.provenance.digitised:
        yield Sentence(words("research.digitised"), ("digitised",))
    if recording.provenance.scale_assumed:
        yield Sentence(words("research.scale-assumed"), ("scale-assumed",))


def _impression(words: Texts, reading: Reading, style: Style) -> Iterator[Sentence]:
    prediction = reading.prediction
    if prediction.abstention is not None:
        why = prediction.abstention
        text = words("impression.abstained", reason=why.reason, code=why.code)
        yield Sentence(text, (f"abstention:{why.code}",))
        return
    yield from (_asserted(words, score) for score in prediction.asserted)
    looked_for = [each for each in prediction.scores if each.finding.asserted]
    if not prediction.asserted:
        yield Sentence(words("impression.none"), tuple(_id(each) for each in looked_for))
    for colour in ("red", "amber"):
        yield from _below(words, [each for each in looked_for if band(each, style.bands) == colour], colour)


def _asserted(words: Texts, score: Score) -> Sentence:
    text = words(
        "impression.asserted",
        name=words.name(score.finding),
        probability=percent(score.probability),
        threshold=percent(score.threshold),
    )
    return Sentence(text, (_id(score), f"finding:{score.finding.code}"))


def _below(words: Texts, scores: list[Score], colour: Band) -> Iterator[Sentence]:
    """Name those scores of a band that did not reach their thresholds."""
    below = [each for each in scores if not each.reached]
    if below:
        named = ", ".join(f"{words.name(each.finding)} {percent(each.probability)}" for each in below)
        yield Sentence(words(f"impression.{colour}", scores=named), tuple(map(_id, below)))


def _id(score: Score) -> str:
    return f"score:{score.finding.code}"


def _elevation(words: Texts, recording: Recording, measurements: Measurements) -> Iterator[Sentence]:
    """Name the leads with ST elevation by the universal definition's limits, or say why nothing was held against them.

    Nothing is said where ST was not measured, or where it lies below the limits: that excludes nothing.
    """
    measured = [each for each in measurements.measured if each.code == ST]
    sex, age = recording.patient.sex, recording.age
    if measured and (age is None or all(limit(lead, sex or "", age) is None for lead in LEADS)):
        yield Sentence(words("impression.st-unknown"), ("sex", "age"))
    leads = elevated(measurements, sex, age)
    found = [each for each in measured if each.lead in leads]
    if found:
        named = ", ".join(f"{each.lead} {written(each)} mV" for each in found)
        yield Sentence(words("impression.st-elevation", leads=named), tuple(each.id for each in found))


def _measured(words: Texts, measurements: Measurements) -> Iterator[Sentence]:
    for code in SAID:
        found = measurements.get(code)
        if found is not None and (value := written(found)) is not None:
            irregular = code == VARIATION and found.value is not None and found.value >= IRREGULAR
            yield Sentence(words(f"measured.{'rr-irregular' if irregular else code}", value=value), (found.id,))


def _absent(words: Texts, measurements: Measurements) -> Iterator[Sentence]:
    """Say what was looked for and could not be measured: a sentence for each reason."""
    absent = [each for each in measurements.values if each.absent not in (None, NO_SUCH_WAVE)]
    for reason in dict.fromkeys(each.absent or "" for each in absent):
        these = [each for each in absent if each.absent == reason]
        why = words.find(f"absent.{reason}") or ABSENCES.get(reason, reason)
        text = words("absent.sentence", names="; ".join(_names(words, these)), why=why, code=reason)
        yield Sentence(text, tuple(each.id for each in these))


def _names(words: Texts, measurements: list[Measurement]) -> Iterator[str]:
    """Name each kind of measurement once, with its leads unless it is of all twelve."""
    for code in dict.fromkeys(each.code for each in measurements):
        leads = [each.lead for each in measurements if each.code == code and each.lead]
        where = f" {', '.join(leads)}" if 0 < len(leads) < len(LEADS) else ""
        yield words(f"measurement.{code}") + where


def _explained(words: Texts, reading: Reading) -> Iterator[Sentence]:
    """Say which lead matters most for each finding, which leads flip it, and which maps failed their check."""
    for score in reading.prediction.asserted:
        found, name = reading.by_lead(score.finding), words.name(score.finding)
        if found is not None and found.top_lead is not None:
            lost = f"{found.peak * float(found.relevance.max()):.2f}"
            yield Sentence(words("explained.lead", name=name, lead=found.top_lead, lost=lost), (found.id,))
            if found.flips:
                yield Sentence(words("explained.flip", leads=" and ".join(found.flips), name=name), (found.id,))
        withheld = [each for each in reading.withheld if each.finding == score.finding]
        if withheld:
            maps = ", ".join(each.method for each in withheld)
            yield Sentence(words("explained.withheld", maps=maps, name=name), tuple(each.id for each in withheld))


def _limits(words: Texts, recording: Recording, reading: Reading) -> Iterator[Sentence]:
    shown = reading.shown
    if len(reading.windows) > 1:
        seconds = f"{recording.waveform.seconds:.0f}"
        yield Sentence(words("limits.windows", seconds=seconds, start=f"{shown.start:g}"), ("window",))
    if shown.derived:
        yield Sentence(words("limits.derived", leads=", ".join(shown.derived)), ("derived",))
    if recording.age is None and reading.prediction.abstention is None:
        yield Sentence(words("limits.age"), ("age",))
    if reading.quality.paced is None and reading.prediction.abstention is None:
        yield Sentence(words("limits.pacing"), ("pacing",))
