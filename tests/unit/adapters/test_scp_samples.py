"""SCP-ECG: checksums first, then the rhythm in millivolt by its own multiplier."""

import struct
from binascii import crc_hqx
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.readers import READERS, read
from adapters.scp.huffman import decoded, tables
from adapters.scp.sections import Section
from ecg.errors import AmbiguousPayload, MalformedPayload, PayloadError, TooLarge, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.recording import Recording
from tests.golden.other_files import SCP_CODES, Coding, counts, scp, scp_record

EXAMPLE = Path(__file__).parents[4] / "shared" / "samples" / "scp" / "Example.scp"
MILLIVOLT = counts() * 0.005


def read_one(data: bytes, declared: Declared | None = None) -> Recording:
    (recording,) = read(Payload(data, declared=declared or Declared()))
    return recording


def holds_the_heart(recording: Recording) -> bool:
    return recording.waveform.leads == LEADS and bool(np.allclose(recording.waveform.signal, MILLIVOLT, atol=1e-6))


@pytest.mark.skipif(
    not EXAMPLE.is_file() or not EXAMPLE.stat().st_size, reason="no ../shared/samples/scp/Example.scp, or it is empty"
)
def test_the_toolkits_example_is_read_in_millivolt() -> None:
    recording = read_one(EXAMPLE.read_bytes())
    signal = recording.waveform.signal
    assert (set(recording.waveform.leads), recording.waveform.fs, signal.shape) == (set(LEADS), 500, (12, 5000))
    assert np.median(np.abs(signal[2] - signal[1] + signal[0])) < 0.01
    assert 0.1 < np.median(np.ptp(signal, axis=1)) < 10


@pytest.mark.parametrize("difference", [0, 1, 2])
@pytest.mark.parametrize("huffman", [False, True])
def test_each_way_to_keep_a_rhythm_is_the_same_rhythm(difference: int, huffman: bool) -> None:
    assert holds_the_heart(read_one(scp(how=Coding(difference, huffman))))


def test_samples_that_overflow_as_differences_come_back() -> None:
    digits = np.tile(np.array([30000, -30000], dtype=np.int64), (12, 2500))
    wrapped = scp(digits, Coding(1, huffman=True))
    np.testing.assert_allclose(read_one(wrapped).waveform.signal, digits * 0.005, rtol=1e-6)


def test_leads_are_taken_by_code() -> None:
    order = np.random.default_rng(3).permutation(12)
    how = Coding(leads=tuple(SCP_CODES[LEADS[at]] for at in order))
    assert holds_the_heart(read_one(scp(counts()[order], how)))
    digits = counts()
    digits[3] *= -1
    inverted = Coding(leads=tuple(65 if code == 62 else code for code in SCP_CODES.values()))
    assert holds_the_heart(read_one(scp(digits, inverted)))


def test_right_sided_leads_never_fill_the_chest_leads() -> None:
    how = Coding(leads=tuple(11 if code == 5 else code for code in SCP_CODES.values()))
    leads = read_one(scp(how=how)).waveform.leads
    assert "V3" not in leads and leads[-1] == "V3R"


def test_what_a_record_says_beside_the_samples_is_kept() -> None:
    device = bytes(8) + b"CART\0\0" + bytes((20, 0xD0, 0, 0, 1)) + bytes(17) + b"a\0b\0c\0d\0Wombat Inc\0"
    more = b"".join(
        struct.pack("<BH", tag, len(value)) + value
        for tag, value in ((14, device), (33, b"\2\0"), (34, struct.pack("<hH", 330, 0)), (20, b"Dr Who\0"))
    )
    recording = read_one(scp(more=more))
    zone = timezone(timedelta(minutes=330))
    assert recording.acquired_at == datetime(2024, 3, 9, 14, 30, 5, tzinfo=zone)
    assert recording.acquired_at.utcoffset() == timedelta(minutes=330)
    assert (recording.patient.name, recording.patient.id) == ("Quokka^Zebediah", "PLANTED-4711")
    assert (recording.patient.birth_date, recording.patient.sex) == (date(1961, 2, 3), "M")
    assert (recording.filters.high_pass, recording.filters.low_pass, recording.filters.notch) == (0.05, 150, 50)
    assert (recording.device.manufacturer, recording.device.model) == ("Wombat Inc", "CART")
    assert recording.study.referring_physician == "Dr Who"
    assert recording.placement == "Mason-Likar" and "Mason-Likar" in recording.provenance.notes[0]
    without = read_one(scp()).acquired_at
    assert without is not None and without.tzinfo is None


def test_findings_and_measurements_are_the_recorders_statements() -> None:
    bodies = bodies_of(scp())
    text = b"\1" + struct.pack("<H", 13) + b"SINUS RHYTHM\0"
    bodies[8] = b"\0" + struct.pack("<HBB", 2024, 3, 9) + b"\0\0\0\1" + text
    block = struct.pack("<5H3h", 280, 390, 430, 520, 820, 44, -61, 999)
    bodies[7] = bytes((1, 0)) + struct.pack("<HH", 800, 29999) + block + struct.pack("<HHHHB", 0, 75, 29999, 430, 1)
    assert read_one(scp_record(bodies)).statements == (
        *("SINUS RHYTHM", "RR: 800 ms", "PR: 150 ms", "QRS duration: 90 ms", "QT: 390 ms"),
        *("P axis: 44 deg", "QRS axis: -61 deg", "Ventricular rate: 75 /min", "QTc (Bazett): 430 ms"),
    )


