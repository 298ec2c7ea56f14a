"""What the comments of a WFDB header say of the patient; the rest is kept as the source's own statements."""

import re
from collections.abc import Iterable
from typing import Final

from ecg.recording import Patient

MAX_AGE: Final = 120.0  # years; databases write 300 for 'over 89'
# '<age>: 51', several on a line (PhysioNet's info strings), or a line to itself: 'Age: 63', 'sex: male'.
_TAGGED: Final = re.compile(r"<(\w{1,32})>:?")
_AGE: Final = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)(?:\s*(?:y|yrs?|years?))?", re.IGNORECASE)
_SEXES: Final = {"m": "M", "male": "M", "f": "F", "female": "F"}
_SEX_KEYS: Final = frozenset({"sex", "gender"})


def told(comments: Iterable[str]) -> tuple[Patient, tuple[str, ...]]:
    """Return the patient's age and sex where they are surely meant, and all other comments, each once."""
    facts: dict[str, set[object]] = {"age": set(), "sex": set()}
    others = []
    for key, value in (pair for comment in comments for pair in _pairs(comment)):
        if key.lower() == "age":
            facts["age"].add(_age(value))
        elif key.lower() in _SEX_KEYS:
            facts["sex"].add(_SEXES.get(value.lower()))
        elif value:
            others.append(f"{key}: {value}" if key else value)
    sex, age = (_only(facts[each]) for each in ("sex", "age"))
    patient = Patient(sex=sex if isinstance(sex, str) else None, age=age if isinstance(age, float) else None)
    return patient, tuple(dict.fromkeys(others))


def _pairs(comment: str) -> list[tuple[str, str]]:
    """Split a comment into keys and values; the key is '' where there is none."""
    start, *tagged = _TAGGED.split(comment)
    key, colon, value = start.partition(":")
    known = colon and key.strip().lower() in {"age", *_SEX_KEYS}
    first = (key.strip(), value.strip()) if known else ("", start.strip())
    return [first, *zip(tagged[::2], (each.strip() for each in tagged[1::2]), strict=True)]


def _only(said: set[object]) -> object:
    """Return what was said, and nothing where it was said in two ways."""
    return next(iter(said)) if len(said) == 1 else None


def _age(text: str) -> float | None:
    match = _AGE.fullmatch(text)
    return float(match.group(1)) if match and float(match.group(1)) <= MAX_AGE else None
