"""Prints docs/guards.md from the cards of the shipped guards: limits, how they were chosen, figures."""

import sys
from collections.abc import Iterator

from models.guards import GuardCard, read_guard_cards

ABOUT = {
    "reversal": (
        "Swapped limb electrodes (`limb-reversal`)",
        "What an exchange of RA, LA and LL records follows exactly from what should have been recorded",
        "(`models/swaps.py`). A small network scores how plausible the median beat is as it is, and after each of the",
        "five exchanges; the value is the log-odds of any exchange against none, at equal chances beforehand. Some",
        "recordings of the corpus must be swapped in truth, which nobody noted: they count as false alarms. Exchanges",
        "with the electrode at the right leg, or among chest electrodes, are not looked for.",
    ),
    "outlier": (
        "Beats unlike the corpus (`out-of-distribution`)",
        "The median beat's principal components, what those leave, heights of limb and chest leads, steepness, and",
        "whether there is more in the leads than three could give: the largest deviation, by what one in 500 of the",
        "corpus exceeds. It stands on the signal alone, not on the networks. A wrong paper speed is hardly told.",
    ),
}


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Guards"
    yield ""
    yield "This page is generated from `models/guard_weights/*.json` by `make docs`. Guards stop what every model would"
    yield "read wrongly ([routing.md](routing.md)). They judge recordings in which all twelve leads are known and beats"
    yield "are visible."
    for card, digest in read_guard_cards():
        yield from _guard(card, digest)


def _guard(card: GuardCard, digest: str) -> Iterator[str]:
    title, *about = ABOUT[card.kind]
    yield from ("", f"## {title}", "", *about, "")
    yield f"- card SHA-256 `{digest}`; arrays `{card.weights.file}`, {card.weights.parameters:,} values"
    yield f"- {card.corpus}; fitted on folds {', '.join(map(str, card.train_folds))}"
    yield f"- limit {card.limit:g}, {card.limit_rule}"
    yield ""
    yield f"On fold {card.figures_fold}, which chose nothing, by `{card.figures_command}`:"
    yield ""
    recordings, alarms = int(card.figures["recordings"]), card.figures["false alarms"]
    yield f"{recordings:,} recordings as they are: {alarms:.2%} beyond the limit. Changed:"
    yield ""
    yield "| | AUC | sensitivity at the limit |"
    yield "|---|---|---|"
    for name in [each.removeprefix("AUC, ") for each in card.figures if each.startswith("AUC, ")]:
        yield f"| {name} | {card.figures[f'AUC, {name}']:.4f} | {card.figures[f'sensitivity, {name}']:.4f} |"
    yield from (
        f"\n{name[0].upper()}{name[1:]}: {value:.4f}." for name, value in card.figures.items() if "1 % false" in name
    )


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
