"""`twelvelead explain`: every check of every map on the terminal, and what is shown as arrays."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from service.cli.main import app


def explain(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["explain", *words])
    return done.exit_code, done.output


LUDB = next((each for root in Path(__file__).parents if (each := root / "shared/samples/ludb").is_dir()), None)


@pytest.mark.skipif(LUDB is None, reason="LUDB is not there: shared/samples/ludb beside the project")
def test_an_ecg_is_explained_with_all_checks_and_what_is_withheld_holds_no_map(tmp_path: Path) -> None:
    code, said = explain(str(LUDB / "4.hea"), "--out", str(tmp_path))
    assert code == 0, said
    rows = json.loads((tmp_path / "explanations.json").read_text())
    assert rows and len(rows) == 5 * len({each["finding"] for each in rows})
    for each in rows:
        assert each["method"] in said
        failed = [check for check in each["checks"] if not check["passed"]]
        assert each["withheld"] == bool(failed) == (each["relevance"] is None)
        if each["relevance"]:
            map_ = np.load(tmp_path / each["relevance"])
            assert map_.dtype == np.float32 and map_.shape in {(1, 5000), (12, 5000), (12,)}
        if each["checks"]:
            assert [check["name"] for check in each["checks"]] == ["deletion", "insertion", "stability"]
    assert "Research and evaluation only" in said


def test_nothing_is_explained_where_no_finding_is_asserted(sample: Path) -> None:
    code, said = explain(str(sample))
    assert code == 0 and "nothing to explain" in said


def test_what_cannot_be_read_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "no.ecg").write_bytes(b"not an ECG")
    code, said = explain(str(tmp_path / "no.ecg"))
    assert code != 0 and "Traceback" not in said and said
