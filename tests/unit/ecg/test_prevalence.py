"""Predictive values: those of counted recordings, and of the textbook's example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecg.prevalence import predictive_values
from ecg.reading import OperatingPoint

COUNTS = st.integers(1, 500)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_they_are_those_that_counting_gives(hits: int, missed: int, spared: int, alarms: int) -> None:
    point = OperatingPoint(0.5, hits / (hits + missed), spared / (spared + alarms))
    found = predictive_values(point, (hits + missed) / (hits + missed + spared + alarms))
    assert found.positive == pytest.approx(hits / (hits + alarms))
    assert found.negative == pytest.approx(spared / (spared + missed))


def test_a_rare_finding_makes_most_positives_false() -> None:
    found = predictive_values(OperatingPoint(0.5, 0.90, 0.90), 0.01)
    assert found.positive == pytest.approx(0.0833, abs=1e-4) and found.negative == pytest.approx(0.9989, abs=1e-4)


def test_a_side_on_which_nobody_is_tells_no_more_than_the_prevalence() -> None:
    assert predictive_values(OperatingPoint(0.0, 1.0, 0.0), 0.2).negative == pytest.approx(0.8)
    assert predictive_values(OperatingPoint(1.0, 0.0, 1.0), 0.2).positive == pytest.approx(0.2)


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, 12])
def test_a_prevalence_lies_between_0_and_1(prevalence: float) -> None:
    with pytest.raises(ValueError, match="prevalence"):
        predictive_values(OperatingPoint(0.5, 0.9, 0.9), prevalence)
