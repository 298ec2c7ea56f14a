"""Scopes: what a credential says it may do, in the syntax of SMART App Launch, and whether that suffices."""

import re
from collections.abc import Iterable
from typing import Final

OPERATE: Final = "twelvelead/operate"  # ours: what operators ask and do

# SMART App Launch 1.0, "Clinical scope syntax": read and write; 2.2, "Scopes for requesting FHIR resources": the
# letters in this order. A scope that is narrowed by '?...' is none here: nothing would hold it to that. Nor is one of
# patient/..., which reaches to one patient's data alone.
_SCOPE: Final = re.compile(r"(?:system|user)/(\*|[A-Z][A-Za-z]{0,63})\.(\*|read|write|(?=[cruds])c?r?u?d?s?)")
_LETTERS: Final = {"read": "rs", "write": "cud", "*": "cruds"}
MOST_SCOPES: Final = 100  # of one credential; more are not looked at


def is_scope(scope: str) -> bool:
    """Say whether a scope counts for anything here."""
    return scope == OPERATE or _SCOPE.fullmatch(scope) is not None


def suffices(scopes: Iterable[str], needed: str) -> bool:
    """Say whether one of the scopes reaches to what is needed: OPERATE, or a type and a letter: 'Observation.c'."""
    if needed == OPERATE:
        return needed in scopes
    kind, _, letter = needed.partition(".")
    found = (_SCOPE.fullmatch(each) for each in scopes)
    return any(each[1] in ("*", kind) and letter in _LETTERS.get(each[2], each[2]) for each in found if each)
