"""A site's prevalence: set by environment, checked, and told in report.json as predictive values of the threshold."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from ecg.reading import OperatingPoint
from ecg.report import Report
from service.renderings import summary
from service.settings import Settings
from service.style import Style
from tests.golden.reports import report


def with_points(source: Report) -> Report:
    """Return a report whose scores tell what their thresholds mean, but for NORM."""
    point = OperatingPoint(0.43, 0.90, 0.90)
    prediction = source.reading.prediction
    scores = tuple(
        each if each.finding.code == "NORM" else replace(each, at_threshold=point) for each in prediction.scores
    )
    return replace(source, reading=replace(source.reading, prediction=replace(prediction, scores=scores)))


def test_predictive_values_stand_in_the_json_where_prevalence_and_points_are_known() -> None:
    style = Style(prevalence=(("MI", 0.01), ("NORM", 0.5)))
    scores = summary(with_points(report(asserted=("MI",))), style)["prediction"]["scores"]
    told = {each["finding"]: each["predictive"] for each in scores}
    assert told.pop("MI") == {"prevalence": 0.01, "positive": 0.0833, "negative": 0.9989}
    assert set(told.values()) == {None}, "of NORM no point is known, of the others no prevalence"


def test_it_is_set_by_json_and_makes_another_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWELVELEAD_PREVALENCE", '{"ischaemia": 0.05, "MI": 0.08}')
    style = Settings().style
    assert style.prevalence == (("MI", 0.08), ("ischaemia", 0.05))
    assert "prevalence" in style.settings and Style().settings == ""


@pytest.mark.parametrize("value", ['{"fever": 0.1}', '{"MI": 0}', '{"MI": 8}', "MI=0.1"])
def test_a_prevalence_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TWELVELEAD_PREVALENCE", value)
    with pytest.raises(ValidationError, match="prevalence"):
        Settings()
