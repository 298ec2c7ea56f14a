"""An ECG is known by what it is and whose it is, not by its bytes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from ecg.recording import Device, Filters, Order, Patient, Provenance, Recording, Waveform
from ecg.report import content_id, identity, report_id

SIGNAL = np.random.default_rng(0).normal(size=(2, 1250)).astype(np.float32)
RECORDING = Recording(
    Waveform(SIGNAL, ("I", "II"), 500),
    Provenance("one reader"),
    Patient(id="1", issuer="A", name="N"),
    acquired_at=datetime(2024, 1, 1, 12, tzinfo=UTC),
)


def waveform(signal: np.ndarray = SIGNAL, leads: tuple[str, ...] = ("I", "II"), fs: float = 500) -> Waveform:
    return Waveform(signal.copy(), leads, fs)


def nudged() -> np.ndarray:
    signal = SIGNAL.copy()
    signal[1, 7] += 0.001
    return signal


@pytest.mark.parametrize(
    "other",
    [
        replace(RECORDING, patient=Patient(id="2", issuer="A")),
        replace(RECORDING, patient=Patient(id="1", issuer="B")),
        replace(RECORDING, acquired_at=datetime(2024, 1, 1, 12, 0, 1, tzinfo=UTC)),
        replace(RECORDING, acquired_at=None),
        replace(RECORDING, waveform=waveform(nudged())),
        replace(RECORDING, waveform=waveform(leads=("II", "I"))),
        replace(RECORDING, waveform=waveform(fs=499)),
    ],
)
def test_another_patient_time_or_sample_is_another_ecg(other: Recording) -> None:
    assert identity(other) != identity(RECORDING)


@pytest.mark.parametrize(
    "same",
    [
        replace(RECORDING, waveform=waveform()),
        replace(RECORDING, provenance=Provenance("another reader", instance_uid="1.2", notes=("note",))),
        replace(RECORDING, device=Device("maker"), filters=Filters(0.5), order=Order("A-1"), statements=("text",)),
        replace(RECORDING, patient=replace(RECORDING.patient, name="n", sex="F")),
        replace(RECORDING, acquired_at=datetime(2024, 1, 1, 13, tzinfo=timezone(timedelta(hours=1)))),
    ],
)
def test_the_same_ecg_by_another_way_is_the_same(same: Recording) -> None:
    assert identity(same) == identity(RECORDING)


def test_missing_samples_are_alike_whatever_bits_their_nan_has() -> None:
    signals = [SIGNAL.copy(), SIGNAL.copy()]
    signals[0][0, 0] = np.nan
    signals[1].view(np.uint32)[0, 0] = 0x7FC00001
    assert len({identity(replace(RECORDING, waveform=waveform(signal))) for signal in signals}) == 1


@pytest.mark.parametrize("patient", [Patient(), Patient(id="2"), Patient(id="1", issuer="B")])
def test_the_content_is_the_same_whoevers_it_is(patient: Patient) -> None:
    assert content_id(replace(RECORDING, patient=patient)) == content_id(RECORDING)


@pytest.mark.parametrize(
    "other", [replace(RECORDING, acquired_at=None), replace(RECORDING, waveform=waveform(nudged()))]
)
def test_another_time_or_sample_is_another_content(other: Recording) -> None:
    assert content_id(other) != content_id(RECORDING) != identity(RECORDING)


def test_ids_that_were_given_stay() -> None:
    assert str(identity(RECORDING)) == "c57ec732-a80d-5239-9126-542b9e2264cf"


def test_a_report_is_known_by_its_ecg_and_by_what_made_it() -> None:
    made = {"models": "m", "release": "1", "settings": "s"}
    others = [made | {key: "other"} for key in made]
    ids = {report_id(RECORDING, **each) for each in (made, made, *others)}
    assert len(ids) == 4 and identity(RECORDING) not in ids
