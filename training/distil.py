"""Teachers' probabilities of the training recordings: a softer truth for a network that learns from others.

The cross-entropy is linear in its target, so that the loss mixed of both is the loss against the mixed target, and
mixup mixes teachers' probabilities like truth.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from models.prepare import moved
from training.corpus import Corpus, Entry, prepared
from training.precision import half
from training.recipe import Recipe, Teacher
from training.run import WEIGHTS, Run, open_run

BATCH: Final = 64


def outputs(recipe: Recipe, corpus: Corpus) -> list[str]:
    """Return what a network of this recipe has as outputs, by name: its targets, then the statements that help."""
    return [*recipe.targets, *(f"statement {code}" for code in corpus.statements.codes if recipe.helpers)]


def softened(
    corpus: Corpus, entries: Sequence[Entry], recipe: Recipe, truth: NDArray[np.float32], cache: Path
) -> NDArray[np.float32]:
    """Return `truth`, float32 (entries, outputs of the recipe), mixed with what its teachers say.

    An output that no teacher has keeps its truth.

    Raises:
        ValueError: a teacher is no finished run.
    """
    if recipe.teacher is None:
        return truth
    wanted = outputs(recipe, corpus)
    total, count = np.zeros_like(truth), np.zeros(len(wanted), dtype=np.float32)
    for name in recipe.teacher.runs:
        run = open_run(Path(name))
        theirs = outputs(run.recipe, corpus)
        both = [(wanted.index(each), theirs.index(each)) for each in wanted if each in theirs]
        ours_at, theirs_at = [ours for ours, _ in both], [other for _, other in both]
        total[:, ours_at] += taught(corpus, entries, run, recipe.teacher, cache)[:, theirs_at]
        count[ours_at] += 1
    weight = recipe.teacher.weight * (count > 0)
    return np.asarray((1 - weight) * truth + weight * total / np.maximum(count, 1), dtype=np.float32)


def taught(corpus: Corpus, entries: Sequence[Entry], run: Run, teacher: Teacher, cache: Path) -> NDArray[np.float32]:
    """Return a run's probabilities, float32 (entries, its outputs), averaged over the shifts; made once and kept."""
    digest = hashlib.sha256((run.directory / WEIGHTS).read_bytes())
    digest.update(repr((teacher.shifts, [entry.signal for entry in entries])).encode())
    path = cache / f"taught-{digest.hexdigest()[:16]}.npy"
    if not path.exists():
        signals = prepared(corpus, entries, run.recipe.preparation, cache)
        unfinished = path.with_suffix(".part.npy")
        np.save(unfinished, _probabilities(run, signals, len(outputs(run.recipe, corpus)), teacher.shifts))
        unfinished.rename(path)
    return np.asarray(np.load(path))


def _probabilities(run: Run, signals: NDArray[np.float32], count: int, shifts: Sequence[float]) -> NDArray[np.float32]:
    network = run.recipe.untrained(count).eval()
    network.load_state_dict(run.weights)
    steps = [round(seconds * run.recipe.preparation.fs) for seconds in shifts]
    made = np.zeros((len(signals), count), dtype=np.float32)
    with torch.inference_mode(), half(torch.device("cpu")):
        for start in tqdm(range(0, len(signals), BATCH), desc=run.recipe.name, unit="batch", mininterval=2):
            part = torch.from_numpy(np.array(signals[start : start + BATCH]))
            for by in steps:
                made[start : start + BATCH] += torch.sigmoid(network(moved(part, by)).float()).numpy()
    return made / np.float32(len(steps))
