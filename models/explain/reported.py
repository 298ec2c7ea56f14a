"""All explanations of a report in a few batches: maps with their checks, lead ablation, the leads that flip a read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ecg.canonical import SAMPLES, CanonicalEcg
from ecg.findings import Finding
from ecg.leads import LEADS
from ecg.reading import Explanation, MapCheck
from models.explain import checks, maps, removal
from models.explain.checks import Map
from models.explain.scorer import Scorer, log_odds


@dataclass(frozen=True)
class Asked:
    """A finding that is explained: which output it is, and the log-odds of its threshold."""

    finding: Finding
    output: int
    threshold: float


@dataclass(frozen=True)
class Made:
    """A map that is not scaled yet, by a method, for one of those asked."""

    method: str
    asked: Asked
    relevance: Map


def explained(
    scorers: Sequence[Scorer], asked: Sequence[Asked], window: CanonicalEcg, index: int, *, thorough: bool = False
) -> tuple[Explanation, ...]:
    """Explain findings on one window, each by Grad-CAM, saliency, gradient times input and lead ablation.

    Every map is checked by deletion: removing the tenth that it points at must cost the score more than each of some
    random masks of that size does. A map that fails a check is withheld.

    Args:
        scorers: the networks of the model.
        asked: what is explained.
        window: which ECG.
        index: the window's place in the recording.
        thorough: also by integrated gradients, and of each map insertion and stability: some seconds more.
    """
    if not asked:
        return ()
    signal, mask = torch.tensor(window.signal), torch.tensor(window.mask)
    every = every_map(scorers, asked, signal, mask, thorough=thorough)
    relevances, outputs = [each.relevance for each in every], [each.asked.output for each in every]
    scored = partial(log_odds, scorers, signal)

    marked = checks.marked(relevances, mask)
    scores = scored(torch.cat([mask[None], removal.each_lead(mask), mask & ~marked]))
    base, leads, rest = scores[0], scores[0] - scores[1 : 1 + len(LEADS)], scores[0] - scores[1 + len(LEADS) :]
    deleted = checks.beside_random(checks.DELETION, relevances, outputs, rest)
    done: list[tuple[MapCheck, ...]] = [(each,) for each in deleted]
    if thorough:
        inserted = checks.insertion(scored, mask, relevances, outputs)
        stable = _stability(scorers, every, signal, mask)
        done = [(*own, *more) for own, *more in zip(done, inserted, stable, strict=True)]

    shown = [_map(each, checked, index) for each, checked in zip(every, done, strict=True)]
    flips = _flipping(scored, mask, asked, (base, leads))
    by_lead = [_by_lead(each, leads[:, each.output], flip, index) for each, flip in zip(asked, flips, strict=True)]
    place = {each.finding.code: at for at, each in enumerate(asked)}
    return tuple(sorted((*shown, *by_lead), key=lambda each: place[each.finding.code]))


def every_map(
    scorers: Sequence[Scorer], asked: Sequence[Asked], signal: Tensor, mask: Tensor, *, thorough: bool = False
) -> list[Made]:
    """Return the maps of each of those asked, the weighted mean over the networks: from one pass forth and back each.

    Args:
        scorers: the networks of the model.
        asked: what is explained.
        signal: (12, 5000), mV.
        mask: bool (12, 5000).
        thorough: also integrated gradients, which take maps.STEPS passes.
    """
    outputs, known = [each.output for each in asked], mask.numpy()
    cams = np.zeros((len(asked), 1, SAMPLES), dtype=np.float32)
    gradient = torch.zeros(len(asked), *signal.shape)
    for scorer in scorers:
        found = maps.gradients(scorer, signal, mask, outputs)
        gradient += scorer.weight * found.of_signal
        for cam, each in zip(cams, maps.grad_cam(found.features, found.of_features), strict=True):
            cam += scorer.weight * maps.on_canonical_grid(each)
    made = {
        maps.GRAD_CAM: list(cams),
        maps.SALIENCY: [maps.smoothed(each) * known for each in maps.saliency(gradient)],
        maps.GRADIENT_TIMES_INPUT: [maps.drawable(each) * known for each in maps.times_input(gradient, signal, mask)],
    }
    if thorough:
        signed = maps.integrated_gradients(partial(_together, scorers), signal, mask, outputs)
        made[maps.INTEGRATED_GRADIENTS] = [maps.drawable(each) * known for each in signed]
    return [Made(method, each, row) for method, rows in made.items() for each, row in zip(asked, rows, strict=True)]


def _together(scorers: Sequence[Scorer], signal: Tensor, mask: Tensor) -> Tensor:
    return torch.stack([each.weight * each.log_odds(signal, mask) for each in scorers]).sum(dim=0)


def _stability(scorers: Sequence[Scorer], every: Sequence[Made], signal: Tensor, mask: Tensor) -> list[MapCheck]:
    asked = list(dict.fromkeys(each.asked for each in every))
    others = [every_map(scorers, asked, each, mask, thorough=True) for each in checks.perturbed(signal, mask)]
    rows = zip(*others, strict=True)
    return [
        checks.stability(each.relevance, [other.relevance for other in row])
        for each, row in zip(every, rows, strict=True)
    ]


def _map(made: Made, done: tuple[MapCheck, ...], index: int) -> Explanation:
    peak = float(made.relevance.max())
    scaled = made.relevance / np.float32(peak) if peak > 0 else made.relevance
    if not all(each.passed for each in done):
        scaled = np.zeros((0, SAMPLES), dtype=np.float32)
    return Explanation(made.asked.finding, made.method, scaled, peak, maps.UNITS[made.method], index, done)


def _flipping(
    scored: checks.Scored, mask: Tensor, asked: Sequence[Asked], found: tuple[Tensor, Tensor]
) -> list[tuple[str, ...]]:
    """Return the leads that flip each score; `found` are the log-odds, (findings,), and those lost by lead."""
    base, leads = found
    tried = [removal.in_order(leads[:, each.output], float(base[each.output]) - each.threshold) for each in asked]
    together = [each for sets in tried for each in sets if len(each) > 1]
    lost = base - scored(torch.stack([removal.without(mask, each) for each in together])) if together else leads[:0]
    rows = iter(lost)
    flips = []
    for each, sets in zip(asked, tried, strict=True):
        excess = float(base[each.output]) - each.threshold
        drops = [leads[LEADS.index(names[0])] if len(names) == 1 else next(rows) for names in sets]
        pairs = zip(sets, drops, strict=True)
        flips.append(next((names for names, drop in pairs if float(drop[each.output]) > excess), ()))
    return flips


def _by_lead(asked: Asked, lost: Tensor, flips: tuple[str, ...], index: int) -> Explanation:
    peak = float(lost.abs().max())
    relevance = np.asarray((lost / peak if peak > 0 else lost).numpy(), dtype=np.float32)
    return Explanation(asked.finding, removal.ABLATION, relevance, peak, removal.UNIT, index, flips=flips)
