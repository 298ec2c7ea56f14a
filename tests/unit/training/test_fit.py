"""Fitting: seeded, learns, and a run that was killed ends with the weights of one that was not."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.prepare import Prepare
from models.router import canned_ecg
from tests.golden import corpus as golden
from training.calibrate import offered
from training.corpus import Corpus
from training.crew import Crew
from training.fit import Data, fit, load_data
from training.labels import TARGETS
from training.recipe import Recipe, Teacher, folds_of, read_recipe
from training.run import CHECKPOINT, LOG, WEIGHTS, open_run, start_from
from training.schedule import learning_rate, plateau_rate, rate

ROOT = Path(__file__).parents[3]
RECIPE = """
name = "tiny"
version = "0.0.1"
arm = "12-lead"
epochs = 8
batch = 12
learning_rate = 0.02
averaging = 0.8
shift = 0.1
stretch = 0.02
gain = 0.1
wander = 0.05
noise = 0.01
masking = 0.2
widths = [8, 16]
blocks = [1, 1]
"""
PATIENCE = 300  # seconds


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums depend on how many threads share them, and that on what else the machine does."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fit")
    (root / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    golden.write(root / "corpus", golden.rows(per_fold=8, folds=range(1, 10)))
    return root


@pytest.fixture(scope="module")
def recipe(directory: Path) -> Recipe:
    return read_recipe(directory / "tiny.toml")


@pytest.fixture(scope="module")
def data(directory: Path, recipe: Recipe) -> Data:
    return load_data(Corpus(directory / "corpus"), recipe, directory / "cache")


@pytest.fixture(scope="module")
def unbroken(directory: Path, recipe: Recipe, data: Data) -> Path:
    fit(data, recipe, directory / "unbroken")
    return directory / "unbroken"


@pytest.fixture
def started(directory: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "training", "fit", str(directory / "tiny.toml")]
    command += ["--corpus", str(directory / "corpus"), "--out", str(tmp_path)]
    command += ["--cache", str(directory / "cache")]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait()


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def log(run: Path) -> list[dict[str, str]]:
    with (run / LOG).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def assert_same_weights(one: Path, other: Path) -> None:
    a, b = load_file(one / WEIGHTS), load_file(other / WEIGHTS)
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=1e-6)


def test_data_are_the_training_folds_with_targets_before_helpers(data: Data) -> None:
    assert data.signals.shape == (64, 12, 1000) and data.watched.shape == (8, 12, 1000)
    assert data.truth.shape == (64, len(TARGETS) + len(golden.STATEMENTS))
    assert data.watched_truth.shape == (8, len(TARGETS))


def test_a_run_learns_and_logs_each_epoch(unbroken: Path, recipe: Recipe) -> None:
    rows = log(unbroken)
    assert [int(row["epoch"]) for row in rows] == list(range(1, recipe.epochs + 1))
    assert float(rows[-1]["loss"]) < 0.8 * float(rows[0]["loss"])
    assert float(rows[-1]["MI"]) > 0.7
    assert rows[-1]["CD"] == "nan"  # none in the corpus


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    unbroken: Path, recipe: Recipe, data: Data, tmp_path: Path
) -> None:
    fit(data, recipe, tmp_path / "again")
    assert_same_weights(unbroken, tmp_path / "again")
    fit(data, replace(recipe, seed=2, epochs=1), tmp_path / "other")
    one, other = (load_file(run / WEIGHTS)["stem.weight"] for run in (unbroken, tmp_path / "other"))
    assert (one - other).abs().max() > 0.01


def test_a_killed_run_goes_on_and_ends_like_an_unbroken_one(
    unbroken: Path, recipe: Recipe, data: Data, tmp_path: Path, started: subprocess.Popen[bytes]
) -> None:
    end = time.monotonic() + PATIENCE
    while not (tmp_path / LOG).exists() or not log(tmp_path):
        assert started.poll() is None and time.monotonic() < end
        time.sleep(0.005)
    started.send_signal(signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    done = torch.load(tmp_path / CHECKPOINT, weights_only=True)["watched"]
    assert 1 <= len(done) < recipe.epochs and not (tmp_path / WEIGHTS).exists()

    fit(data, recipe, tmp_path)

    assert_same_weights(unbroken, tmp_path)
    assert log(tmp_path)[-1] == log(unbroken)[-1]
    assert set(log(tmp_path)[0]) == {"epoch", "loss", "watched", *(finding.code for finding in TARGETS)}


def test_a_run_with_patience_ends_early_and_keeps_the_weights_of_the_lowest_loss(
    recipe: Recipe, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []
    monkeypatch.setattr("training.fit._cross_entropy", lambda *_: losses.pop(0))
    patient = replace(recipe, schedule="plateau", warm_up=0.0, patience=2)
    losses[:] = [0.3, 0.1]
    fit(data, replace(patient, epochs=2), tmp_path / "two")
    losses[:] = [0.3, 0.1, 0.2, 0.2]

    fit(data, replace(patient, epochs=9), tmp_path / "nine")

    assert [row["watched"] for row in log(tmp_path / "nine")] == ["0.30000", "0.10000", "0.20000", "0.20000"]
    assert_same_weights(tmp_path / "two", tmp_path / "nine")
    fit(data, replace(patient, epochs=9), tmp_path / "nine")  # it has ended
    assert_same_weights(tmp_path / "two", tmp_path / "nine")


def test_two_processes_fit_one_network_together(unbroken: Path, directory: Path, tmp_path: Path) -> None:
    # Each sees half of a batch, and so normalises by other means: the same drawing of batches, not the same weights.
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    command += [f"--master-port={free_port()}", "-m", "training", "fit", str(directory / "tiny.toml")]
    command += ["--corpus", str(directory / "corpus"), "--out", str(tmp_path), "--cache", str(directory / "cache")]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=3 * PATIENCE)
    assert done.returncode == 0, done.stderr
    ours, alone = log(tmp_path), log(unbroken)
    assert [row["epoch"] for row in ours] == [row["epoch"] for row in alone], "one of them writes"
    assert float(ours[-1]["watched"]) == pytest.approx(float(alone[-1]["watched"]), rel=0.25)
    assert float(ours[-1]["watched"]) < float(ours[0]["watched"])


def test_a_batch_that_a_crew_cannot_share_is_refused(recipe: Recipe, data: Data, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be shared by 5"):
        fit(data, recipe, tmp_path, Crew(0, 5))


def test_a_finished_run_is_not_fitted_again(unbroken: Path, recipe: Recipe, data: Data) -> None:
    before = (unbroken / WEIGHTS).read_bytes(), log(unbroken)
    fit(data, recipe, unbroken)
    assert ((unbroken / WEIGHTS).read_bytes(), log(unbroken)) == before


def test_a_run_keeps_its_recipe_and_opens_by_it(unbroken: Path, recipe: Recipe, tmp_path: Path) -> None:
    assert open_run(unbroken).recipe == recipe
    with pytest.raises(ValueError, match=r"no finished run"):
        open_run(tmp_path)


def test_a_run_of_another_recipe_is_not_gone_on_with(unbroken: Path, recipe: Recipe, data: Data) -> None:
    with pytest.raises(ValueError, match="another recipe"):
        fit(data, replace(recipe, noise=0.02), unbroken)


def test_a_run_starts_from_the_weights_of_another_where_they_fit(
    unbroken: Path, recipe: Recipe, data: Data, tmp_path: Path
) -> None:
    still = replace(recipe, initial=str(unbroken), epochs=1, learning_rate=0.0, weight_decay=0.0)
    fit(data, still, tmp_path / "same")
    one, other = (load_file(run / WEIGHTS) for run in (unbroken, tmp_path / "same"))
    torch.testing.assert_close(one["stem.weight"], other["stem.weight"])
    network = replace(recipe, targets=("MI",), helpers=False).untrained(1)
    assert start_from(network, unbroken / WEIGHTS) == len(one) - 2, "all but the last layer"
    torch.testing.assert_close(network.state_dict()["stem.weight"], one["stem.weight"])
    with pytest.raises(ValueError, match="Nothing in"):
        start_from(replace(recipe, network="paper", widths=(4,), kernels=(3,)).untrained(1), unbroken)
    with pytest.raises(FileNotFoundError):
        start_from(network, tmp_path / "nowhere.safetensors")


def test_teachers_are_learned_beside_the_truth(
    directory: Path, unbroken: Path, recipe: Recipe, data: Data, tmp_path: Path
) -> None:
    corpus = Corpus(directory / "corpus")
    taught = replace(recipe, teacher=Teacher((str(unbroken), str(unbroken)), weight=0.25, shifts=(-0.1, 0.0, 0.1)))
    truth = load_data(corpus, taught, tmp_path).truth
    said = (truth - 0.75 * data.truth) / 0.25
    network = recipe.untrained(truth.shape[1]).eval()
    network.load_state_dict(load_file(unbroken / WEIGHTS))
    with torch.inference_mode():
        padded = torch.nn.functional.pad(torch.from_numpy(np.array(data.signals)), (10, 10))
        moved = [torch.sigmoid(network(padded[..., at : at + 1000])) for at in (0, 10, 20)]
    np.testing.assert_allclose(said, torch.stack(moved).mean(dim=0), atol=0.05)  # bfloat16
    assert len(list(tmp_path.glob("taught-*.npy"))) == 1, "made once and kept"
    np.testing.assert_array_equal(load_data(corpus, taught, tmp_path).truth, truth)


def test_an_arm_for_any_leads_is_calibrated_on_masked_recordings(
    directory: Path, recipe: Recipe, data: Data, tmp_path: Path
) -> None:
    corpus = Corpus(directory / "corpus")
    entries = corpus.fold(recipe.calibration_fold)
    made = {}
    for arm in ("12-lead", "subset"):
        fit(data, replace(recipe, arm=arm, epochs=1), tmp_path / arm)
        made[arm] = offered(open_run(tmp_path / arm), corpus, entries, tmp_path)
    np.testing.assert_array_equal(made["12-lead"], data.watched)
    assert ((made["subset"] == 0).mean(axis=(1, 2)) > (data.watched == 0).mean(axis=(1, 2))).all()


def test_what_no_teacher_knows_keeps_its_truth(
    directory: Path, unbroken: Path, recipe: Recipe, data: Data, tmp_path: Path
) -> None:
    small = replace(recipe, targets=("MI", "STTC"), helpers=False, epochs=1)
    fit(replace(data, truth=data.truth[:, 1:3], watched_truth=data.watched_truth[:, 1:3]), small, tmp_path / "small")
    taught = replace(recipe, teacher=Teacher((str(tmp_path / "small"),), weight=1.0))
    truth = load_data(Corpus(directory / "corpus"), taught, tmp_path).truth
    others = [at for at in range(truth.shape[1]) if at not in (1, 2)]
    np.testing.assert_array_equal(truth[:, others], data.truth[:, others])
    assert set(np.unique(truth[:, 1])) - {0.0, 1.0}
    with pytest.raises(ValueError, match="no finished run"):
        load_data(Corpus(directory / "corpus"), replace(recipe, teacher=Teacher((str(tmp_path),))), tmp_path)


@pytest.mark.parametrize(
    "line", ["[teacher]\nruns = []\n", '[teacher]\nruns = ["a"]\nweight = 2\n', '[teacher]\nrun = ["a"]\n']
)
def test_a_teacher_that_teaches_nothing_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "wrong.toml").write_text(RECIPE + line, encoding="utf-8")
    with pytest.raises(ValueError, match=r"wrong\.toml"):
        read_recipe(tmp_path / "wrong.toml")


def test_folds_are_named_by_ranges_and_none_is_learned_from_and_calibrated_on(recipe: Recipe) -> None:
    assert folds_of("1-7") == (1, 2, 3, 4, 5, 6, 7) and folds_of("1,3,5-6") == (1, 3, 5, 6)
    for wrong in ("", "a", "1-", "7-1", "1-2-3"):
        with pytest.raises(ValueError):
            folds_of(wrong)
    other = recipe.on_folds("1-7:8")
    assert (other.train_folds, other.calibration_fold) == ((1, 2, 3, 4, 5, 6, 7), 8)
    assert recipe.on_folds("1-2").calibration_fold == recipe.calibration_fold
    for wrong in ("1-9", "1-8:8"):
        with pytest.raises(ValueError, match="cannot be trained on and calibrated on"):
            recipe.on_folds(wrong)
    with pytest.raises(ValueError, match="more than one fold"):
        recipe.on_folds("1-6:7-8")


def test_the_learning_rate_goes_up_and_down_again() -> None:
    recipe = Recipe("x", "0", "x", learning_rate=1.0, warm_up=0.2)
    rates = np.array([learning_rate(recipe, progress) for progress in np.linspace(0, 1, 101)])
    assert rates[0] == pytest.approx(0.04) and rates[20] == pytest.approx(1) and rates[-1] == pytest.approx(0)
    assert (np.diff(rates[:21]) > 0).all() and (np.diff(rates[20:]) < 0).all()


def test_a_plateau_halves_the_rate_after_five_epochs_without_a_lower_loss() -> None:
    recipe = Recipe("x", "0", "x", learning_rate=1.0, schedule="plateau")
    falling, still = [3.0, 2.0, 1.0], [1.0] * 6
    assert plateau_rate(recipe, []) == plateau_rate(recipe, falling) == plateau_rate(recipe, falling + still[:5]) == 1.0
    assert plateau_rate(recipe, falling + still) == plateau_rate(recipe, falling + still + still[:5]) == 0.5
    assert plateau_rate(recipe, falling + still * 2) == 0.25
    assert plateau_rate(recipe, [*falling, *still[:5], 0.5]) == 1.0, "a lower one begins anew"


def test_a_plateau_is_reached_by_a_ramp() -> None:
    recipe = Recipe("x", "0", "x", learning_rate=1.0, schedule="plateau", warm_up=0.1)
    assert [rate(recipe, progress, []) for progress in (0.0, 0.05, 0.1, 1.0)] == [0.0, 0.5, 1.0, 1.0]
    assert rate(replace(recipe, warm_up=0.0), 0.0, []) == 1.0


@pytest.mark.parametrize("name", sorted(each.name for each in (ROOT / "training" / "recipes").glob("*.toml")))
def test_each_recipe_is_one_and_its_network_takes_what_it_prepares(name: str) -> None:
    recipe = read_recipe(ROOT / "training" / "recipes" / name)
    window = canned_ecg()
    prepared = Prepare(recipe.preparation)(torch.tensor(window.signal)[None], torch.tensor(window.mask)[None])
    network = recipe.untrained(len(recipe.targets)).eval()
    assert network(prepared).shape == (1, len(recipe.targets))
    assert torch.equal(network.head(network.features(prepared)), network(prepared))


def test_the_papers_arms_learn_two_labels_from_leads_by_z_score(directory: Path, tmp_path: Path) -> None:
    recipe = replace(
        read_recipe(ROOT / "training" / "recipes" / "paper-lead-ii.toml"), epochs=2, batch=16, widths=(4, 4, 4)
    )
    data = load_data(Corpus(directory / "corpus"), recipe, tmp_path / "cache")
    assert data.signals.shape == (64, 1, 5000) and data.truth.shape == (64, 2) and data.watched_truth.shape == (8, 2)
    assert np.allclose(data.signals.std(axis=-1), 1, atol=1e-3) and np.allclose(
        data.signals.mean(axis=-1), 0, atol=1e-3
    )
    fit(data, recipe, tmp_path / "run")
    assert set(log(tmp_path / "run")[0]) == {"epoch", "loss", "watched", "MI-or-STTC", "not-normal"}


def test_a_recipe_for_an_unknown_network_or_target_is_refused(tmp_path: Path) -> None:
    for line, said in (('network = "wide"', "wide"), ('targets = ["fever"]', "fever")):
        (tmp_path / "wrong.toml").write_text(f"{RECIPE}{line}\n", encoding="utf-8")
        with pytest.raises(ValueError, match=said):
            read_recipe(tmp_path / "wrong.toml")


def test_a_recipe_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(RECIPE + "epoch = 3\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"wrong\.toml.*epoch"):
        read_recipe(path)
