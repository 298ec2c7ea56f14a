"""What a report explains: checks that can fail, lead ablation as it is counted by hand, the leads that flip a read."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from ecg.canonical import SAMPLES, CanonicalEcg
from ecg.findings import MI, STTC
from ecg.leads import LEADS
from ecg.reading import Explanation
from models.explain import checks, maps, removal
from models.explain.reported import Asked, explained
from models.explain.scorer import Scorer, log_odds

ONE, NONE = torch.tensor(1.0), torch.tensor(0.0)
BEATS = np.arange(SAMPLES) % 400 < 40  # 80 ms of each 0.8 s
METHODS = [maps.GRAD_CAM, maps.SALIENCY, maps.GRADIENT_TIMES_INPUT, removal.ABLATION]


class Weighed:
    """A network of which everything is known: two logits, each lead's height in its beats times the lead's weights."""

    def __init__(self, *weights: list[float]) -> None:
        self.weights = torch.tensor(weights)  # (outputs, 12)

    def features(self, x: Tensor) -> Tensor:
        return 1.0 * x

    def head(self, features: Tensor) -> Tensor:
        return features[..., torch.tensor(BEATS)].mean(dim=-1) @ self.weights.T


def scorer(*weights: list[float], share: float = 1.0) -> Scorer:
    return Scorer(lambda x, mask: x * mask, Weighed(*weights), ONE, NONE, share)


def window(known: np.ndarray | None = None) -> CanonicalEcg:
    """Return beats of 1 mV in every lead, about a mean of zero."""
    signal = np.tile(np.where(BEATS, 1.0, -1 / 9), (12, 1)).astype(np.float32)
    mask = np.ones_like(signal, dtype=bool) if known is None else known
    return CanonicalEcg(signal * mask, mask)


def leads(**weights: float) -> list[float]:
    return [weights.get(lead, 0.0) for lead in LEADS]


def of(found: tuple[Explanation, ...], method: str) -> Explanation:
    (only,) = (each for each in found if each.method == method)
    return only


def test_lead_ablation_is_what_the_hand_finds() -> None:
    found = explained([scorer(leads(II=3.0, V2=1.5, V5=-0.75))], [Asked(MI, 0, 9.0)], window(), 0)
    ablation = of(found, removal.ABLATION)
    assert ablation.peak == pytest.approx(3.0) and ablation.unit == "log-odds" and ablation.top_lead == "II"
    assert ablation.relevance.tolist() == pytest.approx(leads(II=1.0, V2=0.5, V5=-0.25))


@pytest.mark.parametrize(
    "threshold, flips",
    [
        (2.9, ("II",)),  # 4.5 without II is 1.5
        (1.4, ("II", "V2")),  # 0 without both: neither alone suffices
        (-0.5, ()),  # no removal takes 4.5 below
        (4.6, ()),  # it is below anyway
    ],
)
def test_the_fewest_leads_that_flip_the_read_are_found(threshold: float, flips: tuple[str, ...]) -> None:
    found = explained([scorer(leads(II=3.0, V2=1.5))], [Asked(MI, 0, threshold)], window(), 0)
    assert of(found, removal.ABLATION).flips == flips


def test_findings_come_in_their_order_each_by_every_method() -> None:
    network = scorer(leads(II=3.0), leads(V2=2.0))
    found = explained([network], [Asked(STTC, 1, 0.0), Asked(MI, 0, 0.0)], window(), 2)
    assert [(each.finding.code, each.method) for each in found] == [
        (code, method) for code in ("STTC", "MI") for method in METHODS
    ]
    assert {each.window for each in found} == {2}
    assert [each.top_lead for each in found if each.method == removal.ABLATION] == ["V2", "II"]


def test_an_ensemble_is_the_weighted_mean_of_its_networks() -> None:
    several = [scorer(leads(II=3.0), share=0.25), scorer(leads(V2=4.0), share=0.75)]
    together, asked = scorer(leads(II=0.75, V2=3.0)), [Asked(MI, 0, 0.0)]
    pairs = zip(explained(several, asked, window(), 0), explained([together], asked, window(), 0), strict=True)
    for one, other in pairs:
        if one.method != maps.GRAD_CAM:  # the mean of two maps, not the map of the mean
            assert one.peak == pytest.approx(other.peak, rel=1e-4)
            np.testing.assert_allclose(one.relevance, other.relevance, atol=1e-4)


def test_what_the_score_stands_on_passes_and_is_shown() -> None:
    shown = of(explained([scorer(leads(II=3.0))], [Asked(MI, 0, 0.0)], window(), 0), maps.GRADIENT_TIMES_INPUT)
    (check,) = shown.checks
    # II's beats are a tenth of II, so a tenth of all holds them whole: all of the score goes.
    assert check.name == "deletion" and check.value == pytest.approx(3.0, abs=0.01) and check.least < 2
    assert not shown.withheld and shown.top_lead == "II" and shown.relevance.max() == 1
    assert not shown.relevance[[0, *range(2, 12)]].any()


def test_a_map_that_points_elsewhere_is_withheld_and_holds_nothing() -> None:
    # What speaks against a finding is salient as well: taking it away raises the score.
    found = explained([scorer(leads(II=1.0, V1=-5.0))], [Asked(MI, 0, -9.0)], window(), 0)
    withheld = of(found, maps.SALIENCY)
    assert withheld.withheld and not withheld.runs_in_time and withheld.relevance.shape == (0, SAMPLES)
    assert withheld.checks[0].value < 0 and not withheld.knows_leads and withheld.top_lead is None
    assert not of(found, maps.GRADIENT_TIMES_INPUT).withheld


def test_what_is_unknown_has_no_relevance() -> None:
    known = np.ones((12, SAMPLES), dtype=bool)
    known[1], known[7, 3000:] = False, False
    found = explained([scorer(leads(II=3.0, V2=1.0, V3=1.0))], [Asked(MI, 0, 0.0)], window(known), 0)
    assert of(found, removal.ABLATION).relevance[1] == 0
    shown = of(found, maps.GRADIENT_TIMES_INPUT)
    assert shown.relevance[8].any() and not shown.relevance[~known].any()


def test_more_is_checked_where_it_is_asked_for() -> None:
    found = explained([scorer(leads(II=3.0))], [Asked(MI, 0, 0.0)], window(), 0, thorough=True)
    assert [each.method for each in found] == [*METHODS[:3], maps.INTEGRATED_GRADIENTS, removal.ABLATION]
    for each in found[:4]:
        assert [check.name for check in each.checks] == ["deletion", "insertion", "stability"]
    inserted, stable = of(found, maps.INTEGRATED_GRADIENTS).checks[1:]
    assert inserted.value == pytest.approx(3.0, abs=0.01) and stable.value > 0.9


def test_explaining_twice_gives_the_same() -> None:
    one, other = (explained([scorer(leads(II=3.0))], [Asked(MI, 0, 0.0)], window(), 0) for _ in range(2))
    assert [each.checks for each in one] == [each.checks for each in other]


@pytest.mark.parametrize("rows", [1, 12])
def test_random_masks_have_the_size_of_what_they_stand_beside(rows: int) -> None:
    masks = removal.random_masks(rows, 3)
    assert masks.shape == (3, rows, SAMPLES)
    assert masks.sum(dim=(1, 2)).tolist() == [round(removal.DELETED * rows * SAMPLES)] * 3
    edges = masks.int().diff(dim=-1).abs().sum()
    assert masks.sum() / edges * 2 > removal.STRIP * 0.9  # strips, not single samples
    assert not masks[0].equal(masks[1])


def test_a_mask_is_the_top_of_its_map_in_all_leads_where_the_map_knows_none() -> None:
    ramp = np.arange(SAMPLES, dtype=np.float32)[None] / SAMPLES
    marked = checks.marked([ramp, np.tile(ramp, (12, 1))], torch.ones(12, SAMPLES, dtype=torch.bool))
    assert marked.shape == (2 + 2 * removal.RANDOM, 12, SAMPLES)
    assert marked[0].all(dim=0).nonzero().min() == SAMPLES * 0.9 and marked[0, :, : SAMPLES - 500].sum() == 0
    assert len(set(marked.sum(dim=(1, 2)).tolist())) == 1


def test_where_one_lead_is_known_a_mask_is_a_tenth_of_that_lead() -> None:
    ramp = np.zeros((12, SAMPLES), dtype=np.float32)
    ramp[1] = np.arange(SAMPLES) / SAMPLES
    known = torch.zeros(12, SAMPLES, dtype=torch.bool)
    known[1] = True
    pointed, *random = checks.marked([ramp], known)
    assert pointed.sum() == SAMPLES // 10 and pointed[1].nonzero().min() == SAMPLES * 0.9
    assert [int((each & known).sum()) for each in random] == [SAMPLES // 10] * 2 * removal.RANDOM


def test_leads_that_both_maps_leave_empty_do_not_make_them_alike() -> None:
    one, other = (np.zeros((12, 50)) for _ in range(2))
    one[1], other[1] = np.arange(1, 51), np.arange(50, 0, -1)
    assert checks.spearman(one, other) == pytest.approx(-1.0)


def test_masked_log_odds_do_not_depend_on_the_batch() -> None:
    signal, masks = torch.tensor(window().signal), removal.random_masks(12, 14)
    networks = [scorer(leads(II=3.0, V1=-2.0))]
    alone = torch.cat([log_odds(networks, signal, each[None]) for each in masks])
    torch.testing.assert_close(log_odds(networks, signal, masks), alone)


def test_an_explanation_that_failed_cannot_hold_a_map() -> None:
    shown = of(explained([scorer(leads(II=3.0))], [Asked(MI, 0, 0.0)], window(), 0), maps.GRADIENT_TIMES_INPUT)
    with pytest.raises(ValueError, match="withheld"):
        replace(shown, checks=(replace(shown.checks[0], value=-1.0),))
