"""The shape of the code: small modules, small functions, words that mean one thing."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scheduling import EACH_TEST_ALONE, WHOLE_MACHINE

ROOT = Path(__file__).parents[2]
PACKAGES = ("ecg", "adapters", "models", "training", "service")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SOURCES = sorted(
    path
    for folder in (*PACKAGES, "tests", "tools", "examples", "benchmarks", "docs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".md", ".toml", ".json", ".cjs", ".sh"}
)
BANNED_NAMES = {"utils", "helpers", "common", "manager", "misc"}

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (each for each in ast.walk(tree(path)) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = function.args
    named = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return [name for name in named if name not in {"self", "cls"}]


def identifiers(path: Path) -> Iterator[str]:
    """Yield the names that a module makes or uses, not those in its texts."""
    for node in ast.walk(tree(path)):
        for field in ("id", "attr", "arg", "name", "module"):
            if isinstance(name := getattr(node, field, None), str):
                yield name


@pytest.mark.parametrize("package", PACKAGES)
def test_the_package_is_this_projects_own(package: str) -> None:
    assert Path(str(importlib.import_module(package).__file__)).parent == ROOT / package


@each_module
def test_a_module_opens_by_saying_what_it_is_for(path: Path) -> None:
    assert (ast.get_docstring(tree(path)) or "").partition("\n")[0].endswith((".", ":")), "one sentence, on one line"


@each_module
def test_a_module_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


@each_module
def test_a_function_fits_on_a_screen_and_asks_for_little(path: Path) -> None:
    for each in functions(path):
        assert each.end_lineno is not None and each.end_lineno - each.lineno < 60, each.name
        assert len(parameters(each)) <= 5, each.name


@each_module
def test_no_module_is_named_after_nothing(path: Path) -> None:
    assert BANNED_NAMES.isdisjoint(path.relative_to(ROOT).with_suffix("").parts)


def test_the_pipeline_is_under_60_lines_and_does_no_io() -> None:
    path = ROOT / "service" / "pipeline.py"
    assert len(path.read_text().splitlines()) < 60
    assert {"open", "now", "print", "Path", "time", "os", "logging"}.isdisjoint(identifiers(path))


def test_tests_are_no_packages() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("package", ["ecg", "service"])
def test_a_lead_is_called_a_lead(package: str) -> None:
    for path in (each for each in MODULES if each.is_relative_to(ROOT / package)):
        assert not [name for name in identifiers(path) if "channel" in name.lower()], path.name


def test_no_disorder_is_coded_where_an_ecg_finding_is_meant() -> None:
    disorder = "22298006"  # SNOMED CT: myocardial infarction (disorder)
    holding = [path for path in SOURCES if disorder in path.read_text() and path != Path(__file__)]
    assert [path for path in holding if "tests" not in path.parts] == []


def test_only_the_settings_know_the_environment() -> None:
    reading = {path.relative_to(ROOT).as_posix() for path in MODULES if re.search(r"environ|getenv", path.read_text())}
    assert reading <= {"service/settings.py"}


def test_what_stays_together_in_one_process_is_there() -> None:
    missing = [each for each in sorted(WHOLE_MACHINE | EACH_TEST_ALONE) if not (ROOT / each).is_file()]
    assert not missing
