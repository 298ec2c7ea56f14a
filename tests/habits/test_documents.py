"""The documents cannot lie: settings, commands and targets are compared with what there is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from ecg.quality import FAULTS
from ecg.reasons import REASONS
from models.limits import MOVED, OTHER_PLACEMENT, PLACEMENTS
from service.cli.main import app
from service.settings import Settings
from tools import document_chart

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


@pytest.mark.parametrize("field", Settings.model_fields)
def test_a_setting_is_documented_with_what_it_does(field: str) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    (row,) = re.findall(rf"^\| `TWELVELEAD_{field.upper()}` \|.*$", page, re.MULTILINE)
    description = Settings.model_fields[field].description
    assert description and description in row


def test_no_setting_is_documented_that_does_not_exist() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert set(re.findall(r"`TWELVELEAD_(\w+)`", page)) == {field.upper() for field in Settings.model_fields}


def test_the_page_of_settings_is_as_it_is_generated() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.document_settings"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert (ROOT / "docs" / "configuration.md").read_text() == done.stdout


def test_the_page_of_abstentions_is_as_it_is_generated_and_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.document_abstentions"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert (ROOT / "docs" / "abstentions.md").read_text() == done.stdout
    sources = "".join(path.read_text() for room in ("ecg", "models", "service") for path in (ROOT / room).rglob("*.py"))
    written = set(re.findall(r"(?:Abstention|Check)\(\s*\"([\w-]+)\"", sources)) | {*FAULTS, *PLACEMENTS.values()}
    assert written | {OTHER_PLACEMENT, *(code for code, *_ in MOVED)} == set(REASONS)


def test_the_page_of_guards_is_as_it_is_generated() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.document_guards"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert (ROOT / "docs" / "guards.md").read_text() == done.stdout


def test_the_table_of_metrics_is_as_it_is_generated() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.document_metrics"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    page = (ROOT / "docs" / "operation.md").read_text()
    assert page == done.stdout and page.count("| `twelvelead_") > 15


def test_the_charts_values_name_the_models_of_the_release() -> None:
    values = document_chart.VALUES.read_text()
    assert document_chart.page(values) == values, "run `make docs`"


@pytest.mark.parametrize("command", sorted(typer.main.get_command(app).commands))  # type: ignore[attr-defined]
def test_every_command_stands_in_the_readme(command: str) -> None:
    assert f"twelvelead {command}" in README.read_text()


def test_every_command_in_the_readme_exists() -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"(?:bin/|`)twelvelead ([a-z]+)", README.read_text()))
    assert named and named <= known


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^ +)make ([a-z]+)", README.read_text(), re.MULTILINE))
    assert named and named <= targets


def test_every_link_in_the_readme_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", README.read_text()):
        assert (ROOT / target).exists(), target


def test_every_link_in_the_operation_guide_leads_somewhere() -> None:
    for page in (ROOT / "docs" / "operation").glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)


def test_every_command_in_the_operation_guide_exists() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for page in (ROOT / "docs" / "operation").glob("*.md"):
        for command, word in re.findall(r"twelvelead ([a-z]+)(?: ([a-z-]+))?", page.read_text()):
            if command in commands and getattr(commands[command], "commands", None):
                assert not word or word in commands[command].commands, (page.name, command, word)


def test_every_row_of_the_hazard_table_names_a_test_that_is_there() -> None:
    rows = [each for each in (ROOT / "docs" / "operation" / "hazards.md").read_text().splitlines() if "`tests/" in each]
    assert len(rows) > 15
    for row in rows:
        for file, name in re.findall(r"`(tests/\S+?\.py)(?:::(\w+))?`", row):
            assert not name or f"def {name}(" in (ROOT / file).read_text(), (file, name)
            assert (ROOT / file).exists(), file
