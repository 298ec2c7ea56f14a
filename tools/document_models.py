"""Prints docs/model-card.md from the cards of the shipped models."""

import sys
from collections.abc import Iterator

from models.card import Card, read_card
from models.network import WEIGHTS


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Model cards"
    yield ""
    yield "This page is generated from `models/weights/*.json` by `make docs`."
    for path in sorted(WEIGHTS.glob("*.json")):
        signed = read_card(path)
        yield from _model(signed.card, signed.digest)


def _model(card: Card, digest: str) -> Iterator[str]:
    yield ""
    yield f"## {card.name} {card.version} ({card.arm})"
    yield ""
    yield card.intended_use
    yield " ".join(card.not_for)
    yield ""
    yield f"- card SHA-256 `{digest}`"
    weights, preparation, corpus, limits = card.weights, card.preparation, card.corpus, card.limits
    yield f"- weights `{weights.file}`, SHA-256 `{weights.sha256}`, {weights.dtype}, {weights.parameters:,} parameters"
    yield f"- network {card.network.kind}; input in mV, low-passed at {preparation.cutoff:g} Hz, thinned to"
    yield f"  {preparation.fs} Hz"
    yield f"- trained on {corpus.name} {corpus.version} ({corpus.licence}), {corpus.recordings:,} recordings of folds"
    yield f"  {', '.join(map(str, corpus.train_folds))}; calibrated on fold {corpus.calibration_fold}"
    yield f"- left out: {corpus.left_out}"
    yield f"- labels: {corpus.label_rule}"
    yield f"- limits: from {limits.least_age:g} years; leads {', '.join(limits.leads)}, each known for"
    yield f"  {limits.least_known:.0%} of 10 s; at most {limits.longest:g} s; from {limits.least_fs:g} Hz;"
    yield f"  high-pass at most {limits.highest_high_pass:g} Hz, low-pass from {limits.lowest_low_pass:g} Hz;"
    yield f"  {'digital or digitised' if limits.digitised else 'digital recordings only'}"
    yield f"- not assessed: {', '.join(limits.not_assessed)}"
    yield ""
    yield f"Figures, by `{card.figures_command}`. Thresholds: {card.findings[0].threshold_rule}."
    yield ""
    yield "| label | fold | recordings | positives | AUC | 95 % interval | threshold |"
    yield "|---|---|---|---|---|---|---|"
    thresholds = {each.code: each.threshold for each in card.findings}
    for row in card.figures:
        yield (
            f"| {row.label} | {row.fold} | {row.n:,} | {row.positives:,} | {row.auc:.4f} | {row.auc_low:.4f} to "
            f"{row.auc_high:.4f} | {thresholds[row.label]:.4f} |"
        )
    yield ""
    yield "Cite: " + "; ".join(card.corpus.citation) + "."


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
