"""The conformance statement cannot lie: it is made from the routes, and each claim names a test that is there."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FHIR = ROOT / "docs" / "conformance" / "fhir.md"


def test_the_fhir_statement_is_as_it_is_generated() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.document_fhir"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert FHIR.read_text() == done.stdout


def test_every_claim_names_a_test_that_is_there() -> None:
    rows = [each for each in FHIR.read_text().splitlines() if each.startswith("| ") and "proven by" not in each]
    assert len(rows) > 30
    for row in rows:
        (named,) = re.findall(r"`(tests/\S+\.py)::(test_\w+)` \|$", row)
        file, test = named
        tree = ast.parse((ROOT / file).read_text())
        assert test in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}, row
