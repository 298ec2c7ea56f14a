"""The labels of PTB-XL: any likelihood counts, superclasses by the table, and the counts of the whole database."""

import csv
from pathlib import Path

import numpy as np
import pytest

from training.labels import TARGETS, Statements, columns

PTBXL = Path(__file__).parents[3] / ".." / "shared" / "ptbxl"
TABLE = """,description,diagnostic,form,rhythm,diagnostic_class
NORM,normal ECG,1.0,,,NORM
IMI,inferior,1.0,,,MI
NDT,non-diagnostic T,1.0,1.0,,STTC
ISCAL,ischaemic anterolateral,1.0,,,STTC
CLBBB,complete LBBB,1.0,,,CD
LVH,left ventricular hypertrophy,1.0,,,HYP
SR,sinus rhythm,,,1.0,
QWAVE,Q waves present,,1.0,,MI
"""


PARTS = ("inferior-MI", "anterolateral-ischaemia")


@pytest.fixture
def statements(tmp_path: Path) -> Statements:
    path = tmp_path / "scp_statements.csv"
    path.write_text(TABLE, encoding="utf-8")
    return Statements(path)


@pytest.mark.parametrize(
    ("scp_codes", "meant"),
    [
        ("{}", set()),
        ("{'NORM': 100.0, 'SR': 0.0}", {"NORM"}),
        ("{'IMI': 0.0}", {"MI", "MI-or-STTC", "inferior-MI"}),
        ("{'IMI': 15.0, 'NORM': 80.0}", {"MI", "MI-or-STTC", "inferior-MI", "NORM"}),
        ("{'NDT': 100.0}", {"STTC", "MI-or-STTC"}),
        ("{'ISCAL': 0.0}", {"STTC", "MI-or-STTC", "ischaemia", "anterolateral-ischaemia"}),
        ("{'IMI': 50.0, 'ISCAL': 50.0}", {"MI", "STTC", "MI-or-STTC", "ischaemia", *PARTS}),
        ("{'CLBBB': 100.0, 'LVH': 35.0}", {"CD", "HYP", "LBBB", "LVH"}),
        ("{'SR': 100.0}", set()),
        ("{'QWAVE': 100.0}", set()),  # a form statement, whatever class stands beside it
        ("{'UNHEARD': 100.0}", set()),
    ],
)
def test_statements_mean_these_labels(statements: Statements, scp_codes: str, meant: set[str]) -> None:
    found = statements.targets(scp_codes)
    wanted = meant if "NORM" in meant else meant | {"not-normal"}
    assert {finding.code for finding, one in zip(TARGETS, found, strict=True) if one} == wanted


def test_targets_are_found_by_their_codes_and_unknown_ones_refused() -> None:
    assert [TARGETS[at].code for at in columns(("not-normal", "MI"))] == ["not-normal", "MI"]
    with pytest.raises(ValueError, match="fever"):
        columns(("MI", "fever"))


def test_every_statement_is_a_helper_in_the_order_of_the_table(statements: Statements) -> None:
    assert statements.codes == ("NORM", "IMI", "NDT", "ISCAL", "CLBBB", "LVH", "SR", "QWAVE")
    assert statements.statements("{'SR': 0.0, 'IMI': 15.0}").tolist() == [0, 1, 0, 0, 0, 0, 1, 0]


def test_statements_are_data_and_never_run(statements: Statements) -> None:
    with pytest.raises(ValueError):
        statements.targets("__import__('os').getcwd()")


@pytest.mark.skipif(not PTBXL.exists(), reason="PTB-XL's tables are not beside the project")
def test_the_counts_of_ptbxl_folds_1_to_9() -> None:
    statements = Statements(PTBXL / "scp_statements.csv")
    with (PTBXL / "ptbxl_database.csv").open(newline="", encoding="utf-8") as file:
        rows = [row["scp_codes"] for row in csv.DictReader(file)]
    counts = np.sum([statements.targets(row) for row in rows], axis=0)
    assert len(rows) == 19_634
    assert dict(zip((finding.code for finding in TARGETS), counts.tolist(), strict=True)) == {
        "NORM": 8564,
        "MI": 4933,
        "STTC": 4727,
        "CD": 4409,
        "HYP": 2392,
        "MI-or-STTC": 8455,
        "ischaemia": 2225,
        "not-normal": 11_070,
        "inferior-MI": 2953,
        "anterior-MI": 2778,
        "anteroseptal-MI": 2311,
        "anterolateral-ischaemia": 850,
        "LBBB": 482,
        "RBBB": 488,
        "incomplete-RBBB": 1006,
        "LAFB": 1463,
        "IVCD": 710,
        "first-degree-AVB": 717,
        "LVH": 1923,
        "AFIB": 1362,
    }
