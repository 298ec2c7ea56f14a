"""Measures explanations on a fold: weight randomisation, deletion beside other masks, the lead that matters most."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from ecg.canonical import SAMPLES, CanonicalEcg
from ecg.leads import LEADS
from ecg.reading import log_odds as of_probability
from models.explain import checks, maps, removal
from models.explain.reported import Asked, Made, every_map, explained
from models.explain.scorer import Scorer, log_odds
from models.network import NetworkClassifier
from training.corpus import Corpus, Entry
from training.evaluate import recordings
from training.randomised import randomised

SEEDS: Final = 5
NORMED_BY: Final = 32  # ECGs for the batch norms of a random network
EACH: Final = 5  # samples, 10 ms: maps are averaged over more than that
SPEED: Final = 0.1  # seconds over which the slope of the leads is averaged
INFERIOR: Final = frozenset({"IMI", "ILMI", "IPMI", "IPLMI"})
ANTERIOR: Final = frozenset({"AMI", "ASMI"})
OTHER_SITES: Final = frozenset({"ALMI", "LMI", "PMI", "INJAS", "INJAL", "INJIN", "INJIL", "INJLA"})
SITES: Final = (
    ("inferior (IMI, ILMI, IPMI, IPLMI)", INFERIOR, ("II", "III", "aVF")),
    ("anterior and anteroseptal (AMI, ASMI)", ANTERIOR, ("V1", "V2", "V3", "V4")),
)


@dataclass(frozen=True)
class Case:
    """One ECG with what is explained of it: the finding furthest above its threshold."""

    window: CanonicalEcg
    asked: Asked

    @property
    def tensors(self) -> tuple[Tensor, Tensor]:
        """Signal and mask."""
        return torch.tensor(self.window.signal), torch.tensor(self.window.mask)


@dataclass(frozen=True)
class Agreement:
    """How far maps of random networks are those of the trained one: over `pairs` of an ECG and a seed.

    `still` is the share of pairs in which the random network's map was the same everywhere, and so has no rank.
    """

    method: str
    absolute: float
    signed: float
    highest_seed: float
    still: float
    pairs: int


@dataclass(frozen=True)
class Deletion:
    """What it costs, in log-odds, to remove what is marked: mean and median over the ECGs.

    `passes` is the share of the maps that pass the check of a report, None for masks that are no maps.
    """

    marked_by: str
    mean: float
    median: float
    passes: float | None
    n: int


@dataclass(frozen=True)
class TopLead:
    """In how many infarctions of one site the lead that matters most for MI is one of `leads`."""

    site: str
    leads: tuple[str, ...]
    among: str
    hits: int
    n: int
    counts: tuple[int, ...]


def cases(classifier: NetworkClassifier, corpus: Corpus, fold: int, count: int) -> tuple[Case, ...]:
    """Return ECGs of a fold at random, always the same, of which the model asserts a finding; `count` at most."""
    entries = recordings(corpus, fold)
    order = np.random.default_rng(0).permutation(len(entries))
    found: list[Case] = []
    with tqdm(total=count, desc="asserted", unit="ECG", mininterval=1) as bar:
        for index in order:
            window = corpus.window(entries[index])
            if asked := foremost(classifier, window):
                found.append(Case(window, asked))
                bar.update()
            if len(found) == count:
                break
    return tuple(found)


def foremost(classifier: NetworkClassifier, window: CanonicalEcg) -> Asked | None:
    """Return the finding that is furthest above its threshold, None where none is asserted."""
    (probabilities,) = classifier.probabilities(classifier.logits([window]))
    every = [
        (of_probability(float(probability)) - of_probability(each.threshold), output)
        for output, (each, probability) in enumerate(zip(classifier.card.findings, probabilities, strict=True))
        if each.finding.asserted and probability >= each.threshold
    ]
    if not every:
        return None
    _, output = max(every)
    chosen = classifier.card.findings[output]
    return Asked(chosen.finding, output, of_probability(chosen.threshold))


def randomisation(scorers: Sequence[Scorer], chosen: Sequence[Case]) -> list[Agreement]:
    """Compare the maps of a trained model with those of SEEDS random ones, ECG by ECG, by Spearman's correlation.

    Lead ablation gives twelve values for an ECG, in which two unrelated rankings agree by 0.24 on average: its values
    are also compared over all ECGs at once, for each seed.
    """
    windows = [each.window for each in chosen[:NORMED_BY]]
    drawn = [randomised(scorers, windows, seed) for seed in range(SEEDS)]
    rho: dict[str, list[list[float]]] = {}
    lost: list[list[NDArray[np.floating]]] = []
    for case in tqdm(chosen, desc="randomise", unit="ECG", mininterval=1):
        for method, row in correlations(scorers, drawn, case).items():
            rho.setdefault(method, []).append(row)
        lost.append([_lost_by_lead(each, case) for each in (scorers, *drawn)])
    rho[f"{removal.ABLATION}, ECG by ECG"] = [[checks.spearman(row[0], other) for other in row[1:]] for row in lost]
    trained_lost, *random_lost = np.stack(lost, axis=1)
    at_once = [checks.spearman(trained_lost.ravel(), each.ravel()) for each in random_lost]
    rho[f"{removal.ABLATION}, all ECGs at once"] = [at_once]
    return [_agreement(method, np.array(rows)) for method, rows in rho.items()]


def correlations(
    scorers: Sequence[Scorer], drawn: Sequence[Sequence[Scorer]], case: Case, *, thorough: bool = True
) -> dict[str, list[float]]:
    """Return Spearman's correlations of a model's maps with those of others, by method; NaN where there is no rank."""
    trained, *random = [_made(each, case, thorough=thorough) for each in (scorers, *drawn)]
    rows = zip(trained, *random, strict=True)
    return {made.method: [_rho(made.relevance, other.relevance) for other in others] for made, *others in rows}


def _made(scorers: Sequence[Scorer], case: Case, *, thorough: bool = True) -> list[Made]:
    return every_map(scorers, [case.asked], *case.tensors, thorough=thorough)


def _rho(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    return checks.spearman(one[..., ::EACH], other[..., ::EACH]) if np.ptp(other) else np.nan


def _agreement(method: str, rho: NDArray[np.float64]) -> Agreement:
    """Sum up (ECGs, seeds)."""
    by_seed = np.nanmean(np.abs(rho), axis=0)
    return Agreement(
        method,
        float(np.nanmean(np.abs(rho))),
        float(np.nanmean(rho)),
        float(by_seed.max()),
        float(np.isnan(rho).mean()),
        rho.size,
    )


def _lost_by_lead(scorers: Sequence[Scorer], case: Case) -> NDArray[np.floating]:
    signal, mask = case.tensors
    scores = log_odds(scorers, signal, torch.cat([mask[None], removal.each_lead(mask)]))[:, case.asked.output]
    return np.asarray((scores[0] - scores[1:]).numpy())


def deletion(scorers: Sequence[Scorer], chosen: Sequence[Case]) -> list[Deletion]:
    """Remove a tenth of each ECG: what each map points at, and for comparison at random, the QRS, what is high."""
    costs: dict[str, list[float]] = {}
    passed: dict[str, list[bool]] = {}
    for case in tqdm(chosen, desc="delete", unit="ECG", mininterval=1):
        signal, mask = case.tensors
        every = _made(scorers, case)
        names, marks = zip(*_marks(every, signal, mask), strict=True)
        scores = log_odds(scorers, signal, torch.cat([mask[None], mask & ~torch.stack(marks)]))[:, case.asked.output]
        lost = dict(zip(names, (scores[0] - scores[1:]).tolist(), strict=True))
        for kind in dict.fromkeys(name.split("#")[0] for name in lost):
            turns = [cost for name, cost in lost.items() if name.split("#")[0] == kind]
            costs.setdefault(kind, []).append(float(np.mean(turns)))
        for made in every:
            kind = RANDOM_STRIPS if len(made.relevance) == 1 else RANDOM_PIECES
            least = max(0.0, *(cost for name, cost in lost.items() if name.startswith(kind)))
            passed.setdefault(made.method, []).append(lost[made.method] > least)
    return [
        Deletion(name, float(np.mean(each)), float(np.median(each)), _share(passed.get(name)), len(chosen))
        for name, each in costs.items()
    ]


RANDOM_STRIPS: Final = "random strips of 0.1 s, all leads"
RANDOM_PIECES: Final = "random pieces of 0.1 s of single leads"


def _marks(every: Sequence[Made], signal: Tensor, mask: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield masks of a tenth of the ECG, bool (12, 5000), by name; what follows '#' tells those of one name apart."""
    whole, generator = mask.shape, torch.Generator().manual_seed(1)
    for made in every:
        marked = removal.top(torch.tensor(made.relevance)).expand(whole)
        yield made.method, marked
        for turn in range(removal.RANDOM):
            by = int(torch.randint(1, SAMPLES, (1,), generator=generator))
            yield f"the same mask moved in time: {made.method}#{turn}", marked.roll(by, -1)
    for name, rows in ((RANDOM_STRIPS, 1), (RANDOM_PIECES, len(LEADS))):
        for turn, random in enumerate(removal.random_masks(rows, removal.RANDOM)):
            yield f"{name}#{turn}", random.expand(whole)
    centred = maps.centred(signal, mask)
    yield "QRS: where the leads are steepest, all leads", removal.top(_steepness(centred)).expand(whole)
    yield "the highest and deepest samples, lead by lead", removal.top(centred.abs())
    yield (
        "the highest and deepest moments, all leads",
        removal.top(centred.abs().sum(dim=0, keepdim=True)).expand(whole),
    )


