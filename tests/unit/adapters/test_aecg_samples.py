"""aECG: samples become the right voltage in the right lead, or the file is refused with what to declare."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from adapters.hl7v3.codes import lead_of
from adapters.hl7v3.times import moment
from adapters.readers import READERS, read
from ecg.errors import AmbiguousPayload, MalformedPayload, PayloadError, TooLarge, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Patient, Recording
from tests.golden.other_files import Sequence12, aecg, counts

FOLDER = Path(__file__).parents[4] / "shared" / "samples" / "aecg"
SAMPLES = sorted(FOLDER.glob("*.xml"))
MILLIVOLT = counts() * 0.005


def read_one(data: bytes, declared: Declared | None = None) -> Recording:
    (recording,) = read(Payload(data, declared=declared or Declared()))
    return recording


def edited(old: str, new: str, how: Sequence12 | None = None, count: int = -1) -> bytes:
    data = aecg(how=how or Sequence12()).decode()
    assert old in data
    return data.replace(old, new, count).encode()


def holds_the_heart(recording: Recording) -> bool:
    return recording.waveform.leads == LEADS and bool(np.allclose(recording.waveform.signal, MILLIVOLT, atol=1e-6))


@pytest.mark.skipif(not SAMPLES, reason="no ../shared/samples/aecg")
def test_the_fdas_samples_are_read_in_millivolt_and_obey_einthoven() -> None:
    assert len(SAMPLES) == 3
    hours = []
    for path in SAMPLES:
        recording = read_one(path.read_bytes())
        signal, waveform = recording.waveform.signal, recording.waveform
        assert (waveform.leads, waveform.fs, signal.shape) == (LEADS, 500, (12, 5000))
        assert np.abs(signal[2] - signal[1] + signal[0]).max() < 0.003
        assert signal[0, :5] == pytest.approx([-0.005, -0.005, -0.005, -0.005, -0.0075])
        assert (recording.filters.low_pass, recording.filters.high_pass, recording.filters.notch) == (150, None, 60)
        assert (recording.patient.birth_date, recording.patient.sex, recording.patient.age) == (
            date(1953, 5, 8),
            "M",
            46,
        )
        assert recording.statements[0] == "Sinus Rhythm"
        assert "MDC_ECG_TIME_PD_QRS: 120 ms" in recording.statements
        assert recording.device.model == "ELI250"
        assert any("derived series" in note for note in recording.provenance.notes)
        hours.append(recording.acquired_at)
    assert hours == [datetime(2002, 11, 22, hour, 10) for hour in (9, 10, 11)]


@pytest.mark.parametrize(
    "how",
    [
        Sequence12(),
        Sequence12(scale="0.005", unit="mV"),
        Sequence12(scale="5", unit="\u00b5V"),
        Sequence12(scale="0.000005", unit="V"),
        Sequence12(scale="5e3", unit="nV"),
        Sequence12(increment="2", increment_unit="ms"),
        Sequence12(increment="2000", increment_unit="us"),
    ],
    ids=lambda how: f"{how.unit} {how.increment_unit}",
)
def test_units_of_voltage_and_time_are_those_that_are_written(how: Sequence12) -> None:
    recording = read_one(aecg(how=how))
    assert holds_the_heart(recording)
    assert recording.waveform.fs == 500


def test_the_origin_is_the_voltage_of_the_digit_zero() -> None:
    signal = read_one(aecg(how=Sequence12(origin="1000"))).waveform.signal
    np.testing.assert_allclose(signal, MILLIVOLT + 1.0, atol=1e-6)


def test_leads_are_taken_by_name() -> None:
    order = np.random.default_rng(3).permutation(12)
    how = Sequence12(leads=tuple(LEADS[at] for at in order))
    assert holds_the_heart(read_one(aecg(counts()[order], how)))


def test_a_lead_that_is_missing_is_missing() -> None:
    recording = read_one(aecg(counts()[1:], Sequence12(leads=LEADS[1:])))
    assert recording.waveform.leads == LEADS[1:]
    np.testing.assert_allclose(recording.waveform.signal, MILLIVOLT[1:], atol=1e-6)


def test_inverted_avr_gets_its_sign_back() -> None:
    digits = counts()
    digits[3] *= -1
    data = aecg(digits).replace(b"MDC_ECG_LEAD_AVR", b"MDC_ECG_LEAD_AVRneg")
    assert holds_the_heart(read_one(data))


def test_the_code_of_inverted_avr_under_another_name_is_refused() -> None:
    with pytest.raises(MalformedPayload, match="code and the text"):
        read_one(edited('"MDC_ECG_LEAD_V1"', '"MDC_ECG_LEAD_AVRneg" displayName="V1"'))


@pytest.mark.parametrize(
    ("code", "lead"), [("MDC_ECG_LEAD_V3R", "V3R"), ("MDC_ECG_LEAD_V7", "V7"), ("131344", "MDC 131344")]
)
def test_other_leads_never_fill_the_chest_leads(code: str, lead: str) -> None:
    recording = read_one(edited('"MDC_ECG_LEAD_V3"', f'"{code}"'))
    assert "V3" not in recording.waveform.leads
    assert recording.waveform.leads[-1] == lead == lead_of(code)


def test_numbers_of_mdc_name_the_leads_too() -> None:
    assert [lead_of(str(131328 + number)) for number in (1, 2, 61, 62, 63, 64, 3, 8)] == [*LEADS[:6], "V1", "V6"]
    assert lead_of("MDC_ECG_HEART_RATE") is None and lead_of("131328") is None


@pytest.mark.parametrize("increment", ["0.004", "0.001", "0.0025"])
def test_an_increment_that_the_series_own_time_contradicts_is_refused(increment: str) -> None:
    with pytest.raises(MalformedPayload, match="the series says 10"):
        read_one(aecg(how=Sequence12(increment=increment)))


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [(' unit="uV"', "", "unit"), ('<increment value="0.002" unit="s"/>', "", "fs"), ("MDC_ECG_LEAD_V2", "", "leads")],
)
def test_what_is_not_said_is_asked_for_and_may_be_declared(old: str, new: str, missing: str) -> None:
    data = edited(old, new)
    with pytest.raises(AmbiguousPayload) as refused:
        read_one(data)
    assert refused.value.declare == (missing,)
    assert holds_the_heart(read_one(data, Declared(fs=500.0, unit="uV", leads=LEADS)))


def test_a_declared_time_contradicts_nothing() -> None:
    said = read_one(aecg()).acquired_at
    assert said is not None and read_one(aecg(), Declared(acquired_at=said)).acquired_at == said
    with pytest.raises(MalformedPayload, match="time of acquisition"):
        read_one(aecg(), Declared(acquired_at=said + timedelta(days=2)))


@pytest.mark.parametrize(
    "declared",
    [
        Declared(fs=250.0),
        Declared(unit="mV"),
        Declared(leads=LEADS[::-1]),
        Declared(leads=LEADS[:3]),
        Declared(patient=Patient(id="SOMEBODY-ELSE", issuer="1.2.3.4.5")),
    ],
    ids=["fs", "unit", "leads", "count", "patient"],
)
def test_what_is_declared_never_overrides(declared: Declared) -> None:
    with pytest.raises(MalformedPayload, match="declared"):
        read_one(aecg(), declared)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<digits>", "<digits>NaN "),
        ("<digits>", "<digits>1e99999 "),
        ("<digits>", "<digits>1 "),
        ('<scale value="5"', '<scale value="0"'),
        ('<scale value="5"', '<scale value="nan"'),
        ('<scale value="5"', '<scale value="1e50"'),
        ('<origin value="0"', '<origin value="inf"'),
        ('unit="uV"', 'unit="MV"'),
        ('unit="uV"', 'unit="mm[Hg]"'),
        ('value="0.002"', 'value="0"'),
        ('value="0.002"', 'value="-0.002"'),
        ('value="0.002"', 'value="1e999999999"'),
        ('unit="s"', 'unit="min"'),
        ("MDC_ECG_LEAD_V1", "MDC_ECG_LEAD_V2"),
        ('code="MDC_ECG_LEAD_V1"', 'code="MDC_ECG_LEAD_V1" displayName="Lead V4"'),
        ('code="RHYTHM"', 'code="REPRESENTATIVE_BEAT"'),
        ("SLIST_PQ", "GLIST_PQ"),
    ],
)
def test_what_breaks_the_rules_is_refused(old: str, new: str) -> None:
    with pytest.raises(MalformedPayload):
        read_one(edited(old, new, count=1))


def test_a_lead_marked_as_not_there_is_nowhere_measured() -> None:
    data = edited('<value xsi:type="SLIST_PQ">', '<value xsi:type="SLIST_PQ" nullFlavor="NI">', count=1)
    signal = read_one(data).waveform.signal
    assert np.isnan(signal[0]).all()
    np.testing.assert_allclose(signal[1:], MILLIVOLT[1:], atol=1e-6)


def _two_sets(second_head: str) -> bytes:
    """Return an aECG whose limb leads come in a first and chest leads in a second set."""
    first, second = Sequence12(leads=LEADS[:6]), Sequence12(leads=LEADS[6:])
    one, other = (aecg(rows, how).decode() for rows, how in ((counts()[:6], first), (counts()[6:], second)))
    begin, end = "<component><sequenceSet>", "</sequenceSet></component>"
    inserted = other[other.index(begin) : other.index(end) + len(end)].replace(
        '<head value="20240309143005"', f'<head value="{second_head}"'
    )
    whole = one.replace(end, end + inserted)
    return whole.replace('<high value="20240309143015"/>', "").encode()


def test_sets_of_sequences_stand_where_their_times_say() -> None:
    waveform = read_one(_two_sets("20240309143012.500")).waveform
    assert waveform.signal.shape == (12, 5000 + 3750)
    assert np.isnan(waveform.signal[:6, 5000:]).all() and np.isnan(waveform.signal[6:, :3750]).all()
    np.testing.assert_allclose(waveform.signal[6:, 3750:], MILLIVOLT[6:], atol=1e-6)
    assert holds_the_heart(read_one(_two_sets("20240309143005")))


@pytest.mark.parametrize("head", ["20240309153005", "99991231235959", "20240309143005+0100", "yesterday"])
def test_sets_far_apart_or_without_a_common_time_are_refused(head: str) -> None:
    with pytest.raises(MalformedPayload, match="sets of a series"):
        read_one(_two_sets(head))


def test_each_rhythm_series_is_a_recording() -> None:
    data = aecg().decode()
    begin, end = "<component><series>", "</series></component>"
    series = data[data.index(begin) : data.index(end) + len(end)]
    again = series.replace("20240309143005", "20240309150005").replace("20240309143015", "20240309150015")
    beat = series.replace("RHYTHM", "REPRESENTATIVE_BEAT")
    first, second = read(Payload(data.replace(series, series + beat + again).encode()))
    assert holds_the_heart(first) and holds_the_heart(second)
    assert (first.acquired_at, second.acquired_at) == (datetime(2024, 3, 9, 14, 30, 5), datetime(2024, 3, 9, 15, 0, 5))
    assert any("1 derived series" in note for note in first.provenance.notes)


@pytest.mark.parametrize(
    ("written", "when"),
    [
        ("20240309143005", datetime(2024, 3, 9, 14, 30, 5)),
        ("202403091430", datetime(2024, 3, 9, 14, 30)),
        ("20240309143005.25-0330", datetime(2024, 3, 9, 14, 30, 5, 250000, timezone(-timedelta(hours=3, minutes=30)))),
        ("20240309143005Z", datetime(2024, 3, 9, 14, 30, 5, tzinfo=UTC)),
        ("20240309", None),
        ("20241309143005", None),
        ("20240309143005+9999", None),
    ],
)
def test_a_moment_has_a_zone_only_where_one_is_written(written: str, when: datetime | None) -> None:
    found = moment(written)
    assert found == when and (when is None or found is None or found.tzinfo == when.tzinfo)


BOMB = (
    '<!DOCTYPE AnnotatedECG [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + at)} "{f"&{chr(97 + at)};" * 10}">' for at in range(12))
    + "]>"
)


@pytest.mark.parametrize(
    "prologue",
    [BOMB, '<!DOCTYPE AnnotatedECG [<!ENTITY a SYSTEM "file:///etc/passwd">]>', "<!DOCTYPE AnnotatedECG>"],
    ids=["laughs", "external", "empty"],
)
def test_document_types_and_entities_are_refused(prologue: str) -> None:
    data = aecg().replace(b"<AnnotatedECG", prologue.encode() + b"<AnnotatedECG", 1)
    data = data.replace(b"Quokka", b"&m;" if prologue == BOMB else b"&a;")
    assert [each.name for each in READERS if each.claims(Payload(data))] == ["HL7 v3 aECG"]
    with pytest.raises(MalformedPayload, match="document type"):
        read_one(data)


@pytest.mark.parametrize(
    ("inside", "error"),
    [
        ("<a>" * 100 + "</a>" * 100, MalformedPayload),
        ("<a/>" * 200_001, TooLarge),
        ("<a " + " ".join(f"a{at}=''" for at in range(200_001)) + "/>", TooLarge),
        ("<a><b></a>", MalformedPayload),
    ],
    ids=["deep", "many", "broad", "crossed"],
)
def test_absurd_xml_is_refused(inside: str, error: type[PayloadError]) -> None:
    with pytest.raises(error):
        read_one(edited("</AnnotatedECG>", inside + "</AnnotatedECG>"))


def test_other_encodings_are_read_by_their_declaration() -> None:
    named = aecg().decode().replace("Quokka", "Qu\u00f6kka")
    for encoding in ("utf-8", "utf-16", "iso-8859-1"):
        data = named.replace('encoding="UTF-8"', f'encoding="{encoding}"').encode(encoding)
        recording = read_one(data)
        assert holds_the_heart(recording) and recording.patient.name == "Qu\u00f6kka^Zebediah"


def test_xml_of_another_root_is_unknown() -> None:
    for root in ("RestingECG", "svg", "html", "AnnotatedECGs"):
        with pytest.raises(UnknownFormat):
            read_one(f'<?xml version="1.0"?><{root}/>'.encode())


def test_a_rounded_increment_is_the_whole_frequency_behind_it() -> None:
    how = replace(Sequence12(), increment="0.002778", high="20240309143018.888")
    assert read_one(aecg(how=how)).waveform.fs == 360
