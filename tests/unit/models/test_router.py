"""The router: the first model whose card covers the recording, and always the reason why."""

from dataclasses import replace
from pathlib import Path

import pytest

from ecg.canonical import canonicalise
from ecg.errors import ModelRefused
from ecg.leads import LEADS
from ecg.quality import assess
from ecg.reading import Prediction
from ecg.recording import Patient, Recording, Waveform
from models.network import NetworkClassifier, load
from models.router import CardRouter, canned_ecg
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
