"""Writes an ECG as aECG, as Philips Sierra XML and as SCP-ECG, by their rules, with nothing of our readers."""

import base64
import binascii
import struct
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from ecg.leads import LEADS, LIMB_FROM_I_II

FS: Final = 500
SAMPLES: Final = 5000
SCP_CODES: Final = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))


def counts(samples: int = SAMPLES) -> NDArray[np.int64]:
    """Return a made-up heart, int64 (12, samples), one step 5 uV: whole beats, limb leads that obey Einthoven."""
    time = np.arange(samples) / FS
    beats = np.exp(-(((time % 0.8) - 0.3) ** 2) / 2e-4) - 0.2 * np.exp(-(((time % 0.8) - 0.34) ** 2) / 2e-4)
    waves = 0.2 * np.exp(-(((time % 0.8) - 0.55) ** 2) / 2e-3)
    one, two = 120 * beats + 40 * waves, 200 * beats + 60 * waves
    chest = [(60 + 40 * lead) * beats + (50 - 20 * lead) * waves + lead for lead in range(6)]
    limbs = LIMB_FROM_I_II @ np.round(np.stack([one, two]))
    return np.round(np.vstack([np.floor(limbs), chest])).astype(np.int64)


@dataclass(frozen=True)
class Sequence12:
    """How an aECG writes its leads: which, their digits, and scale and origin with their units."""

    leads: tuple[str, ...] = LEADS
    scale: str = "5"
    unit: str | None = "uV"
    origin: str = "0"
    increment: str = "0.002"
    increment_unit: str = "s"
    high: str = "20240309143015"


def aecg(digits: NDArray[np.int64] | None = None, how: Sequence12 = Sequence12()) -> bytes:
    """Return an aECG whose leads have these digits, int64 (leads, samples)."""
    rows = counts() if digits is None else digits
    unit = f" unit={quoteattr(how.unit)}" if how.unit is not None else ""
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}" codeSystem="2.16.840.1.113883.6.24"/>'
        f'<value xsi:type="SLIST_PQ"><origin value="{how.origin}"{unit}/><scale value="{how.scale}"{unit}/>'
        f"<digits>{' '.join(map(str, row))}</digits></value></sequence></component>"
        for lead, row in zip(how.leads, rows, strict=True)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>
<id root="1.2.3.4.5" extension="PLANTED-4711"/>
<subjectDemographicPerson><name><family>Quokka</family><given>Zebediah</given></name>
<administrativeGenderCode code="M"/><birthTime value="19610203"/></subjectDemographicPerson>
</trialSubject></subject></subjectAssignment></componentOf></timepointEvent></componentOf>
<component><series><code code="RHYTHM" codeSystem="2.16.840.1.113883.5.4"/>
<effectiveTime><low value="20240309143005"/><high value="{how.high}"/></effectiveTime>
<component><sequenceSet><component><sequence><code code="TIME_ABSOLUTE" codeSystem="2.16.840.1.113883.5.4"/>
<value xsi:type="GLIST_TS"><head value="20240309143005"/>
<increment value="{how.increment}" unit="{how.increment_unit}"/></value></sequence></component>
{sequences}</sequenceSet></component></series></component></AnnotatedECG>""".encode()


def sierra(
    digits: NDArray[np.int64] | None = None,
    *,
    compressed: bool = True,
    electrodes: str = "STD",
    encoding: str = "utf-8",
) -> bytes:
    """Return a Sierra document 1.04 of these counts, int64 (12, samples), one step 5 uV."""
    rows = counts() if digits is None else digits
    data = xli(rows) if compressed else rows.astype("<i2").tobytes()
    method = "XLI" if compressed else "Uncompressed"
    acquisition = "EASI" if electrodes == "EASI" else "10-WIRE"
    return f"""<?xml version="1.0" encoding="{encoding}"?>
<restingecgdata xmlns="http://www3.medical.philips.com">
<documentinfo><documenttype>PhilipsECG</documenttype><documentversion>1.04</documentversion></documentinfo>
<dataacquisition date="2024-03-09" time="14:30:05" statflag="False">
<machine machineid="1" detaildescription="Philips Medical Products:1">PageWriter</machine>
<signalcharacteristics><samplingrate>{FS}</samplingrate><resolution>5</resolution><hipass>0.05</hipass>
<lowpass>150</lowpass><acquisitiontype>{acquisition}</acquisitiontype><numberchannelsvalid>12</numberchannelsvalid>
<electrodeplacement>{electrodes}</electrodeplacement></signalcharacteristics></dataacquisition>
<patient><generalpatientdata><patientid>PLANTED-4711</patientid>
<name><lastname>Quokka</lastname><firstname>Zebediah</firstname></name><age><dateofbirth>1961-02-03</dateofbirth></age>
<sex>Male</sex></generalpatientdata></patient>
<waveforms><parsedwaveforms dataencoding="Base64" compression="{method}" numberofleads="12"
leadlabels="{" ".join(LEADS)}" durationperchannel="{rows.shape[1] * 1000 // FS}" resolution="5">
{base64.encodebytes(data).decode()}</parsedwaveforms></waveforms></restingecgdata>""".encode(encoding)


def xli(rows: NDArray[np.int64]) -> bytes:
    """Return twelve leads in Philips' XLI: what the limb leads do not owe to I and II, as second differences in LZW."""
    one, two, three, right, left, foot = rows[:6]
    limbs = [
        one,
        two,
        two - one - three,
        -right - (one + two) // 2,
        (one - three) // 2 - left,
        (two + three) // 2 - foot,
    ]
    return b"".join(_xli_chunk(row) for row in (*limbs, *rows[6:]))


