"""A waveform in hand is valid; a patient shows in no repr; a time without a zone gets one only when asked."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from ecg.errors import MalformedPayload, UnknownFormat
from ecg.payload import Declared, Payload
from ecg.recording import Order, PageEvidence, Patient, Provenance, Recording, Waveform

SIGNAL = np.zeros((2, 1250), np.float32)


def recording(**fields: object) -> Recording:
    return Recording(Waveform(SIGNAL, ("I", "II"), 500), Provenance("test"), **fields)  # type: ignore[arg-type]


def with_value(value: float) -> np.ndarray:
    signal = SIGNAL.copy()
    signal[0, 0] = value
    return signal


@pytest.mark.parametrize(
    ("signal", "leads", "fs", "why"),
    [
        (SIGNAL, ("I",), 500, "does not fit"),
        (SIGNAL[0], ("I",), 500, "does not fit"),
        (SIGNAL[:0], (), 500, "does not fit"),
        (SIGNAL, ("I", "I"), 500, "twice"),
        (SIGNAL, ("I", "II"), 49, "outside"),
        (SIGNAL, ("I", "II"), 2001, "outside"),
        (SIGNAL, ("I", "II"), float("nan"), "outside"),
        (SIGNAL[:, :499], ("I", "II"), 500, "fewer"),
        (with_value(np.inf), ("I", "II"), 500, "infinite"),
        (SIGNAL * np.nan, ("I", "II"), 500, "no measured"),
        (with_value(401), ("I", "II"), 500, "gain or unit"),
    ],
)
def test_an_invalid_waveform_does_not_exist(signal: np.ndarray, leads: tuple[str, ...], fs: float, why: str) -> None:
    with pytest.raises(MalformedPayload, match=why):
        Waveform(signal, leads, fs)


def test_a_waveform_is_float32_and_read_only() -> None:
    waveform = Waveform(SIGNAL.astype(np.float64), ("I", "II"), 500)
    assert waveform.signal.dtype == np.float32 and waveform.seconds == 2.5
    with pytest.raises(ValueError, match="read-only"):
        waveform.signal[0, 0] = 1


@pytest.mark.parametrize(("when", "age"), [(datetime(2024, 2, 28), 23), (datetime(2024, 2, 29), 24)])
def test_age_counts_completed_years(when: datetime, age: float) -> None:
    assert Patient(birth_date=date(2000, 2, 29), age=99).age_at(when) == age


def test_age_falls_back_on_what_was_stated() -> None:
    assert recording(patient=Patient(age=0.5), acquired_at=datetime(2024, 1, 1)).age == 0.5
    assert recording(patient=Patient(birth_date=date(2000, 1, 1))).age is None


def test_a_zone_is_given_only_to_a_time_that_has_none() -> None:
    at = datetime(2024, 1, 1, 12)
    assert recording(acquired_at=at).in_zone(UTC).acquired_at == at.replace(tzinfo=UTC)
    assert recording(acquired_at=at.astimezone()).in_zone(UTC).acquired_at == at.astimezone()
    assert recording().in_zone(UTC).acquired_at is None


def test_no_repr_names_patient_order_time_or_statement() -> None:
    patient = Patient("secret", "secret", "secret", date(1961, 2, 3), "F", 63)
    order = Order(*["secret"] * 6)
    whole = recording(patient=patient, order=order, acquired_at=datetime(1961, 2, 3), statements=("secret",))
    payload = Payload(b"secret", declared=Declared(patient=patient, order=order))
    assert "secret" not in f"{whole!r} {payload!r} {payload!s}" and "1961" not in repr(whole)


def test_a_payload_without_bytes_does_not_exist() -> None:
    with pytest.raises(UnknownFormat, match="0 bytes"):
        Payload(b"")


def test_a_page_shows_in_no_repr() -> None:
    page = PageEvidence(b"\x89PNG of a name", 0.02, 0.9, 0.8, (("I", 0.9),), "3x4+1", "25 mm/s (print)")
    assert "PNG" not in repr(Provenance("page", digitised=True, page=page))
