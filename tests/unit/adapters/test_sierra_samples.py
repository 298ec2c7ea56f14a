"""Philips Sierra XML: leads in millivolt, limb leads rebuilt, the calibration pulse left out."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from adapters.readers import read
from adapters.sierra.xli import decoded
from ecg.errors import MalformedPayload, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Recording
from tests.golden.other_files import counts, lzw, sierra

FOLDER = Path(__file__).parents[4] / "shared" / "samples" / "sierra"
OLD, NEW = FOLDER / "129DYPRG.XML", FOLDER / "3191723_ZZDEMOPTONLY_1-04_orig.xml"
MILLIVOLT = counts() * 0.005

needs_samples = pytest.mark.skipif(not (OLD.is_file() and NEW.is_file()), reason="no ../shared/samples/sierra")


def read_one(data: bytes, declared: Declared | None = None) -> Recording:
    (recording,) = read(Payload(data, declared=declared or Declared()))
    return recording


def holds_the_heart(recording: Recording) -> bool:
    return recording.waveform.leads == LEADS and bool(np.allclose(recording.waveform.signal, MILLIVOLT, atol=1e-6))


def identities(signal: np.ndarray) -> float:
    """Return how far the limb leads are from Einthoven's and Goldberger's laws, in mV."""
    one, two, three, right, left, foot = signal[:6]
    away = (two - one - three, right + (one + two) / 2, left - (one - three) / 2, foot - (two + three) / 2)
    return float(max(np.abs(each).max() for each in away))


@needs_samples
@pytest.mark.parametrize(("path", "samples"), [(OLD, 5264), (NEW, 5300)], ids=["1.03", "1.04 in UTF-16"])
def test_philips_samples_are_read_without_their_calibration_pulse(path: Path, samples: int) -> None:
    recording = read_one(path.read_bytes())
    signal = recording.waveform.signal
    assert (recording.waveform.leads, recording.waveform.fs, signal.shape) == (LEADS, 500, (12, samples))
    assert identities(signal) <= 0.0151, "three steps of 5 uV"
    assert any("calibration pulse" in note for note in recording.provenance.notes)


@needs_samples
def test_what_a_document_says_beside_the_samples_is_kept() -> None:
    old, new = read_one(OLD.read_bytes()), read_one(NEW.read_bytes())
    assert (old.acquired_at, new.acquired_at) == (datetime(2011, 12, 1, 7, 27, 34), datetime(2010, 1, 19, 15, 19, 22))
    assert (old.patient.age, old.patient.sex, new.patient.birth_date) == (50, "M", date(1950, 1, 1))
    assert (old.filters.high_pass, old.filters.low_pass, old.filters.notch) == (0.05, 150, 60)
    assert (new.filters.high_pass, new.filters.low_pass, new.filters.notch) == (0.05, 150, None)
    assert (new.device.manufacturer, new.device.model) == ("Philips Medical Products", "PageWriter Touch")
    assert "Inferior infarct, acute (LCx): ST>0.10mV, II III aVF, STd V1-V3" in old.statements
    assert "QTc (Fridericia): 394 ms" in new.statements


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_plain_and_compressed_leads_are_the_same(compressed: bool, encoding: str) -> None:
    assert holds_the_heart(read_one(sierra(compressed=compressed, encoding=encoding)))


def test_a_pulse_in_every_lead_at_once_is_left_out_and_one_lead_alone_is_not() -> None:
    pulse = np.zeros((12, 200), dtype=np.int64)
    pulse[:, 50:150] = 200
    cut = read_one(sierra(np.hstack((counts(), pulse)), compressed=False))
    assert cut.waveform.signal.shape[1] <= 5000
    assert np.allclose(cut.waveform.signal, MILLIVOLT[:, : cut.waveform.signal.shape[1]], atol=1e-6)
    pulse[:6] = 0
    whole = read_one(sierra(np.hstack((counts(), pulse)), compressed=False))
    assert whole.waveform.signal.shape[1] == 5200


def test_plain_limb_leads_that_contradict_einthoven_are_refused() -> None:
    digits = counts()
    digits[2] = 0  # as if what XLI keeps of III had been taken for III
    with pytest.raises(MalformedPayload, match="Einthoven"):
        read_one(sierra(digits + np.arange(12)[:, None] * 20, compressed=False))


def test_another_placement_is_noted_and_derived_leads_are_none_of_the_twelve() -> None:
    otherwise = read_one(sierra(electrodes="Mason-Likar"))
    assert otherwise.placement == "Mason-Likar" and "Mason-Likar" in otherwise.provenance.notes[-1]
    derived = read_one(sierra(electrodes="EASI"))
    assert derived.placement == "EASI" and set(derived.waveform.leads) == {f"d{lead}" for lead in LEADS}


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("<resolution>5</resolution>", "<resolution>2.5</resolution>", MalformedPayload),
        ('resolution="5"', 'resolution="0"', MalformedPayload),
        ("<samplingrate>500<", "<samplingrate>nan<", MalformedPayload),
        ("<samplingrate>500<", "<samplingrate>1000<", MalformedPayload),
        ('durationperchannel="10000"', 'durationperchannel="999999999"', MalformedPayload),
        ('durationperchannel="10000"', 'durationperchannel="9000"', MalformedPayload),
        ('numberofleads="12"', 'numberofleads="999"', MalformedPayload),
        ('compression="XLI"', 'compression="ZIP"', UnknownFormat),
        ('compression="XLI"', 'compression="Uncompressed"', MalformedPayload),
        ('dataencoding="Base64"', 'dataencoding="Plain"', UnknownFormat),
        ("1.04<", "9.99<", UnknownFormat),
        ("I II III aVR", "II I III aVR", UnknownFormat),
        ("V5 V6", "V5 V5", MalformedPayload),
    ],
)
def test_what_contradicts_itself_or_is_not_known_is_refused(old: str, new: str, error: type[Exception]) -> None:
    data = sierra().decode()
    assert old in data
    with pytest.raises(error):
        read_one(data.replace(old, new).encode())


def test_a_declared_time_contradicts_nothing() -> None:
    said = read_one(sierra()).acquired_at
    assert said is not None and read_one(sierra(), Declared(acquired_at=said)).acquired_at == said
    with pytest.raises(MalformedPayload, match="time of acquisition"):
        read_one(sierra(), Declared(acquired_at=said + timedelta(days=2)))


@pytest.mark.parametrize("declared", [Declared(fs=250.0), Declared(unit="mV"), Declared(leads=LEADS[::-1])])
def test_what_is_declared_never_overrides(declared: Declared) -> None:
    with pytest.raises(MalformedPayload, match="declared"):
        read_one(sierra(), declared)


def test_an_lzw_bomb_ends_at_the_announced_samples() -> None:
    packed = lzw(bytes(3_000_000))
    chunk = len(packed).to_bytes(4, "little") + bytes(4) + packed
    with pytest.raises(MalformedPayload, match="does not hold the 5000 samples"):
        decoded(chunk, 5000)
