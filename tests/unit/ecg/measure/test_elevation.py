"""ST elevation: by the universal definition's limits, in two contiguous leads, never without age and sex."""

import pytest

from ecg.measure.elevation import elevated, limit
from ecg.measurement import Measurement, Measurements


def st(**leads: float) -> Measurements:
    return Measurements(tuple(Measurement("st-j", value, 0.9, lead=lead) for lead, value in leads.items()))


@pytest.mark.parametrize(
    "lead, sex, age, least",
    [
        ("V1", "M", 30, 0.1),
        ("II", "F", 80, 0.1),
        ("V2", "M", 39.9, 0.25),
        ("V3", "M", 40, 0.2),
        ("V2", "F", 30, 0.15),
        ("V3", "F", 70, 0.15),
        ("V3", "O", 70, None),
    ],
)
def test_the_limits_of_the_universal_definition(lead: str, sex: str, age: float, least: float | None) -> None:
    assert limit(lead, sex, age) == least


@pytest.mark.parametrize(
    "values, sex, age, leads",
    [
        ({"II": 0.12, "III": 0.0, "aVF": 0.11}, "M", 60, ("II", "aVF")),
        ({"II": 0.12, "III": 0.2, "aVF": 0.09}, "M", 60, ()),  # II and III are no neighbours
        ({"V1": 0.12, "V2": 0.19}, "M", 60, ()),
        ({"V1": 0.12, "V2": 0.2}, "M", 60, ("V1", "V2")),
        ({"V1": 0.12, "V2": 0.2}, "M", 39, ()),
        ({"V2": 0.16, "V3": 0.15}, "F", 50, ("V2", "V3")),
        ({"V3": 0.21, "V5": 0.2}, "M", 60, ()),
        ({"I": 0.11, "aVL": 0.1}, "F", 60, ("aVL", "I")),
        ({"aVL": 0.3, "III": 0.3}, "F", 60, ()),
        ({"V6": 0.3}, "F", 60, ()),
        ({"V1": -0.3, "V2": -0.3}, "F", 60, ()),
    ],
)
def test_two_contiguous_leads_or_none(values: dict[str, float], sex: str, age: float, leads: tuple[str, ...]) -> None:
    assert elevated(st(**values), sex, age) == leads


@pytest.mark.parametrize("sex, age", [(None, 60), ("M", None), (None, None), ("O", 60)])
def test_none_without_age_and_sex(sex: str | None, age: float | None) -> None:
    assert elevated(st(V1=0.5, V2=0.5, V3=0.5, II=0.5, aVF=0.5), sex, age) == ()


def test_none_where_st_was_not_measured() -> None:
    absent = tuple(Measurement("st-j", absent="high-pass-unknown", lead=lead) for lead in ("V1", "V2"))
    assert elevated(Measurements(absent), "M", 60) == ()
