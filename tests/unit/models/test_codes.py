"""The clinical codes: only MI and ischaemia carry one, as ECG findings, and the disorder itself stands nowhere."""

from pathlib import Path

import pytest

from ecg.findings import FINDINGS

ROOT = Path(__file__).parents[3]
SOURCES = ("ecg", "adapters", "models", "training", "service")
DISORDER = "2229" + "8006"  # myocardial infarction (disorder); split, so that this file does not hold it either


@pytest.mark.parametrize("code", ["NORM", "STTC", "CD", "HYP", "MI-or-STTC"])
def test_classes_of_the_corpus_carry_no_clinical_code(code: str) -> None:
    assert FINDINGS[code].snomed is None


@pytest.mark.parametrize(("code", "snomed"), [("MI", "164865005"), ("ischaemia", "164861001")])
def test_mi_and_ischaemia_are_findings_in_the_ecg(code: str, snomed: str) -> None:
    coding = FINDINGS[code].snomed
    assert coding is not None and (coding.system, coding.code) == ("http://snomed.info/sct", snomed)
    assert coding.display.startswith("ECG:") and coding.display.endswith("(finding)")


def test_normality_alone_is_never_stated() -> None:
    assert [code for code, finding in FINDINGS.items() if not finding.asserted] == ["NORM"]


def test_no_other_finding_carries_a_clinical_code() -> None:
    assert [code for code, finding in FINDINGS.items() if finding.snomed] == ["MI", "ischaemia"]


def test_the_disorder_is_nowhere_in_the_sources() -> None:
    files = [
        path
        for folder in SOURCES
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".json", ".toml", ".csv", ".yaml", ".html"}
    ]
    assert len(files) > 40
    assert [path.name for path in files if DISORDER in path.read_text(encoding="utf-8")] == []
