"""Ablations: what is varied is what the paper varied, each run is fitted once, and what is no test of it says so."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from tests.golden import corpus as golden
from training.ablate import TABLE, UPSAMPLED, ablate, table, variations
from training.corpus import Corpus
from training.recipe import Recipe, read_recipe

ROOT = Path(__file__).parents[3]


@pytest.fixture
def base() -> Recipe:
    recipe = read_recipe(ROOT / "training" / "recipes" / "paper-12-lead.toml").on_folds("1-7:8")
    return replace(recipe, epochs=1, batch=8, widths=(4, 4, 4, 4))


def test_the_paper_is_varied_in_data_rate_target_leads_and_networks(base: Recipe) -> None:
    found = {each.name: each for each in variations(base, high_rate=False)}
    assert list(found) == [
        *("as it is", "10 % of the data", "50 Hz", "100 Hz", "500 Hz", "MI-or-STTC alone", "not-normal alone"),
        *("Lead II", "limb leads", "V1 to V6", "12 leads", "2 networks", "3 networks"),
    ]
    assert [name for name, each in found.items() if each.note] == ["500 Hz"] and found["500 Hz"].note == UPSAMPLED
    assert not any(each.note for each in variations(base, high_rate=True))
    assert [recipe.seed for recipe in found["3 networks"].recipes] == [1, 2, 3]
    assert {len(recipe.preparation.leads) for each in found.values() for recipe in each.recipes} == {1, 6, 12}


def test_variations_are_fitted_measured_and_written(base: Recipe, tmp_path: Path) -> None:
    corpus = Corpus(golden.write(tmp_path / "corpus", golden.rows(per_fold=12, folds=range(1, 10))))
    asked = [
        each
        for each in variations(base, high_rate=False)
        if each.name in {"as it is", "10 % of the data", "50 Hz", "Lead II", "12 leads", "2 networks"}
    ]
    rows = ablate(asked, corpus, tmp_path / "out", 9)
    assert [(row.variation, row.label) for row in rows] == [
        (each.name, label) for each in asked for label in ("MI-or-STTC", "not-normal")
    ]
    assert all((row.fold, row.n, row.positives) == (9, 12, 9) and 0 <= row.auc <= 1 for row in rows)
    assert len(list((tmp_path / "out").glob("run-*"))) == 5, "12 leads are what it is: fitted once"
    with (tmp_path / "out" / TABLE).open(newline="", encoding="utf-8") as file:
        assert [row["variation"] for row in csv.DictReader(file)] == [row.variation for row in rows]
    assert table(rows).count("\n") == len(rows) + 1
    assert ablate(asked[:1], corpus, tmp_path / "out", 9) == rows[:2], "what is fitted is not fitted again"
    with pytest.raises(ValueError, match="trained on"):
        ablate(asked[:1], corpus, tmp_path / "out", 7)
