"""The bands of a score, by the card's operating points or as published; what is never asserted has none."""

import pytest

from ecg.findings import MI, NORM
from ecg.reading import OperatingPoint, Score
from service.bands import band

SENSITIVE = OperatingPoint(0.1, 0.95, 0.6)


@pytest.mark.parametrize(
    "probability, expected",
    [(0.0, "green"), (0.0999, "green"), (0.1, "amber"), (0.4299, "amber"), (0.43, "red"), (1.0, "red")],
)
def test_by_the_card_a_band_ends_at_the_sensitive_point_and_at_the_threshold(probability: float, expected: str) -> None:
    assert band(Score(MI, probability, 0.43, None, SENSITIVE)) == expected


@pytest.mark.parametrize("probability, expected", [(0.2999, "green"), (0.3, "amber"), (0.5999, "amber"), (0.6, "red")])
def test_as_published_bands_end_at_three_and_six_tenths(probability: float, expected: str) -> None:
    assert band(Score(MI, probability, 0.43, None, SENSITIVE), "published") == expected


def test_a_threshold_below_the_sensitive_point_leaves_no_amber() -> None:
    point = OperatingPoint(0.5, 0.95, 0.6)
    assert [band(Score(MI, each, 0.43, None, point)) for each in (0.42, 0.43)] == ["green", "red"]


def test_without_a_sensitive_point_only_a_threshold_that_was_reached_has_a_band() -> None:
    assert [band(Score(MI, each, 0.43)) for each in (0.01, 0.42, 0.43)] == [None, None, "red"]


@pytest.mark.parametrize("scheme", ["card", "published"])
def test_normality_has_no_band(scheme: str) -> None:
    assert band(Score(NORM, 0.99, 0.43, None, SENSITIVE), scheme) is None  # type: ignore[arg-type]
