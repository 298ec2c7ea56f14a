"""The files of texts are complete: every code that may be said has words, in every language, and none concludes."""

import re
from pathlib import Path
from string import Formatter

import pytest

from ecg.findings import FINDINGS
from ecg.measurement import ABSENCES, GLOBAL_UNITS, LEAD_UNITS
from ecg.quality import FAULTS
from ecg.report import REASONS
from service.wording import ENGLISH, FOLDER, languages, texts
from tests.golden.conclusions import concluded

SERVICE = Path(FOLDER).parent
each_language = pytest.mark.parametrize("language", languages())


def slots(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_english_ships() -> None:
    assert ENGLISH in languages()


@each_language
def test_every_measurement_has_a_name_a_unit_and_a_sentence(language: str) -> None:
    tables = texts(language).tables
    assert set(tables["measurement"]) == {*GLOBAL_UNITS, *LEAD_UNITS}
    assert set(tables["measured"]) == {*GLOBAL_UNITS, "rr-irregular"}
    assert set(tables["absent"]) == {*ABSENCES, "sentence"}
    assert set(tables["unit"]) == {*GLOBAL_UNITS.values(), *LEAD_UNITS.values()}
    assert all(slots(text) == {"value"} for text in tables["measured"].values())


@each_language
def test_every_fault_of_a_lead_has_words(language: str) -> None:
    assert set(texts(language).tables["quality"]) == set(FAULTS)


@each_language
def test_every_finding_and_reason_has_words(language: str) -> None:
    words = texts(language)
    assert set(REASONS) <= set(words.tables["withdrawal"])
    assert set(words.tables["patient-finding"]) <= {code for code, each in FINDINGS.items() if each.asserted}
    if language != ENGLISH:  # whose names the findings carry themselves
        assert set(words.tables["finding"]) == set(FINDINGS)


@each_language
def test_a_language_says_all_that_english_says_with_the_same_values(language: str) -> None:
    for table, known in texts().tables.items():
        said = texts(language).tables[table]
        assert set(said) >= set(known) or table in {"finding", "patient-finding"}
        for name in set(said) & set(known):
            assert slots(said[name]) == slots(known[name]), f"{table}.{name}"


def test_every_text_that_the_code_asks_for_is_there() -> None:
    tables = "|".join(texts().tables)
    asked = {
        key for path in SERVICE.rglob("*.py") for key in re.findall(rf'"((?:{tables})\.[\w-]+)"', path.read_text())
    }
    assert len(asked) > 60
    for key in asked:
        assert texts().find(key), key


def test_every_text_is_asked_for() -> None:
    code = "".join(path.read_text() for path in SERVICE.rglob("*.py"))
    for table in ("impression", "limits", "page", "patient", "research", "version", "withdrawal"):
        for name in set(texts().tables[table]) - set(REASONS):
            # Some names are made of a stem and a value: sex-F, band-red, legend-card.
            stem = re.sub(r"-(F|M|O|unknown|card|published|green|amber|red|behind|grid|strip)$", "-{", name)
            asked = (f"{table}.{name}", f'"{name}"', f"'{name}'", stem if stem != name else f'"{name}"')
            assert any(each in code for each in asked), f"{table}.{name}"


@each_language
def test_no_text_concludes(language: str) -> None:
    for table, known in texts(language).tables.items():
        for name, text in known.items():
            assert concluded(text) == [], f"{table}.{name}"


def test_a_language_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="only in en"):
        texts("xx")