def _xli_chunk(row: NDArray[np.int64]) -> bytes:
    bends = 2 * row[1:-1] - row[:-2] - row[2:]
    words = np.concatenate((row[:2], bends[1:] + 64, [64])).astype(">i2").view(np.uint8).reshape(-1, 2)
    packed = lzw(words[:, 0].tobytes() + words[:, 1].tobytes())
    return struct.pack("<IHh", len(packed), 1, bends[0]) + packed


def lzw(data: bytes) -> bytes:
    """Return bytes as LZW codes of ten bits, the first bit the highest, 1023 the last."""
    known = {bytes([each]): each for each in range(256)}
    codes, held = [], b""
    for each in data:
        longer = held + bytes([each])
        if longer in known:
            held = longer
            continue
        codes.append(known[held])
        if len(known) <= 1022:
            known[longer] = len(known)
        held = bytes([each])
    bits = "".join(f"{code:010b}" for code in (*codes, known[held], 1023))
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


@dataclass(frozen=True)
class Coding:
    """How an SCP-ECG record keeps its rhythm: 0, 1 or 2 for differences, in Huffman codes, by which flags."""

    difference: int = 2
    huffman: bool = True
    bimodal: int = 0
    flags: int = 0x64
    leads: tuple[int, ...] = tuple(SCP_CODES.values())


def scp(digits: NDArray[np.int64] | None = None, how: Coding = Coding(), more: bytes = b"") -> bytes:
    """Return an SCP-ECG record of these counts, int64 (leads, samples), one step 5000 nV; `more`: tags of section 1."""
    rows = counts() if digits is None else digits
    blocks = [_scp_lead(row, how) for row in rows]
    tags = (
        *(
            (0, b"Quokka\0"),
            (1, b"Zebediah\0"),
            (2, b"PLANTED-4711\0"),
            (5, struct.pack("<HBB", 1961, 2, 3)),
            (8, b"\1"),
        ),
        *((25, struct.pack("<HBB", 2024, 3, 9)), (26, bytes((14, 30, 5))), (27, struct.pack("<H", 5))),
        *((28, struct.pack("<H", 150)), (29, b"\2")),
    )
    bodies = {
        1: b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in tags) + more + b"\xff\0\0",
        3: bytes((len(rows), how.flags))
        + b"".join(struct.pack("<IIB", 1, len(row), code) for row, code in zip(rows, how.leads, strict=True)),
        6: struct.pack("<HHBB", 5000, 1_000_000 // FS, how.difference, how.bimodal)
        + b"".join(struct.pack("<H", len(each)) for each in blocks)
        + b"".join(blocks),
    }
    if how.huffman:
        bodies[2] = struct.pack("<H", 19999)
    return scp_record(bodies)


def scp_record(bodies: dict[int, bytes]) -> bytes:
    """Return the sections as one record with pointers and checksums."""
    length = 16 + 12 * 10
    at, pointers, whole = 6 + length, struct.pack("<HII", 0, length, 7), b""
    for number in range(1, 12):
        section = scp_section(number, bodies[number]) if number in bodies else b""
        pointers += struct.pack("<HII", number, len(section), at + 1 if section else 0)
        at, whole = at + len(section), whole + section
    rest = scp_section(0, pointers, b"SCPECG") + whole
    rest = struct.pack("<I", len(rest) + 6) + rest
    return struct.pack("<H", binascii.crc_hqx(rest, 0xFFFF)) + rest


def scp_section(number: int, body: bytes, reserved: bytes = bytes(6)) -> bytes:
    """Return one section with its header and checksum."""
    body += bytes(len(body) % 2)
    rest = struct.pack("<HIBB", number, 16 + len(body), 20, 20) + reserved + body
    return struct.pack("<H", binascii.crc_hqx(rest, 0xFFFF)) + rest


def _scp_lead(row: NDArray[np.int64], how: Coding) -> bytes:
    values = np.concatenate((row[: how.difference], np.diff(row, n=how.difference)))
    if not how.huffman:
        return values.astype("<i2").tobytes()
    bits = "".join(_scp_code(value) for value in values.tolist())
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _scp_code(value: int) -> str:
    if value == 0:
        return "0"
    if abs(value) <= 8:
        return "1" * abs(value) + ("00" if value > 0 else "01")
    return f"1111111110{value & 0xFF:08b}" if -128 <= value < 128 else f"1111111111{value & 0xFFFF:016b}"
