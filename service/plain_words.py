"""What a report means in a patient's words: made on request, in no rendering, not before a physician has signed."""

from collections.abc import Iterator
from typing import Final

from ecg.measurement import Measurements
from ecg.reading import Prediction, Score
from ecg.report import WITHDRAWN, Sentence
from service.archive import Told
from service.sentences import written
from service.wording import ENGLISH, Texts, texts

OUT_OF: Final = 100  # a probability is told as so many out of a hundred, never as none or all of them


def for_patient(told: Told, language: str = ENGLISH) -> tuple[Sentence, ...]:
    """Return what a report told in plain words, the first sentence for the physician who hands it over.

    It stands on the same values as the report's own sentences, and names them. Whether a physician has signed is not
    known here: so it is nowhere delivered, and says of itself that it is a draft.
    """
    words = texts(language)
    body = (Sentence(words("patient.withdrawn"), ("status",)),) if told.status == WITHDRAWN else _body(words, told)
    last = (words(f"patient.{each}") for each in ("emergency", "research"))
    return (Sentence(words("patient.draft")), Sentence(words("patient.intro")), *body, *map(Sentence, last))


def _body(words: Texts, told: Told) -> Iterator[Sentence]:
    yield from _scores(words, told.prediction)
    yield from _heart_rate(words, told.measurements)


def _scores(words: Texts, prediction: Prediction) -> Iterator[Sentence]:
    if prediction.abstention is not None:
        yield Sentence(words("patient.abstained"), (f"abstention:{prediction.abstention.code}",))
        return
    yield from (_marked(words, score) for score in prediction.asserted)
    if prediction.asserted:
        yield Sentence(words("patient.mark-meaning"))
    else:
        looked_for = (each for each in prediction.scores if each.finding.asserted)
        yield Sentence(words("patient.none"), tuple(f"score:{each.finding.code}" for each in looked_for))


def _marked(words: Texts, score: Score) -> Sentence:
    code = score.finding.code
    name = words.find(f"patient-finding.{code}") or words("patient.named", name=words.name(score.finding))
    shares = (min(max(round(OUT_OF * each), 1), OUT_OF - 1) for each in (score.probability, score.threshold))
    text = words("patient.marked", name=name, **dict(zip(("probability", "threshold"), shares, strict=True)))
    return Sentence(text, (f"score:{code}", f"finding:{code}"))


def _heart_rate(words: Texts, measurements: Measurements) -> Iterator[Sentence]:
    rate = measurements.get("heart-rate")
    if rate is not None and (value := written(rate)) is not None:
        yield Sentence(words("patient.heart-rate", value=value), (rate.id,))