def _steepness(signal: Tensor) -> Tensor:
    """Return how steep all leads are together, (1, 5000), averaged over SPEED."""
    size = round(SPEED * SAMPLES / 10) // 2 * 2 + 1
    slope = functional.pad(signal.diff(dim=-1).abs().sum(dim=0, keepdim=True), (0, 1))
    return functional.avg_pool1d(slope, size, 1, size // 2)


def _share(passed: Sequence[bool] | None) -> float | None:
    return None if passed is None else float(np.mean(passed))


def thorough(scorers: Sequence[Scorer], chosen: Sequence[Case]) -> dict[tuple[str, str], list[float]]:
    """Return what each check measured on each map, less what it had to exceed: (method, check) to a value per ECG."""
    found: dict[tuple[str, str], list[float]] = {}
    for case in tqdm(chosen, desc="thorough", unit="ECG", mininterval=1):
        for each in explained(scorers, [case.asked], case.window, 0, thorough=True):
            for check in each.checks:
                found.setdefault((each.method, check.name), []).append(check.value - check.least)
    return found


def top_leads(classifier: NetworkClassifier, corpus: Corpus, fold: int) -> list[TopLead]:
    """Return, for inferior and for anterior infarctions, how often the lead that matters most lies over that site."""
    output = [each.code for each in classifier.card.findings].index("MI")
    asked = Asked(classifier.card.findings[output].finding, output, 0.0)
    rows: list[TopLead] = []
    for site, codes, leads in SITES:
        others = (INFERIOR | ANTERIOR | OTHER_SITES) - codes
        entries = [each for each in recordings(corpus, fold) if _only(each, codes, others)]
        reached, lost = [], []
        for entry in tqdm(entries, desc=site.split(" ")[0], unit="ECG", mininterval=1):
            window = corpus.window(entry)
            probability = classifier.probabilities(classifier.logits([window]))[0, output]
            reached.append(probability >= classifier.card.findings[output].threshold)
            lost.append(_lost_by_lead(classifier.scorers(), Case(window, asked)))
        first, asserted = np.array(lost).argmax(axis=1), np.array(reached)
        for among, chosen in (("all", first), ("MI asserted", first[asserted])):
            counts = np.bincount(chosen, minlength=len(LEADS))
            hits = int(sum(counts[LEADS.index(lead)] for lead in leads))
            rows.append(TopLead(site, leads, among, hits, len(chosen), tuple(counts.tolist())))
    return rows


def _only(entry: Entry, codes: frozenset[str], others: frozenset[str]) -> bool:
    stated = set(ast.literal_eval(entry.scp_codes))
    return bool(stated & codes) and not stated & others
