"""The figures of a report as every rendering has them, rounded once: no more decimals than were measured."""

from typing import Final

from ecg.measurement import DEGREE, MILLIVOLT, MS, PER_MINUTE, RATIO, Measurement
from ecg.reading import Score

# Decimals by unit.
DECIMALS: Final = {MS: 0, MILLIVOLT: 3, PER_MINUTE: 0, DEGREE: 0, RATIO: 3}


def issued(measurement: Measurement) -> float:
    """Return a measurement's value, in its unit.

    Raises:
        ValueError: it is absent.
    """
    if measurement.value is None:
        raise ValueError(f"{measurement.id} is absent")
    digits = DECIMALS[measurement.unit]
    return round(measurement.value, digits) + 0.0 if digits else round(measurement.value)


def issued_score(score: Score) -> tuple[float, float]:
    """Return probability and threshold with 4 decimals, or with the first more that keep them on their sides."""
    for digits in (4, 6, 9):
        value, threshold = round(score.probability, digits), round(score.threshold, digits)
        if (value >= threshold) == score.reached:
            return value, threshold
    return score.probability, score.threshold
