"""Prints docs/model-card.md from the cards of the shipped models."""

import sys
from collections.abc import Iterator

from models.card import Card, Limits, Point, Preprocessing, read_card
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
    corpus, limits = card.corpus, card.limits
    for member in card.members:
        weights, preparation = member.weights, member.preparation
        yield f"- network {member.network.kind}, share {member.weight:.0%}; input {_input(preparation)}"
        yield f"  weights `{weights.file}`, SHA-256 `{weights.sha256}`,"
        yield f"  {weights.dtype}, {weights.parameters:,} parameters"
    if len(card.members) > 1:
        yield f"- the networks' {card.average} are averaged"
    if len(card.shifts) > 1:
        yield f"- each ECG is scored moved by {', '.join(f'{each:g}' for each in card.shifts)} s; logits are averaged"
    yield f"- trained on {corpus.name} {corpus.version} ({corpus.licence}), {corpus.recordings:,} recordings of folds"
    yield f"  {', '.join(map(str, corpus.train_folds))}; calibrated on fold {corpus.calibration_fold}"
    yield f"- left out: {corpus.left_out}"
    yield f"- labels: {corpus.label_rule}"
    yield f"- limits: from {limits.least_age:g} years; {_leads(limits)}, each known for"
    yield f"  {limits.least_known:.0%} of 10 s; at most {limits.longest:g} s; from {limits.least_fs:g} Hz;"
    yield f"  high-pass at most {limits.highest_high_pass:g} Hz, low-pass from {limits.lowest_low_pass:g} Hz;"
    yield f"  {'digital or digitised' if limits.digitised else 'digital recordings only'}"
    yield f"- not assessed: {', '.join(limits.not_assessed)}"
    yield ""
    yield f"Figures, by `{card.figures_command}`. Thresholds: {card.findings[0].threshold_rule}."
    yield ""
    yield (
        "| label | fold | recordings | positives | AUC | 95 % interval | threshold | sensitivity 0.90 at | 0.95 at | "
        "calibration |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    scored = {each.code: each for each in card.findings}
    for row in card.figures:
        own = scored[row.label]
        yield (
            f"| {row.label} | {row.fold} | {row.n:,} | {row.positives:,} | {row.auc:.4f} | {row.auc_low:.4f} to "
            f"{row.auc_high:.4f} | {own.threshold:.4f} | {_point(own.sensitive_90)} | {_point(own.sensitive)} | "
            f"{own.calibration} |"
        )
    yield ""
    yield "Cite: " + "; ".join(card.corpus.citation) + "."


def _input(preparation: Preprocessing) -> str:
    unit = "z-scores of each lead" if preparation.z_score else "mV"
    return f"in {unit}, low-passed at {preparation.cutoff:g} Hz, thinned to {preparation.fs} Hz"


def _leads(limits: Limits) -> str:
    return f"leads {', '.join(limits.leads)}" if limits.leads else "any of the twelve leads"


def _point(point: Point | None) -> str:
    return "-" if point is None else f"{point.probability:.4f}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
