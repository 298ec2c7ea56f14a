"""The truth of PTB-XL: which findings a recording's statements mean.

Rule: a statement counts at any likelihood (the benchmark's rule: Strodthoff et al., IEEE JBHI 2021, section II).
"""

import ast
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.findings import (
    ANTERIOR_MI,
    ANTEROLATERAL_ISCHAEMIA,
    ANTEROSEPTAL_MI,
    ATRIAL_FIBRILLATION,
    CD,
    CLASSES,
    FIRST_DEGREE_AVB,
    HYP,
    INCOMPLETE_RBBB,
    INFERIOR_MI,
    IVCD,
    LAFB,
    LBBB,
    LVH,
    MI,
    NORM,
    RBBB,
    STTC,
    SUBCLASSES,
    Finding,
)

RULE: Final = (
    "A statement counts at any likelihood. NORM, MI, STTC, CD, HYP: a diagnostic statement of that superclass "
    "(scp_statements.csv). MI-or-STTC: either. ischaemia: a statement whose code begins with ISC (ISC_, ISCAL, ISCAN, "
    "ISCAS, ISCIL, ISCIN, ISCLA). not-normal: no statement NORM. The subclasses: any of the statements that mean them."
)
TARGETS: Final = (*CLASSES, *SUBCLASSES)
SUPERCLASSES: Final = (NORM, MI, STTC, CD, HYP)
ISCHAEMIA_PREFIX: Final = "ISC"
# Of the infarctions and the ischaemia of a wall, those that scp_statements.csv puts into one diagnostic_subclass.
STATED_BY: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        INFERIOR_MI.code: frozenset({"IMI", "ILMI", "IPMI", "IPLMI", "INJIN", "INJIL"}),
        ANTERIOR_MI.code: frozenset({"AMI", "ASMI", "ALMI", "INJAS", "INJAL", "INJLA"}),
        ANTEROSEPTAL_MI.code: frozenset({"ASMI", "INJAS"}),
        ANTEROLATERAL_ISCHAEMIA.code: frozenset({"ISCAL", "ISCAN", "ISCAS", "ISCLA"}),
        LBBB.code: frozenset({"CLBBB"}),
        RBBB.code: frozenset({"CRBBB"}),
        INCOMPLETE_RBBB.code: frozenset({"IRBBB"}),
        LAFB.code: frozenset({"LAFB"}),
        IVCD.code: frozenset({"IVCD"}),
        FIRST_DEGREE_AVB.code: frozenset({"1AVB"}),
        LVH.code: frozenset({"LVH"}),
        ATRIAL_FIBRILLATION.code: frozenset({"AFIB"}),
    }
)


def columns(codes: Sequence[str]) -> list[int]:
    """Return where these targets stand among TARGETS.

    Raises:
        ValueError: one is none of them.
    """
    return [TARGETS.index(each) for each in targets(codes)]


def targets(codes: Sequence[str]) -> tuple[Finding, ...]:
    """Return the targets of these codes.

    Raises:
        ValueError: one is none.
    """
    known = {each.code: each for each in TARGETS}
    if unknown := [code for code in codes if code not in known]:
        raise ValueError(f"No targets: {', '.join(unknown)}; there are {', '.join(known)}.")
    return tuple(known[code] for code in codes)


class Statements:
    """The table of statements, scp_statements.csv: which superclass each one belongs to."""

    def __init__(self, path: Path) -> None:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.codes: tuple[str, ...] = tuple(row[""] for row in rows)
        self._superclass = {row[""]: row["diagnostic_class"] for row in rows if row["diagnostic"] == "1.0"}

    def targets(self, scp_codes: str) -> NDArray[np.bool_]:
        """Return which of TARGETS the field `scp_codes` means, bool (targets,)."""
        stated = set(ast.literal_eval(scp_codes))
        supers = {self._superclass[code] for code in stated if code in self._superclass}
        found = [finding.code in supers for finding in SUPERCLASSES]
        found.append(bool(supers & {MI.code, STTC.code}))
        found.append(any(code.startswith(ISCHAEMIA_PREFIX) for code in stated))
        found.append(NORM.code not in supers)
        found += [bool(stated & STATED_BY[each.code]) for each in SUBCLASSES]
        return np.array(found, dtype=bool)

    def statements(self, scp_codes: str) -> NDArray[np.bool_]:
        """Return which statements are made, bool (statements,): helpers in training, never shipped."""
        stated = set(ast.literal_eval(scp_codes))
        return np.array([code in stated for code in self.codes], dtype=bool)
