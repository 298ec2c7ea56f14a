"""The command `twelvelead`, run as its users run it."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from adapters.readers import READERS, WRAPPERS
from service.cli.errors import EXIT_PAYLOAD, EXIT_SETUP
from service.release import RELEASE
from tests.golden.dicom_files import Who, square_wave, to_bytes, twelve_lead_dataset

COMMAND = str(Path(sys.executable).with_name("twelvelead"))
NAME, ID = "Zebediah^Quokka", "PLANTED-4711"


def run(*words: str | Path, cwd: Path | None = None, **changed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *map(str, words)], cwd=cwd, env=os.environ | changed, capture_output=True, text=True
    )


def test_reading_an_ecg_writes_its_report_and_says_what_was_found(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("read", sample, "--out", out, "--issued", "2026-01-31T12:00:00Z")
    assert done.returncode == 0 and done.stderr == ""
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF-")
    summary, bundle = (json.loads((out / name).read_bytes()) for name in ("report.json", "bundle.json"))
    assert bundle["resourceType"] == "Bundle" and summary["issued"] == "2026-01-31T12:00:00+00:00"
    for score in summary["prediction"]["scores"]:
        assert re.search(rf"\({re.escape(score['finding'])}\) +\d+\.\d %", done.stdout)
    assert str(out / "report.pdf") in done.stdout and str(out / "bundle.json") in done.stdout
    for sentence in summary["sentences"]:
        assert sentence["text"] in done.stdout
    assert "Anonymous" not in done.stdout and "642341" not in done.stdout


@pytest.mark.parametrize("when", ["2026-01-31T12:00:00", "yesterday"])
def test_a_time_of_issue_without_a_zone_is_refused(when: str, sample: Path, tmp_path: Path) -> None:
    done = run("read", sample, "--out", tmp_path / "out", "--issued", when)
    assert done.returncode == 2 and "2026-01-31T12:00:00Z" in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_a_file_leaves_open_is_declared_and_too_few_leads_are_for_no_model(tmp_path: Path) -> None:
    examples = [each / "shared" / "samples" / "fhir" / "observation_ekg.json" for each in Path(__file__).parents]
    example = next((each for each in examples if each.is_file()), None)
    if example is None:
        pytest.skip("shared/samples/fhir is not here")
    asked = run("read", example, "--out", tmp_path / "out")
    assert asked.returncode == EXIT_PAYLOAD and "ambiguous-payload" in asked.stderr and "unit" in asked.stderr
    done = run("read", example, "--declare", "unit=uV", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "3 leads, 100 Hz, 1.2 s (FHIR Observation)" in done.stdout and "[leads-missing]" in done.stdout
    assert json.loads((tmp_path / "out" / "report.json").read_bytes())["prediction"]["scores"] == []


def no_ecg(kind: str, at: Path) -> Path:
    path = at / "Quokka-Zebediah.dcm"
    ecg = to_bytes(twelve_lead_dataset(square_wave(), who=Who(name=NAME, id=ID)))
    content = {
        "random bytes": bytes(range(256)) * 40,
        "text": b"Zebediah^Quokka felt unwell.\n",
        "empty": b"",
        "truncated": ecg[: len(ecg) // 2],
    }
    if kind == "directory":
        path.mkdir()
    elif kind == "image":
        ct = pydicom.dcmread(str(get_testdata_file("CT_small.dcm", download=False)))
        ct.PatientName = NAME
        ct.save_as(path)
    elif kind != "missing":
        path.write_bytes(content[kind])
    return path


@pytest.mark.parametrize(
    "kind, code, status",
    [
        ("random bytes", "unknown-format", EXIT_PAYLOAD),
        ("text", "unknown-format", EXIT_PAYLOAD),
        ("empty", "unknown-format", EXIT_PAYLOAD),
        ("image", "unknown-format", EXIT_PAYLOAD),
        ("truncated", "malformed-payload", EXIT_PAYLOAD),
        ("directory", "file", EXIT_SETUP),
        ("missing", "file", EXIT_SETUP),
    ],
)
def test_what_is_no_ecg_is_refused_in_one_line(kind: str, code: str, status: int, tmp_path: Path) -> None:
    done = run("read", no_ecg(kind, tmp_path), "--out", tmp_path / "out")
    assert done.returncode == status and done.stdout == ""
    assert re.fullmatch(rf"{code}: \S[^\n]+\n", done.stderr)
    assert not re.search("Quokka|Zebediah|4711|Traceback", done.stderr, re.IGNORECASE)
    assert not (tmp_path / "out").exists()


def test_a_file_above_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(1_000_001))
    done = run("read", "large", cwd=tmp_path, TWELVELEAD_MAX_PAYLOAD_MB="1")
    assert done.returncode == EXIT_PAYLOAD and "TWELVELEAD_MAX_PAYLOAD_MB" in done.stderr


def test_every_reader_has_a_line_among_the_formats() -> None:
    lines = run("formats").stdout.splitlines()
    assert [each for each in lines if not each.startswith(" ")] == [each.name for each in (*READERS, *WRAPPERS)]


@pytest.mark.parametrize("words", [(), ("read",), ("serve",), ("formats",)])
def test_help_is_quick(words: tuple[str, ...]) -> None:
    began = time.perf_counter()
    done = run(*words, "--help")
    assert done.returncode == 0 and "Usage: twelvelead" in done.stdout
    assert time.perf_counter() - began < 3, "the models' libraries are imported when a command runs, not before"


def test_the_version_is_the_release() -> None:
    assert run("--version").stdout == f"{RELEASE}\n"


@pytest.mark.parametrize(
    "setting, value, why",
    [
        ("TWELVELEAD_PORT", "abc", "integer"),
        ("TWELVELEAD_HOST", "example.org", "IP address"),
        ("TWELVELEAD_DICOM_CALLERS", '{"CART": ["10.0.0.1/8"]}', "network"),
        ("TWELVELEAD_SITE_ZONE", "Mars/Olympus", "time zone"),
    ],
)
def test_a_wrong_setting_is_named_with_the_reason(setting: str, value: str, why: str, sample: Path) -> None:
    done = run("read", sample, **{setting: value})
    assert done.returncode == EXIT_SETUP
    assert re.fullmatch(rf"setup: [^\n]*{setting}: [^\n]*{why}[^\n]*\n", done.stderr)


def test_a_setting_that_is_no_json_is_named_without_its_value(sample: Path) -> None:
    done = run("read", sample, TWELVELEAD_PATIENT_SYSTEMS="{secret")
    assert done.returncode == EXIT_SETUP
    assert "TWELVELEAD_PATIENT_SYSTEMS" in done.stderr
    assert "secret" not in done.stderr and done.stderr.count("\n") == 1


def test_no_address_but_loopback_is_served_without_tls(tmp_path: Path) -> None:
    done = run("serve", "--host", "0.0.0.0", TWELVELEAD_DATA=str(tmp_path / "data"))
    assert done.returncode == EXIT_SETUP and "TWELVELEAD_TLS_CERTIFICATE" in done.stderr


def test_a_data_directory_that_is_a_file_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    done = run("serve", "--port", "0", TWELVELEAD_DATA=str(tmp_path / "data"))
    assert done.returncode == EXIT_SETUP and done.stdout == ""
    assert re.fullmatch(r"setup: TWELVELEAD_DATA [^\n]+\n", done.stderr)


def test_a_weights_directory_without_a_model_is_refused_at_the_start(sample: Path, tmp_path: Path) -> None:
    done = run("read", sample, "--out", tmp_path / "out", TWELVELEAD_WEIGHTS=str(tmp_path))
    assert done.returncode == EXIT_SETUP and re.fullmatch(r"model-refused: [^\n]+\n", done.stderr)
