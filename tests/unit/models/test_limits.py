"""The limits of a card: each has its own code, triggers alone, and what it says is what it measured."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from ecg.canonical import canonicalise
from ecg.leads import LEADS
from ecg.quality import assess
from ecg.reading import Abstention
from ecg.recording import STANDARD, Filters, Patient, Provenance, Recording, Waveform
from models.card import Limits
from models.limits import first_broken_limit, usable_windows
from tests.golden.reports import waveform

WHOLE = Recording(waveform(), Provenance("test"), Patient(age=60.0))


def verdict(recording: Recording, **limits: Any) -> Abstention | None:
    return first_broken_limit(Limits(**limits), recording, assess(canonicalise(recording.waveform)))


def without(*leads: str) -> Recording:
    kept = [at for at, lead in enumerate(LEADS) if lead not in leads]
    return replace(WHOLE, waveform=Waveform(waveform().signal[kept], tuple(LEADS[at] for at in kept), 500))


def renamed(lead: str, name: str) -> Recording:
    leads = tuple(name if each == lead else each for each in LEADS)
    return replace(WHOLE, waveform=Waveform(waveform().signal, leads, 500))


def with_v4r() -> Recording:
    signal = waveform().signal
    return replace(WHOLE, waveform=Waveform(np.vstack([signal, signal[:1]]), (*LEADS, "V4R"), 500))


def changed(lead: str, part: slice, value: float) -> Recording:
    signal = waveform().signal.copy()
    signal[LEADS.index(lead), part] = value
    return replace(WHOLE, waveform=Waveform(signal, LEADS, 500))


BROKEN = {
    "age-below-limit": replace(WHOLE, patient=Patient(age=17.9)),
    "placement": replace(WHOLE, placement="electrode pad"),
    "placement-mason-likar": replace(WHOLE, placement="Mason-Likar"),
    "placement-easi": replace(WHOLE, placement="EASI"),
    "placement-frank": replace(WHOLE, placement="Frank"),
    "placement-right": renamed("V4", "V4R"),
    "placement-posterior": renamed("V6", "V7"),
    "too-long": replace(WHOLE, waveform=waveform(60.5)),
    "sampling-too-low": replace(WHOLE, waveform=waveform(10, 99.0)),
    "high-pass-too-high": replace(WHOLE, filters=Filters(high_pass=0.7)),
    "low-pass-too-low": replace(WHOLE, filters=Filters(low_pass=35.0)),
    "leads-missing": without("V1"),
    "lead-flat": changed("V3", slice(None), 0.2),
    "digitised": replace(WHOLE, provenance=Provenance("test", digitised=True)),
}
COVERED = {
    "as it is": WHOLE,
    "unknown age": replace(WHOLE, patient=Patient()),
    "standard placement": replace(WHOLE, placement=STANDARD),
    "just of age": replace(WHOLE, patient=Patient(age=18.0)),
    "just short enough": replace(WHOLE, waveform=waveform(60.0)),
    "just fast enough": replace(WHOLE, waveform=waveform(10, 100.0)),
    "filters at the limit": replace(WHOLE, filters=Filters(high_pass=0.67, low_pass=40.0)),
    "one limb lead missing": without("III"),
    "four limb leads missing": without("III", "aVR", "aVL", "aVF"),
    "V4R beside the twelve": with_v4r(),
    "a gap of 4 %": changed("V2", slice(0, 200), np.nan),
}


@pytest.mark.parametrize("code", BROKEN)
def test_each_limit_has_its_own_code_and_sentence(code: str) -> None:
    found = verdict(BROKEN[code])
    assert found is not None and found.code == code and found.reason.endswith(".")


@pytest.mark.parametrize("case", COVERED)
def test_what_the_card_covers_is_read(case: str) -> None:
    assert verdict(COVERED[case]) is None


@pytest.mark.parametrize(
    ("code", "wider"),
    [
        ("age-below-limit", {"least_age": 1}),
        ("too-long", {"longest": 120}),
        ("sampling-too-low", {"least_fs": 50}),
        ("high-pass-too-high", {"highest_high_pass": 1}),
        ("low-pass-too-low", {"lowest_low_pass": 30}),
        ("leads-missing", {"leads": tuple(lead for lead in LEADS if lead != "V1")}),
        ("lead-flat", {"leads": tuple(lead for lead in LEADS if lead != "V3")}),
        ("digitised", {"digitised": True}),
    ],
)
def test_each_limit_is_the_cards_own_and_breaks_no_other(code: str, wider: dict[str, Any]) -> None:
    assert verdict(BROKEN[code], **wider) is None


def test_a_model_of_pages_reads_pages_alone() -> None:
    pages: dict[str, Any] = {"digital": False, "digitised": True}
    found = verdict(WHOLE, **pages)
    assert found is not None and found.code == "digital"
    assert verdict(BROKEN["digitised"], **pages) is None


@pytest.mark.parametrize(("fewest", "code"), [(8, None), (11, None), (12, "leads-missing")])
def test_a_model_for_any_leads_asks_for_so_many(fewest: int, code: str | None) -> None:
    found = verdict(without("V3"), leads=(), fewest=fewest)
    assert (found and found.code) == code


@pytest.mark.parametrize("lead", LEADS[6:])
def test_no_chest_lead_may_be_missing(lead: str) -> None:
    found = verdict(without(lead))
    assert found is not None and found.code == "leads-missing" and f"not so: {lead}." in found.reason


def test_a_limb_that_cannot_be_derived_is_missing() -> None:
    found = verdict(without(*LEADS[1:6]))
    assert found is not None and found.code == "leads-missing" and "II, III, aVR, aVL, aVF" in found.reason


def test_a_lead_known_for_less_than_the_card_asks_is_missing() -> None:
    found = verdict(changed("V2", slice(0, 300), np.nan))
    assert found is not None and found.code == "leads-missing" and "V2" in found.reason


def test_age_is_taken_from_the_birth_date_at_the_time_of_the_recording() -> None:
    child = Patient(birth_date=date(2006, 6, 1))
    for year, code in ((2024, None), (2023, "age-below-limit")):
        found = verdict(replace(WHOLE, patient=child, acquired_at=datetime(year, 7, 1, tzinfo=UTC)))
        assert (found and found.code) == code


def test_one_usable_window_is_enough() -> None:
    signal = waveform(30).signal.copy()
    signal[7, :10_000] = 0.0  # V2 is off for the first 20 s
    recording = replace(WHOLE, waveform=Waveform(signal, LEADS, 500))
    assert verdict(recording) is None
    assert usable_windows(Limits(), assess(canonicalise(recording.waveform))) == [2]
