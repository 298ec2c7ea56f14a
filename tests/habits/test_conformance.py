"""The DICOM conformance statement is what the code yields, and each claim of it has its test."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.dicom_claims import CLAIMS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance" / "dicom.md"
TESTS = sorted({test for claims in CLAIMS.values() for claim in claims for test in claim.tests})


def test_the_page_is_as_it_is_generated() -> None:
    command = [sys.executable, "-m", "tools.document_dicom"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert PAGE.read_text(encoding="utf-8") == done.stdout


@pytest.mark.parametrize("test", TESTS)
def test_what_proves_a_claim_exists(test: str) -> None:
    file, _, name = test.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


def test_every_claim_stands_on_the_page_with_its_tests() -> None:
    named = set(re.findall(r"`(tests/\S+?::\w+)`", PAGE.read_text(encoding="utf-8")))
    assert named == set(TESTS)


def test_no_claim_is_without_a_test() -> None:
    assert all(claim.tests for claims in CLAIMS.values() for claim in claims)
