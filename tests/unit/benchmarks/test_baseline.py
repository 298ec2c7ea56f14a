"""The published system's image arm is fitted on printed pages, from the Lead II arm, and scores strips."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.pages import baseline
from tests.golden import corpus as golden
from training.corpus import Corpus
from training.fit import fit, load_data
from training.recipe import Recipe, read_recipe
from training.run import open_run


def tiny(recipe: Recipe) -> Recipe:
    return replace(recipe, train_folds=(1, 2), calibration_fold=3, epochs=1, batch=8, widths=(4, 4, 4))


def test_the_papers_image_arm_learns_from_pages_and_scores_strips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden.write(tmp_path / "corpus", golden.rows(per_fold=8, folds=range(1, 4)))
    corpus = Corpus(tmp_path / "corpus")
    lead_ii = tiny(read_recipe(Path("training/recipes/paper-lead-ii.toml")))
    fit(load_data(corpus, lead_ii, tmp_path), lead_ii, tmp_path / "lead-ii")
    monkeypatch.setattr(baseline, "LEARNED", 9)
    monkeypatch.setattr(baseline, "WATCHED", 4)
    monkeypatch.setattr(baseline, "read_recipe", lambda path: tiny(read_recipe(path)))

    run = baseline.fit_baseline(corpus, tmp_path / "out", tmp_path / "lead-ii", seed=1, processes=1)

    strips = np.load(tmp_path / "out" / "learned-1.npy")
    assert strips.shape == (9, 5000) and strips.any(axis=1).all()
    scores = baseline.scores(open_run(run), strips, "MI-or-STTC")
    assert scores.shape == (9,) and len(set(scores)) == 9
