"""Makes a model of one fitted run or several: calibration and thresholds, with the weights as they will ship."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from models.card import LEAST_POSITIVES
from models.ensemble import Average, averaged
from models.prepare import moved
from training.calibration import best, log_loss, platt
from training.corpus import Corpus, Entry, prepared
from training.digitisation import as_digitised
from training.labels import columns
from training.masking import keep_some
from training.run import Run
from training.statistics import At, at_threshold, best_f1_threshold, threshold_at_sensitivity

CALIBRATION: Final = "calibration.json"
BATCH: Final = 64
DIGITS: Final = 4
AVERAGES: Final[tuple[Average, ...]] = ("logits", "probabilities")


@dataclass(frozen=True)
class Assembly:
    """What a model is made of: the runs, whose members weigh the same, and how their outputs become one.

    Attributes:
        runs: directories.
        shifts: seconds by which each recording is moved, one after the other.
        average: of what the mean over the runs is taken.
        findings: what the card says of each, as in models.card.ScoredFinding.
    """

    runs: tuple[str, ...]
    shifts: tuple[float, ...]
    average: Average
    findings: tuple[dict[str, Any], ...]


@dataclass(frozen=True, eq=False)
class Tuned:
    """What a finding is calibrated on, (n,) each, and the prevalence that it is calibrated for."""

    truth: NDArray[np.bool_]
    logits: NDArray[np.float64]
    patients: NDArray[np.integer]
    prevalence: float

    @property
    def shift(self) -> float:
        """By how much the log-odds of that prevalence exceed those of these recordings."""
        here = float(self.truth.mean())
        return math.log(self.prevalence / (1 - self.prevalence)) - math.log(here / (1 - here))

    @property
    def weights(self) -> NDArray[np.float64]:
        """How much each recording counts where the finding has that prevalence."""
        here = float(self.truth.mean())
        return np.where(self.truth, self.prevalence / here, (1 - self.prevalence) / (1 - here))


def shipped_weights(run: Run, codes: Sequence[str]) -> dict[str, Tensor]:
    """Return the averaged weights of a run in float16, with the outputs of these targets alone, in this order."""
    weights = run.weights
    kept = [run.recipe.targets.index(code) for code in codes]
    for name in ("classify.weight", "classify.bias"):
        weights[name] = weights[name][kept]
    return {name: value.half().contiguous() if value.is_floating_point() else value for name, value in weights.items()}


def common_targets(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the targets that all runs have, in the order of the first.

    Raises:
        ValueError: they have none in common, or were not made for one calibration fold.
    """
    if len({(run.recipe.calibration_fold, run.recipe.split) for run in runs}) != 1:
        raise ValueError("The runs were not made for the same calibration fold.")
    codes = [code for code in runs[0].recipe.targets if all(code in run.recipe.targets for run in runs)]
    if not codes:
        raise ValueError("The runs have no target in common.")
    return tuple(codes)


def run_logits(run: Run, codes: Sequence[str], signals: NDArray[np.float32], shifts: Sequence[float]) -> Tensor:
    """Return a run's logits as it will ship, float32 (n, codes), the mean over shifts, of prepared (n, leads, time)."""
    network = run.recipe.untrained(len(codes)).eval()
    network.load_state_dict({name: value.float() for name, value in shipped_weights(run, codes).items()})
    steps = [round(seconds * run.recipe.preparation.fs) for seconds in shifts]
    made: list[Tensor] = []
    with torch.inference_mode():
        for start in tqdm(range(0, len(signals), BATCH), desc=run.recipe.name, unit="batch", mininterval=2):
            part = torch.from_numpy(np.array(signals[start : start + BATCH]))
            made.append(torch.stack([network(moved(part, by)) for by in steps]).mean(dim=0))
    return torch.cat(made)


def offered(run: Run, corpus: Corpus, entries: Sequence[Entry], cache: Path) -> NDArray[np.float32]:
    """Return recordings as the run's arm will meet them, prepared, float32 (n, leads, time)."""
    recipe = run.recipe
    signals = prepared(corpus, entries, recipe.preparation, cache)
    if not recipe.any_leads:
        return signals
    rng, leads = np.random.default_rng(recipe.seed), recipe.preparation.leads
    whole = torch.from_numpy(np.array(signals))
    if recipe.digitisation:
        return as_digitised(whole, 1, recipe.preparation.fs, leads, rng).numpy()
    return keep_some(whole, 1, leads, rng).numpy()


