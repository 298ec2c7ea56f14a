"""The training commands from corpus to shipped model: fit, calibrate, export, evaluate, each as its own process."""

import csv
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from models.network import load
from tests.golden import corpus as golden
from training.calibrate import read_assembly
from training.cli import app
from training.corpus import Corpus
from training.evaluate import TUNED, score
from training.labels import TARGETS

ROOT = Path(__file__).parents[3]
RECIPE = """
name = "tiny"
version = "0.0.1"
arm = "12-lead"
epochs = 6
batch = 16
learning_rate = 0.02
averaging = 0.8
shift = 0.1
widths = [8, 16]
blocks = [1, 1]
"""
# Of 140 recordings in fold 9, 35 are NORM and 35 ischaemia: a threshold needs 50. None is CD or HYP.
CALIBRATED = {"MI": 70, "STTC": 70, "MI-or-STTC": 105, "not-normal": 105, "inferior-MI": 70}


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with corpus, run and exported model."""
    root = tmp_path_factory.mktemp("commands")
    (root / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    train = golden.rows(per_fold=10, folds=range(1, 9))
    tuning = [golden.Row(1000 + at, 9, golden.CODES[at % 4]) for at in range(140)]
    normal = [golden.Row(2000 + at, 10, {"NORM": 100.0}) for at in range(3)]
    golden.write(root / "corpus", [*train, *tuning, *normal], [(train[0], tuning[0])])
    options = ("--corpus", root / "corpus", "--out", root / "run")
    fit, calibrate = ("fit", root / "tiny.toml", *options), ("calibrate", *options)
    prepare = ("prepare", root / "tiny.toml", "--corpus", root / "corpus", "--cache", root / "run")
    for command in (prepare, fit, calibrate, ("export", *options, "--to", root / "weights")):
        done = run(*command)
        assert done.returncode == 0, done.stderr
    return root


def evaluated(made: Path, fold: int) -> list[dict[str, Any]]:
    """Return the rows that `evaluate` writes; NaN, which JSON does not know, is an error."""
    done = run(
        *("evaluate", "--corpus", made / "corpus", "--fold", fold),
        *("--weights", made / "weights", "--json", made / f"fold-{fold}.json"),
    )
    assert done.returncode == 0, done.stderr
    text = (made / f"fold-{fold}.json").read_text(encoding="utf-8")
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def card(made: Path) -> dict[str, Any]:
    return json.loads((made / "weights" / "tiny.json").read_text(encoding="utf-8"))


def test_a_finding_with_fewer_than_50_positives_gets_no_threshold_and_is_left_out(made: Path) -> None:
    calibration = read_assembly(made / "run")
    assert {each["code"]: each["positives"] for each in calibration.findings} == CALIBRATED
    assert {each["code"]: each["positives"] for each in card(made)["findings"]} == CALIBRATED
    assert all("tuned on this fold" in each["threshold_rule"] for each in card(made)["findings"])


def test_the_shipped_weights_are_float16_and_hold_the_outputs_of_calibrated_findings_alone(made: Path) -> None:
    path = made / "weights" / "tiny.safetensors"
    shipped, fitted = load_file(path), load_file(made / "run" / "averaged.safetensors")
    assert {value.dtype for value in shipped.values() if value.is_floating_point()} == {torch.float16}
    codes = [finding.code for finding in TARGETS]
    kept = [codes.index(each["code"]) for each in card(made)["findings"]]
    assert kept == [1, 2, 5, 7, 8]
    assert torch.equal(shipped["classify.weight"], fitted["classify.weight"][kept].half())
    assert torch.equal(shipped["classify.bias"], fitted["classify.bias"][kept].half())
    assert card(made)["members"][0]["weights"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_exported_model_loads_and_says_what_it_was_made_of(made: Path) -> None:
    classifier = load(made / "weights" / "tiny.json")
    assert [each.code for each in classifier.card.findings] == list(CALIBRATED)
    assert (classifier.card.corpus.train_folds, classifier.card.corpus.calibration_fold) == (tuple(range(1, 9)), 9)
    assert classifier.card.corpus.recordings == 79  # 80, and one the same as one of fold 9
    assert any("thresholds and calibration tuned on fold 9" in said for said in classifier.name.statements)
    assert any("acute coronary syndrome" in said for said in classifier.name.statements)


def test_evaluate_writes_arm_label_fold_and_auc_with_its_interval(made: Path) -> None:
    rows = evaluated(made, 9)
    assert [row["label"] for row in rows] == list(CALIBRATED)
    for row in rows:
        assert (row["arm"], row["fold"], row["n"], row["positives"]) == ("12-lead", 9, 140, CALIBRATED[row["label"]])
        assert 0.5 < row["auc_low"] <= row["auc"] <= row["auc_high"] < 1
        assert row["note"] == TUNED and "tuned on this fold" in row["note"]


def test_the_figures_are_those_of_scikit_learn_and_stand_in_the_card(made: Path) -> None:
    rows = evaluated(made, 9)
    classifier, source = load(made / "weights" / "tiny.json"), Corpus(made / "corpus")
    entries = source.fold(9)
    truth, probability = source.targets(entries)[:, [1, 2, 5, 7, 8]], score(classifier, source, entries)
    for row, figure, true, given in zip(rows, card(made)["figures"], truth.T, probability.T, strict=True):
        assert row["auc"] == pytest.approx(roc_auc_score(true, given), abs=1e-4)
        assert row["sensitivity"] == pytest.approx((given >= row["threshold"])[true].mean(), abs=1e-4)
        assert row["specificity"] == pytest.approx((given < row["threshold"])[~true].mean(), abs=1e-4)
        assert figure == {key: row[key] for key in figure}


def test_what_was_trained_on_is_marked_and_what_cannot_be_measured_is_null(made: Path) -> None:
    assert {row["note"] for row in evaluated(made, 1)} == {"trained on this fold"}
    for row in evaluated(made, 10):  # normal ECGs alone
        assert (row["auc"], row["auc_low"], row["auc_high"], row["note"]) == (None, None, None, "")


def test_predictions_are_written_and_compared_on_the_same_recordings(made: Path) -> None:
    options = ("--corpus", made / "corpus", "--fold", 9)
    done = run("predict", *options, "--card", made / "weights" / "tiny.json", "--to", made / "ours.csv")
    assert done.returncode == 0, done.stderr
    with (made / "ours.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 140 and list(rows[0]) == ["ecg_id", *CALIBRATED]
    with (made / "theirs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["ecg_id", "MI"])
        writer.writeheader()
        writer.writerows({"ecg_id": row["ecg_id"], "MI": 1 - float(row["MI"])} for row in rows[:100])
    said = run("evaluate", *options, "--weights", made / "weights", "--against", made / "theirs.csv").stdout
    label, n, positives, ours, theirs, more, *_ = re.findall(r"12-lead +(.*\[.*)", said)[0].split()
    assert (label, n, positives) == ("MI", "100", "50")
    assert float(ours) + float(theirs) == pytest.approx(1, abs=1e-3), "the other one says the opposite"
    assert float(more) == pytest.approx(float(ours) - float(theirs), abs=2e-4)


@pytest.mark.parametrize(
    "text", ["", "id,MI\n1,0.5\n", "ecg_id,fever\n1000,0.5\n", "ecg_id,MI\n99,0.5\n", "ecg_id,MI\n1000,high\n"]
)
def test_predictions_that_cannot_be_compared_are_a_clear_error(made: Path, text: str) -> None:
    (made / "wrong.csv").write_text(text, encoding="utf-8")
    options = (
        "--corpus",
        made / "corpus",
        "--fold",
        10,
        "--weights",
        made / "weights",
        "--against",
        made / "wrong.csv",
    )
    done = run("evaluate", *options)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_a_fold_that_is_not_there_is_a_clear_error(made: Path) -> None:
    done = run("evaluate", "--corpus", made / "corpus", "--fold", 11, "--weights", made / "weights")
    assert done.returncode == 2 and "no recording of fold 11" in done.stderr and "Traceback" not in done.stderr


def test_the_log_of_the_run_is_a_table(made: Path) -> None:
    with (made / "run" / "log.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6 and {"epoch", "loss", "MI-or-STTC"} <= set(rows[0])


def test_the_cards_points_have_the_sensitivity_that_they_promise(made: Path) -> None:
    classifier, source = load(made / "weights" / "tiny.json"), Corpus(made / "corpus")
    entries = source.fold(9)
    truth, probability = source.targets(entries)[:, [1, 2, 5, 7, 8]], score(classifier, source, entries)
    for finding, true, given in zip(classifier.card.findings, truth.T, probability.T, strict=True):
        for point, least in ((finding.sensitive_90, 0.90), (finding.sensitive, 0.95), (finding.at_threshold, 0)):
            assert point is not None and point.sensitivity >= least
            assert (given >= point.probability)[true].mean() == pytest.approx(point.sensitivity, abs=0.02)
            assert (given < point.probability)[~true].mean() == pytest.approx(point.specificity, abs=0.02)


def invoked(*arguments: object) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_two_runs_become_one_model_that_is_measured_before_it_ships(made: Path) -> None:
    corpus = ("--corpus", made / "corpus")
    (made / "other.toml").write_text(f"{RECIPE}seed = 2\n", encoding="utf-8")
    invoked("fit", made / "other.toml", *corpus, "--out", made / "other", "--cache", made / "run")
    more = ("--with", made / "run", "--shift", -0.1, "--shift", 0.1, "--cache", made / "run")
    said = invoked("calibrate", *corpus, "--out", made / "other", *more)
    assert "2 runs, shifts -0.1, 0.1 s" in said
    drawn = ("--subgroups", "--plots", made / "plots", "--json", made / "other.json")
    said = invoked("evaluate", *corpus, "--fold", 9, "--weights", made / "other", *drawn)
    classifier = load(made / "other" / "model" / "tiny.json")
    assert [each.weights.file for each in classifier.card.members] == ["tiny-1.safetensors", "tiny-2.safetensors"]
    assert classifier.card.shifts == (-0.1, 0.1)
    rows = json.loads((made / "other.json").read_text(encoding="utf-8"))
    assert {row["group"] for row in rows} == {"all", "no pacemaker stated", "sex female", "sex male", "age 40 to 59"}
    assert {row["n"] for row in rows if row["group"] == "sex male"} == {70}
    whole = [row for row in rows if row["group"] == "all"]
    assert all(0 <= row["ece"] < 0.3 and 0 < row["brier"] < 0.3 and row["slope"] > 0 for row in whole)
    assert all(row["slope"] is None for row in rows if row["positives"] in {0, row["n"]}), "no line without both"
    assert (made / "plots" / "tiny.svg").read_text(encoding="utf-8").count("<g id=") > 20
    assert (made / "run" / "curves.svg").exists()


def test_a_model_can_be_measured_on_fewer_leads(made: Path) -> None:
    corpus, weights = ("--corpus", made / "corpus", "--fold", 9), ("--weights", made / "weights")
    aucs = []
    for show in ("", "II", "3x4"):
        invoked("evaluate", *corpus, *weights, "--show", show, "--json", made / "shown.json")
        aucs.append([row["auc"] for row in json.loads((made / "shown.json").read_text(encoding="utf-8"))])
    assert aucs[0] != aucs[1] != aucs[2]
    done = CliRunner().invoke(app, [str(each) for each in ("evaluate", *corpus, *weights, "--show", "V9")])
    assert done.exit_code == 2 and "No standard leads: V9" in done.output
