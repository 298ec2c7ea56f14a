"""Explanations are measured truly: maps are made by what was learned, on LUDB's ECGs, and tables say what was found."""

from pathlib import Path

import numpy as np
import pytest
import torch
import wfdb

from ecg.canonical import CanonicalEcg, canonicalise
from ecg.findings import MI
from ecg.leads import LEADS, lead_name
from ecg.recording import Waveform
from models.card import WEIGHTS
from models.explain import maps, removal
from models.explain.reported import Asked
from models.explain.scorer import Scorer
from models.network import NetworkClassifier, load
from models.prepare import Preparation, Prepare
from tests.golden import networks
from tests.golden.reports import waveform
from training import explanation_tables
from training.explaining import Case, TopLead, correlations, deletion, foremost, randomisation
from training.randomised import randomised

LUDB = next((each for root in Path(__file__).parents if (each := root / "shared/samples/ludb").is_dir()), None)
CARDS = sorted(WEIGHTS.glob("*.json"))


def tiny() -> tuple[Scorer, ...]:
    return (Scorer(Prepare(Preparation()), networks.network(), torch.tensor(1.0), torch.tensor(0.0)),)


def case(seconds: float = 10.0) -> Case:
    return Case(canonicalise(waveform(seconds))[0], Asked(MI, 1, 0.0))


def ludb(record: int) -> CanonicalEcg:
    read = wfdb.rdrecord(str(LUDB / str(record)))
    leads = tuple(lead_name(each) or each for each in read.sig_name)
    return canonicalise(Waveform(read.p_signal.T.astype(np.float32), leads, float(read.fs)))[0]


@pytest.mark.skipif(LUDB is None, reason="LUDB is not there: shared/samples/ludb beside the project")
@pytest.mark.parametrize("card", CARDS, ids=lambda each: each.stem)
def test_the_maps_of_every_shipped_model_depend_on_what_it_learned(card: Path) -> None:
    classifier: NetworkClassifier = load(card)
    windows = [ludb(record) for record in range(1, 21)]
    found = [Case(each, asked) for each in windows if (asked := foremost(classifier, each))][:8]
    assert len(found) >= 5
    drawn = [randomised(classifier.scorers(), windows, seed) for seed in range(2)]
    rows = [correlations(classifier.scorers(), drawn, each, thorough=False) for each in found]
    for method in (maps.GRAD_CAM, maps.SALIENCY, maps.GRADIENT_TIMES_INPUT):
        assert np.nanmean(np.abs([row[method] for row in rows])) < 0.25, (
            method
        )  # 0.2 over 100 ECGs: docs/explanations.md


def test_random_networks_differ_from_the_trained_one_and_from_each_other_and_not_from_themselves() -> None:
    windows, signal = [case().window], torch.tensor(case().window.signal)[None]
    known = torch.ones_like(signal, dtype=torch.bool)
    scores = [
        net.log_odds(signal, known) for net in (*tiny(), *(randomised(tiny(), windows, seed)[0] for seed in (0, 1, 1)))
    ]
    assert not torch.allclose(scores[0], scores[1]) and not torch.allclose(scores[1], scores[2])
    torch.testing.assert_close(scores[2], scores[3])


def test_a_draw_leaves_the_trained_network_and_the_generator_as_they_were() -> None:
    trained, before = tiny(), torch.random.get_rng_state()
    weights = [each.clone() for each in trained[0].network.parameters()]  # type: ignore[attr-defined]
    randomised(trained, [case().window], 3)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(map(torch.equal, weights, trained[0].network.parameters()))  # type: ignore[attr-defined]


def test_a_model_agrees_with_itself_entirely() -> None:
    assert correlations(tiny(), [tiny()], case(), thorough=False)[maps.SALIENCY] == [pytest.approx(1.0)]


def test_every_method_is_measured_in_both_tables() -> None:
    scorers = tiny()
    agreements = {each.method: each for each in randomisation(scorers, [case()])}
    methods = {maps.GRAD_CAM, maps.SALIENCY, maps.GRADIENT_TIMES_INPUT, maps.INTEGRATED_GRADIENTS}
    assert methods < set(agreements) and sum(removal.ABLATION in each for each in agreements) == 2
    assert agreements[maps.SALIENCY].pairs == 5 and 0 <= agreements[maps.SALIENCY].absolute <= 1
    costs = {each.marked_by: each for each in deletion(scorers, [case()])}
    assert methods == {name for name, each in costs.items() if each.passes is not None}
    assert {"QRS", "ran", "the"} <= {name[:3] for name in costs}


def test_tables_take_the_place_of_those_before_and_leave_the_words(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Words.\n\n{explanation_tables.BELOW}\n\nold\n")
    explanation_tables.write(["new\n", "newer\n"], page)
    assert page.read_text() == f"Words.\n\n{explanation_tables.BELOW}\n\nnew\n\nnewer\n"
    page.write_text("Words.\n")
    with pytest.raises(ValueError, match="where the tables go"):
        explanation_tables.write(["new"], page)


def test_a_row_of_top_leads_gives_share_and_chance() -> None:
    row = TopLead("inferior", ("II", "III", "aVF"), "all", 3, 6, tuple(int(lead in LEADS[:6]) for lead in LEADS))
    *_, line, _ = explanation_tables._top_leads([row])
    assert line.startswith("| inferior | all | 6 | II, III, aVF | 50% | 25% | 1 |")
