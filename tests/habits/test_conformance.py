"""The conformance statements cannot lie: they are made from the code, and each claim names a test that is there."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.dicom_claims import CLAIMS

ROOT = Path(__file__).parents[2]
PAGES = {name: ROOT / "docs" / "conformance" / f"{name}.md" for name in ("dicom", "fhir")}
PROOF = re.compile(r"`(tests/\S+?\.py)::(\w+)`")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_as_it_is_generated(name: str) -> None:
    command = [sys.executable, "-m", f"tools.document_{name}"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert PAGES[name].read_text(encoding="utf-8") == done.stdout


@pytest.mark.parametrize("name", PAGES)
def test_every_proof_is_a_test_that_is_there(name: str) -> None:
    named = set(PROOF.findall(PAGES[name].read_text(encoding="utf-8")))
    assert len(named) > 10
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert test in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}, (file, test)


def test_every_claim_of_the_dicom_page_has_its_tests() -> None:
    assert all(claim.tests for claims in CLAIMS.values() for claim in claims)
    named = {"::".join(each) for each in PROOF.findall(PAGES["dicom"].read_text(encoding="utf-8"))}
    assert named == {test for claims in CLAIMS.values() for claim in claims for test in claim.tests}


def test_every_row_of_the_fhir_page_has_its_test() -> None:
    rows = [
        each for each in PAGES["fhir"].read_text().splitlines() if each.startswith("| ") and "proven by" not in each
    ]
    assert len(rows) > 30 and all(PROOF.search(row) for row in rows)
