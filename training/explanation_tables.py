"""Writes what was measured of explanations as Markdown, below the words of docs/explanations.md."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from ecg.leads import LEADS
from models.explain.removal import RANDOM
from models.network import NetworkClassifier
from training.corpus import Corpus
from training.explaining import (
    SEEDS,
    Agreement,
    Deletion,
    TopLead,
    cases,
    deletion,
    randomisation,
    thorough,
    top_leads,
)

BELOW: Final = "<!-- What follows is written by the command that it names. -->"
COMMAND: Final = "python -m training explain --corpus DIR --fold {fold} --count {count}"
RANDOMISED: Final = 100  # ECGs
THOROUGH: Final = 25  # ECGs


def measured(classifier: NetworkClassifier, corpus: Corpus, fold: int, count: int) -> str:
    """Measure the explanations of one model on a fold; return the tables as Markdown.

    Args:
        classifier: the model.
        corpus: where the ECGs are.
        fold: which of them.
        count: how many ECGs of those in which it asserts a finding.
    """
    chosen, scorers = cases(classifier, corpus, fold, count), classifier.scorers()
    card = classifier.card
    parts = [
        f"## {card.name} {card.version} (arm {card.arm}, card sha256 {classifier.digest[:16]})\n",
        f"`{COMMAND.format(fold=fold, count=count)}`\n",
        *_randomisation(randomisation(scorers, chosen[:RANDOMISED])),
        *_deletion(deletion(scorers, chosen)),
        *_thorough(thorough(scorers, chosen[:THOROUGH]), len(chosen[:THOROUGH])),
    ]
    if any(each.code == "MI" for each in card.findings):
        parts += _top_leads(top_leads(classifier, corpus, fold))
    return "\n".join(parts)


def write(tables: Sequence[str], page: Path) -> None:
    """Put tables in the place of those that the page holds.

    Raises:
        ValueError: the page has no place for them.
    """
    words, found, _ = page.read_text(encoding="utf-8").partition(BELOW)
    if not found:
        raise ValueError(f"{page.name} does not say where the tables go: {BELOW}")
    page.write_text("\n\n".join((words + found, *(each.strip() for each in tables))) + "\n", encoding="utf-8")


def _randomisation(rows: Sequence[Agreement]) -> Iterator[str]:
    yield "### Maps of random networks beside those of the trained one\n"
    yield (
        f"Spearman's correlation over leads and time, and the mean of its size over ECGs and {SEEDS} draws of all "
        "weights. 'Still' is the share of random networks whose map is the same everywhere; they have no rank and are "
        "left out. Twelve unrelated ranks agree by 0.24 on average.\n"
    )
    yield "| map | mean size | mean | highest of a draw | still | pairs |\n|---|---:|---:|---:|---:|---:|"
    for row in rows:
        figures = f"{row.absolute:.3f} | {row.signed:+.3f} | {row.highest_seed:.3f} | {row.still:.0%} | {row.pairs}"
        yield f"| {row.method} | {figures} |"
    yield ""


def _deletion(rows: Sequence[Deletion]) -> Iterator[str]:
    yield "### What the score loses when a tenth of the ECG is removed\n"
    yield (
        f"Log-odds of the finding furthest above its threshold, {rows[0].n} ECGs. 'Passes' is the share of maps that "
        f"cost more than each of {RANDOM} random masks of their size and kind, and so are shown; the others are "
        f"withheld. Those chosen by chance would pass in {1 / (RANDOM + 1):.0%}.\n"
    )
    yield "| what is removed | mean | median | passes |\n|---|---:|---:|---:|"
    for row in sorted(rows, key=lambda each: -each.mean):
        passes = "" if row.passes is None else f"{row.passes:.0%}"
        yield f"| {row.marked_by} | {row.mean:.2f} | {row.median:.2f} | {passes} |"
    yield ""


def _thorough(found: dict[tuple[str, str], list[float]], count: int) -> Iterator[str]:
    yield "### The checks that are made on request\n"
    yield f"Share of the maps that pass, of {count} ECGs.\n"
    names = list(dict.fromkeys(check for _, check in found))
    yield f"| map | {' | '.join(names)} |\n|---|{'---:|' * len(names)}"
    for method in dict.fromkeys(method for method, _ in found):
        shares = (f"{np.mean(np.array(found[method, name]) > 0):.0%}" for name in names)
        yield f"| {method} | {' | '.join(shares)} |"
    yield ""


def _top_leads(rows: Sequence[TopLead]) -> Iterator[str]:
    yield "### The lead that matters most for MI, by lead ablation\n"
    yield "Recordings with a statement of that site and of no other; the lead without which the score loses most.\n"
    yield f"| site | among | n | one of | share | by chance | {' | '.join(LEADS)} |"
    yield f"|---|---|---:|---|---:|---:|{'---:|' * len(LEADS)}"
    for row in rows:
        share = row.hits / max(row.n, 1)
        counts = " | ".join(map(str, row.counts))
        chance = len(row.leads) / len(LEADS)
        what = f"{row.site} | {row.among} | {row.n} | {', '.join(row.leads)}"
        yield f"| {what} | {share:.0%} | {chance:.0%} | {counts} |"
    yield ""
