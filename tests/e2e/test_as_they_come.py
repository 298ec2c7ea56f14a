"""Recordings of every length, rate and number of leads end in a report, scored where a model's card covers them."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ecg.leads import LEADS
from ecg.recording import Provenance, Recording, Waveform
from ecg.report import Report
from models.router import CardRouter
from service.pipeline import interpret
from tests.golden import reports

ISSUED = datetime(2026, 1, 31, 12, tzinfo=UTC)
OTHERS = ("V3R", "V4R", "V7", "V8", "V9", "ES", "AS", "AI")


@pytest.fixture(scope="module", name="router")
def without_guards(router: CardRouter) -> CardRouter:
    """Return the shipped models without the guards, which stop these synthetic ECGs, and rightly."""
    return CardRouter(router.arms)


def report_of(router: CardRouter, seconds: float = 10.0, fs: float = 500.0, leads: tuple[str, ...] = LEADS) -> Report:
    made = reports.waveform(seconds, fs).signal
    rows = [made[LEADS.index(lead)] if lead in LEADS else made[0] * 3 for lead in leads]
    recording = Recording(Waveform(np.stack(rows), leads, fs), Provenance("synthetic"))
    return interpret(recording, router=router, issued=ISSUED)


def codes(report: Report) -> str | None:
    abstention = report.reading.prediction.abstention
    return abstention.code if abstention else None


@pytest.mark.parametrize("fs", [50, 100, 128, 250, 257, 360, 500, 977, 1000, 2000])
def test_every_sampling_frequency_is_read_and_scored_from_100_hz_on(fs: float, router: CardRouter) -> None:
    report = report_of(router, fs=fs)
    assert codes(report) == ("sampling-too-low" if fs < 100 else None)
    assert report.pdf.startswith(b"%PDF") and len(report.reading.windows) == 1


@pytest.mark.parametrize(
    "seconds, windows, code",
    [(2.5, 1, "too-short"), (9.0, 1, "too-short"), (9.6, 1, None), (10, 1, None), (12, 2, None), (35, 4, None),
     (60, 6, None), (61, 7, "too-long"), (600, 60, "too-long")],
)  # fmt: skip
def test_every_length_is_read_and_scored_where_10_s_are_known(
    seconds: float, windows: int, code: str | None, router: CardRouter
) -> None:
    report = report_of(router, seconds)
    assert (codes(report), len(report.reading.windows)) == (code, windows)
    if windows > 1 and code is None:
        start = report.reading.shown.start
        assert any(f"{start:g} s" in each.text for each in report.sentences), "the report says which window it shows"


@pytest.mark.parametrize("number", range(1, 13))
def test_every_number_of_leads_is_read_by_the_arm_that_was_made_for_it(number: int, router: CardRouter) -> None:
    chest_first = (*LEADS[6:], *LEADS[:6])
    choice = report_of(router, leads=chest_first[:number]).reading.prediction.choice
    # Two limb leads give the other four.
    assert choice.arm == ("12-lead" if number >= 8 else "subset")


def test_other_leads_beside_the_twelve_change_nothing_and_never_stand_for_them(router: CardRouter) -> None:
    whole, more = report_of(router), report_of(router, leads=(*LEADS, *OTHERS[:3]))
    assert [each.probability for each in more.reading.prediction.scores] == [
        each.probability for each in whole.reading.prediction.scores
    ]
    instead = report_of(router, leads=(*LEADS[:6], *OTHERS[:6]))
    assert codes(instead) == "placement-right" and not instead.reading.shown.mask[6:].any()