def calibrate(runs: Sequence[Run], corpus: Corpus, cache: Path | None, shifts: Sequence[float]) -> Assembly:
    """Make a model of runs on their calibration fold, and keep it beside the first.

    What the mean is taken of, logits or probabilities, is what gives the lower log-loss there. A finding with fewer
    than 50 positives gets no threshold, and is left out. Where those that a human has validated hold 50, it is
    calibrated on them alone, and for the prevalence of the whole fold: the folds are alike in their labels, but 9 and
    10 hold validated ones only (Wagner et al., Sci Data 7, 154 (2020)), which elsewhere are the more normal ones. An
    arm for any leads is calibrated on what it will meet: each recording masked, or as read off a page, by its seed.

    Raises:
        ValueError: the runs do not go together, or the fold is empty.
    """
    codes, fold = common_targets(runs), runs[0].recipe.calibration_fold
    if not (entries := corpus.fold(fold)):
        raise ValueError(f"The corpus holds no recording of fold {fold}.")
    truth = corpus.targets(entries)[:, columns(codes)]
    enough = np.flatnonzero(truth.sum(axis=0) >= LEAST_POSITIVES)
    codes, truth = tuple(codes[at] for at in enough), truth[:, enough]
    each = [run_logits(run, codes, offered(run, corpus, entries, cache or run.directory), shifts) for run in runs]
    weights = [1 / len(runs)] * len(runs)
    ways = {way: averaged(each, weights, way).double().numpy() for way in AVERAGES}
    way = min(AVERAGES, key=lambda name: _loss(truth, ways[name])) if len(runs) > 1 else "logits"
    patients = np.unique([entry.patient for entry in entries], return_inverse=True)[1]
    sure = np.array([entry.validated for entry in entries])
    findings = []
    for at, code in enumerate(codes):
        rows = sure if truth[sure, at].sum() >= LEAST_POSITIVES else np.ones_like(sure)
        own = Tuned(truth[rows, at], ways[way][rows, at], patients[rows], float(truth[:, at].mean()))
        findings.append(_finding(code, own))
    made = Assembly(tuple(str(run.directory) for run in runs), tuple(shifts), way, tuple(findings))
    (runs[0].directory / CALIBRATION).write_text(json.dumps(asdict(made), indent=1) + "\n", encoding="utf-8")
    return made


def read_assembly(directory: Path) -> Assembly:
    """Read what `calibrate` kept beside a run.

    Raises:
        FileNotFoundError: the run is not calibrated.
    """
    kept = json.loads((directory / CALIBRATION).read_text(encoding="utf-8"))
    return Assembly(tuple(kept["runs"]), tuple(kept["shifts"]), kept["average"], tuple(kept["findings"]))


def table(made: Assembly) -> str:
    """Lay out for a terminal what was found."""
    shifts = ", ".join(f"{each:g}" for each in made.shifts)
    lines = [
        f"{len(made.runs)} runs, shifts {shifts} s, mean of {made.average}",
        f"{'label':<24}{'pos':>6}  {'method':<12}{'slope':>7}{'inter':>7}{'thr':>7}{'sens 0.90':>10}{'0.95':>7}",
    ]
    for each in made.findings:
        points = (each["threshold"], each["sensitive_90"]["probability"], each["sensitive"]["probability"])
        lines.append(
            f"{each['code']:<24}{each['positives']:>6}  {each['calibration']:<12}{each['slope']:>7.3f}"
            f"{each['intercept']:>7.3f}{points[0]:>7.3f}{points[1]:>10.3f}{points[2]:>7.3f}"
        )
    return "\n".join(lines)


def _loss(truth: NDArray[np.bool_], logits: NDArray[np.float64]) -> float:
    pairs = list(zip(truth.T, logits.T, strict=True))
    return float(np.mean([log_loss(true, platt(true, given).log_odds(given)) for true, given in pairs]))


def _finding(code: str, own: Tuned) -> dict[str, Any]:
    found = best(own.truth, own.logits, own.patients).shifted(own.shift)
    truth, probability = own.truth, found(own.logits)
    threshold = _rounded(best_f1_threshold(truth, probability, own.weights))
    points = {
        "at_threshold": at_threshold(truth, probability, threshold),
        "sensitive_90": at_threshold(truth, probability, _rounded(threshold_at_sensitivity(truth, probability, 0.90))),
        "sensitive": at_threshold(truth, probability, _rounded(threshold_at_sensitivity(truth, probability, 0.95))),
    }
    return {
        "code": code,
        "slope": found.slope,
        "intercept": found.intercept,
        "knots": found.knots,
        "calibration": found.method,
        "threshold": threshold,
        "positives": int(truth.sum()),
        **{name: _point(at) for name, at in points.items()},
    }


def _point(at: At) -> dict[str, float]:
    return {
        "probability": at.probability,
        "sensitivity": round(at.sensitivity, DIGITS),
        "specificity": round(at.specificity, DIGITS),
    }


def _rounded(probability: float) -> float:
    """Round down, so that whoever stood at the threshold still does."""
    return max(math.floor(probability * 10**DIGITS) / 10**DIGITS, 10**-DIGITS)
