"""The router: the first model whose card covers the recording, and always the reason why."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ecg.canonical import CanonicalEcg, canonicalise
from ecg.errors import ModelRefused
from ecg.leads import LEADS
from ecg.quality import Quality, assess
from ecg.reading import Check, Declined, Prediction
from ecg.recording import Patient, Provenance, Recording, Waveform
from models.network import NetworkClassifier, load
from models.router import CardRouter, canned_ecg, preference
from tests.golden import networks
from tests.golden.reports import recording, waveform


def model(directory: Path, **changed: object) -> NetworkClassifier:
    directory.mkdir(exist_ok=True)
    return load(networks.write(directory, **changed))


def read(router: CardRouter, given: Recording) -> Prediction:
    windows = canonicalise(given.waveform)
    quality = assess(windows)
    arm = router.route(windows, given, quality)
    prediction = arm.predict(windows, quality)
    assert prediction.model or arm.explain(windows, prediction) == ()
    return prediction


def eleven() -> Recording:
    return replace(recording(), waveform=Waveform(waveform().signal[:11], LEADS[:11], 500))


def test_a_covered_recording_is_read_and_the_router_says_why(tmp_path: Path) -> None:
    found = read(CardRouter([("12-lead", model(tmp_path))]), recording())
    assert found.model is not None and found.abstention is None
    assert found.choice.why == "The 12-lead model was chosen: its card covers this recording."


def test_fewer_than_twelve_leads_are_never_scored_by_the_twelve_lead_model(tmp_path: Path) -> None:
    found = read(CardRouter([("12-lead", model(tmp_path))]), eleven())
    assert found.scores == () and found.model is None
    assert found.abstention is not None and found.abstention.code == "leads-missing" and "V6" in found.choice.why


def test_the_next_model_reads_what_the_first_one_declines(tmp_path: Path) -> None:
    narrow = model(tmp_path / "a")
    wide = model(tmp_path / "b", arm="11-lead", limits={"leads": list(LEADS[:11])})
    found = read(CardRouter([("12-lead", narrow), ("11-lead", wide)]), eleven())
    assert found.model == wide.name and "11-lead" in found.choice.why
    assert read(CardRouter([("12-lead", narrow), ("11-lead", wide)]), recording()).model == narrow.name


def test_where_no_model_reads_the_first_ones_reason_stands(tmp_path: Path) -> None:
    adults, elders = model(tmp_path / "a"), model(tmp_path / "b", limits={"least_age": 65, "longest": 5})
    found = read(CardRouter([("a", adults), ("b", elders)]), replace(recording(), patient=Patient(age=4.0)))
    assert found.abstention is not None and found.choice.why == found.abstention.reason
    assert found.abstention.code == "age-below-limit" and "18 years" in found.abstention.reason


def test_the_choice_names_every_model_there_was(tmp_path: Path) -> None:
    one, other = model(tmp_path / "a"), model(tmp_path / "b", version="0.0.2")
    routers = [[("x", one)], [("x", other)], [("x", one), ("y", other)], [("y", other), ("x", one)]]
    choices = [read(CardRouter(arms), recording()).choice.models for arms in routers]
    assert len(set(choices)) == 4
    assert read(CardRouter([("x", one)]), eleven()).choice.models == choices[0]


ARMS: dict[str, dict[str, object]] = {
    "12-lead": {},
    "12-lead-fast": {},
    "image": {"leads": [], "least_known": 0.2, "fewest": 8, "digital": False, "digitised": True},
    "lead-ii": {"leads": ["II"]},
    "subset": {"leads": []},
}


@pytest.fixture(scope="module")
def all_arms(tmp_path_factory: pytest.TempPathFactory) -> CardRouter:
    """Return a router of tiny models in all arms, shuffled before they were put into their order."""
    made = [model(tmp_path_factory.mktemp(name), arm=name, limits=limits) for name, limits in ARMS.items()]
    made = sorted(reversed(made), key=lambda each: preference(each.card))
    return CardRouter([(each.card.arm, each) for each in made])


def of(*leads: str) -> Recording:
    rows = [LEADS.index(lead) for lead in leads]
    return replace(recording(), waveform=Waveform(waveform().signal[rows], leads, 500))


def flat(*leads: str) -> Recording:
    signal = waveform().signal.copy()
    signal[[LEADS.index(lead) for lead in leads]] = 0.0
    return replace(recording(), waveform=Waveform(signal, LEADS, 500))


OFFERED: dict[str, Recording] = {
    "twelve leads, digital": recording(),
    "lead II alone, digital": of("II"),
    "a page with twelve leads": replace(recording(), provenance=Provenance("page", digitised=True)),
    "I, II and V1 to V6, digital": of("I", "II", *LEADS[6:]),
    "lead I alone, digital": of("I"),
    "the six limb leads": of("I", "II"),
    "one chest electrode off": flat("V3"),
    "two chest electrodes off": flat("V3", "V4"),
    "three leads off": flat("V2", "V3", "V4"),
}


def rows() -> list[tuple[str, str]]:
    page = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")
    return re.findall(r"^\| ([^|`]+?) \| `([\w-]+)` \|", page, re.MULTILINE)


@pytest.mark.parametrize(("offered", "expected"), rows())
def test_the_documented_routes_are_those_that_are_taken(offered: str, expected: str, all_arms: CardRouter) -> None:
    given = OFFERED[offered]
    windows = canonicalise(given.waveform)
    choice = all_arms.route(windows, given, assess(windows, given.waveform)).predict(windows, assess(windows)).choice
    assert (choice.arm or choice.declined[0].code) == expected
    others = {each.arm for each in choice.declined}
    assert choice.arm not in others


def test_every_case_is_documented() -> None:
    assert {offered for offered, _ in rows()} == set(OFFERED)


@dataclass(frozen=True)
class Measured:
    """A guard that measures the same in every recording."""

    value: float | None
    digest: str = "c" * 64

    def check(self, windows: Sequence[CanonicalEcg], quality: Quality) -> Check | None:
        return None if self.value is None else Check("limb-reversal", self.value, 2.0, "Electrodes seem to be swapped.")


def test_a_guard_stops_what_the_cards_cover_and_says_what_it_measured(tmp_path: Path) -> None:
    arm = ("12-lead", model(tmp_path))
    stopped = read(CardRouter([arm], [Measured(2.5)]), recording())
    assert stopped.abstention is not None and stopped.abstention.code == "limb-reversal"
    assert stopped.choice.arm is None and stopped.choice.declined == (Declined("12-lead", "limb-reversal"),)
    assert [(each.value, each.limit) for each in stopped.choice.checks] == [(2.5, 2.0)]
    passed = read(CardRouter([arm], [Measured(2.0), Measured(None)]), recording())
    assert passed.model is not None and passed.choice.arm == "12-lead" and len(passed.choice.checks) == 1


def test_a_guard_is_among_what_a_reading_was_made_with(tmp_path: Path) -> None:
    arm = ("12-lead", model(tmp_path))
    digests = {CardRouter([arm], guards).digest for guards in ([], [Measured(0)], [Measured(0, "d" * 64)])}
    assert len(digests) == 3


def test_no_guard_is_asked_where_no_card_covers_the_recording(tmp_path: Path) -> None:
    found = read(CardRouter([("12-lead", model(tmp_path))], [Measured(9.0)]), eleven())
    assert found.abstention is not None and found.abstention.code == "leads-missing" and found.choice.checks == ()


def test_a_router_without_models_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="at least one"):
        CardRouter([])


def test_a_router_is_warm_once_every_model_has_scored_the_canned_ecg(tmp_path: Path) -> None:
    CardRouter([("12-lead", model(tmp_path))]).warm()
    again = canned_ecg()
    assert (again.signal == canned_ecg().signal).all() and again.mask.all()
    assert assess([again]).windows[0].flat == ()


def test_a_model_that_gives_no_probabilities_is_refused_before_anyone_is_read(tmp_path: Path) -> None:
    broken = model(tmp_path)
    (member,) = broken.ensemble.members
    member.network.load_state_dict({name: value * 0 / 0 for name, value in member.network.state_dict().items()})
    with pytest.raises(ModelRefused, match="12-lead"):
        CardRouter([("12-lead", broken)]).warm()