def test_each_checksum_is_proved() -> None:
    whole = scp()
    for at in np.linspace(150, len(whole) - 1, 60).astype(int):
        spoilt = bytearray(whole)
        spoilt[at] ^= 0x10
        with pytest.raises(MalformedPayload, match=r"record's checksum"):
            read_one(bytes(spoilt))
        resigned = bytearray(spoilt)
        resigned[:2] = struct.pack("<H", crc_hqx(bytes(spoilt[2:]), 0xFFFF))
        with pytest.raises(MalformedPayload, match=r"[sS]ection"):
            read_one(bytes(resigned))


@pytest.mark.parametrize(
    ("how", "error"),
    [
        (Coding(bimodal=1), UnknownFormat),
        (Coding(flags=0x65), UnknownFormat),
        (Coding(leads=(0, *tuple(SCP_CODES.values())[1:])), AmbiguousPayload),
        (Coding(leads=(1, 1, *tuple(SCP_CODES.values())[2:])), MalformedPayload),
    ],
    ids=["bimodal", "subtracted", "no code", "twice"],
)
def test_what_cannot_be_decoded_surely_is_refused(how: Coding, error: type[PayloadError]) -> None:
    with pytest.raises(error):
        read_one(scp(how=how))


def test_a_lead_without_a_code_may_be_declared() -> None:
    how = Coding(leads=(0, *tuple(SCP_CODES.values())[1:]))
    assert holds_the_heart(read_one(scp(how=how), Declared(leads=LEADS)))


def test_a_declared_time_contradicts_nothing() -> None:
    said = read_one(scp()).acquired_at
    assert said is not None and read_one(scp(), Declared(acquired_at=said)).acquired_at == said
    with pytest.raises(MalformedPayload, match="time of acquisition"):
        read_one(scp(), Declared(acquired_at=said + timedelta(days=2)))


@pytest.mark.parametrize(
    "declared", [Declared(fs=250.0), Declared(unit="mV"), Declared(leads=LEADS[::-1]), Declared(leads=LEADS[:3])]
)
def test_what_is_declared_never_overrides(declared: Declared) -> None:
    with pytest.raises(MalformedPayload, match="declared"):
        read_one(scp(), declared)


def test_leads_derived_from_frank_are_refused() -> None:
    with pytest.raises(UnknownFormat, match="Frank"):
        read_one(scp(more=struct.pack("<BHBB", 33, 2, 5, 0)))


@pytest.mark.parametrize(
    ("at", "value", "error"),
    [
        (2, struct.pack("<II", 1, 0xFFFFFFFF), MalformedPayload),
        (2, struct.pack("<II", 1, 7_000_000), MalformedPayload),
        (2, struct.pack("<II", 4_000_000_000, 4_000_004_999), TooLarge),
        (2, struct.pack("<II", 0, 4999), MalformedPayload),
        (0, b"\0", MalformedPayload),
        (0, b"\xff", MalformedPayload),
    ],
)
def test_absurd_counts_are_refused(at: int, value: bytes, error: type[PayloadError]) -> None:
    bodies = bodies_of(scp())
    bodies[3] = bodies[3][:at] + value + bodies[3][at + len(value) :]
    with pytest.raises(error):
        read_one(scp_record(bodies))


def test_a_records_own_huffman_tables_are_followed() -> None:
    def code(prefix: str, whole: int, mode: int, value: int) -> bytes:
        return struct.pack("<BBBhI", len(prefix), whole, mode, value, int(prefix[::-1], 2))

    first = struct.pack("<H", 3) + code("0", 1, 1, 5) + code("10", 10, 1, 0) + code("11", 2, 0, 2)
    second = struct.pack("<H", 2) + code("1", 1, 1, -7) + code("01", 2, 0, 1)
    held = tables(Section(struct.pack("<H", 2) + first + second, 20))
    bits = "0" + "10" + f"{-100 & 0xFF:08b}" + "11" + "1" + "1" + "01" + "0"
    data = int(bits.ljust(24, "0"), 2).to_bytes(3, "big")
    assert decoded(data, 5, held).tolist() == [5, -100, -7, -7, 5]


def bodies_of(record: bytes) -> dict[int, bytes]:
    """Return the sections' bodies by their numbers."""
    pointers = (struct.unpack_from("<HII", record, at) for at in range(22, 142, 10))
    return {number: record[at + 15 : at - 1 + size] for number, size, at in pointers if number and size}


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([1, 2, 3, 6]), st.integers(0, 400), st.binary(min_size=1, max_size=12))
def test_sections_that_are_signed_and_senseless_are_refused_or_read(number: int, at: int, noise: bytes) -> None:
    bodies = bodies_of(scp())
    body = bodies[number]
    bodies[number] = body[:at] + noise + body[at + len(noise) :]
    payload = Payload(scp_record(bodies))
    assert [each.name for each in READERS if each.claims(payload)] == ["SCP-ECG"]
    try:
        read_one(payload.data)
    except PayloadError as error:
        assert "PLANTED" not in str(error)
