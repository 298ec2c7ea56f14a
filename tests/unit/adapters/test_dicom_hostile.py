"""Hostile DICOM files end quickly, in one of our errors, in bounded memory."""

import struct
import time
import tracemalloc
import zlib

import pytest

from adapters.dicom import elements
from adapters.readers import READERS, read
from ecg.errors import MalformedPayload, PayloadError, UnknownFormat, UnreadablePage
from ecg.payload import Payload
from tests.golden.dicom_files import BIG, DEFLATED, EXPLICIT, IMPLICIT, square_wave, to_bytes, twelve_lead_dataset

MEGABYTE = 1024 * 1024


def part10(syntax: str | None, body: bytes) -> bytes:
    value = (syntax or "").encode() + b"\0" * (len(syntax or "") % 2)
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(value)) + value if syntax else b""
    return b"\0" * 128 + b"DICM" + meta + body


def refused_within(data: bytes, seconds: float = 5, kind: type[PayloadError] = PayloadError) -> None:
    began = time.perf_counter()
    with pytest.raises(kind):
        read(Payload(data))
    assert time.perf_counter() - began < seconds


@pytest.mark.parametrize("depth", [50, 5_000, 50_000])
def test_sequences_nested_without_end_are_refused(depth: int) -> None:
    opening = struct.pack("<HH2sHI", 0x5400, 0x0100, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    refused_within(part10(EXPLICIT, opening * depth))


def test_a_megabyte_of_empty_items_is_refused() -> None:
    opening = struct.pack("<HH2sHI", 0x5400, 0x0100, b"SQ", 0, 0xFFFFFFFF)
    refused_within(part10(EXPLICIT, opening + struct.pack("<HHI", 0xFFFE, 0xE000, 0) * (MEGABYTE // 32)), seconds=15)


def sequence(group: int, element: int, value: bytes) -> bytes:
    return struct.pack("<HH2sHI", group, element, b"SQ", 0, len(value)) + value


@pytest.mark.parametrize("kind", [EXPLICIT, IMPLICIT, BIG])
def test_items_without_number_are_refused_before_they_are_parsed(kind: str) -> None:
    item = struct.pack(">HHI" if kind == BIG else "<HHI", 0xFFFE, 0xE000, 0)
    tracemalloc.start()
    with pytest.raises(MalformedPayload, match="items"):
        read(Payload(part10(kind, item * (MEGABYTE // 4))))
    assert tracemalloc.get_traced_memory()[1] < 10 * MEGABYTE
    tracemalloc.stop()


def test_annotations_without_number_are_refused() -> None:
    data = to_bytes(twelve_lead_dataset(square_wave()))
    at = data.index(struct.pack("<HH2s", 0x5400, 0x0100, b"SQ"))
    empty = sequence(0x0040, 0xB020, struct.pack("<HHI", 0xFFFE, 0xE000, 0) * (elements.MAX_ITEMS + 1))
    with pytest.raises(MalformedPayload, match="items"):
        read(Payload(data[:at] + empty + data[at:]))


@pytest.mark.parametrize("inside", [False, True])
def test_elements_without_number_are_refused(monkeypatch: pytest.MonkeyPatch, inside: bool) -> None:
    monkeypatch.setattr(elements, "MAX_READS", 5_000)
    data = to_bytes(twelve_lead_dataset(square_wave()))
    many = b"".join(struct.pack("<HH2sH", 0x0041, 0x1000 + each, b"LO", 0) for each in range(5_000))
    at = data.index(struct.pack("<HH2s", 0x5400, 0x0100, b"SQ"))
    added = sequence(0x0040, 0xB020, struct.pack("<HHI", 0xFFFE, 0xE000, len(many)) + many) if inside else many
    assert len(read(Payload(data))) == 1
    with pytest.raises(MalformedPayload, match="elements"):
        read(Payload(data[:at] + added + data[at:]))


def test_a_deflate_bomb_is_refused_before_it_unfolds(monkeypatch: pytest.MonkeyPatch) -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = squeeze.compress(b"\0" * (40 * MEGABYTE)) + squeeze.flush()
    monkeypatch.setattr(elements, "MAX_INFLATED", 2 * MEGABYTE)
    tracemalloc.start()
    refused_within(part10(DEFLATED, bomb), kind=MalformedPayload)
    assert tracemalloc.get_traced_memory()[1] < 20 * MEGABYTE
    tracemalloc.stop()


def test_a_truncated_deflated_file_is_refused() -> None:
    refused_within(to_bytes(twelve_lead_dataset(square_wave()), DEFLATED)[:-20], kind=MalformedPayload)


@pytest.mark.parametrize("length", [0xFFFFFFFE, 0x7FFFFFFF])
def test_an_element_longer_than_the_file_is_refused(length: int) -> None:
    refused_within(part10(EXPLICIT, struct.pack("<HH2sHI", 0x5400, 0x0100, b"SQ", 0, length) + b"x" * 100))
    refused_within(part10(IMPLICIT, struct.pack("<HHI", 0x5400, 0x0100, length) + b"x" * 100))


def test_a_file_cut_in_its_last_element_is_not_read_in_part() -> None:
    ds = twelve_lead_dataset(square_wave())
    ds.add_new(0x7FDF0010, "OB", b"x" * 100)
    with pytest.raises(MalformedPayload, match="ends within element"):
        read(Payload(to_bytes(ds)[:-10]))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.70", "1.2.3", None])
def test_encapsulated_or_unknown_transfer_syntaxes_are_refused(syntax: str | None) -> None:
    refused_within(part10(syntax, b"\0" * 64), kind=PayloadError if syntax is None else UnknownFormat)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"x", UnknownFormat),
        (b"DICM", UnknownFormat),
        (b"\0" * 128 + b"DIC", UnknownFormat),
        (b"\x08\0\x05\0CS" * 40, UnknownFormat),
        (b"%PDF-1.7" + b" " * 200, UnreadablePage),
    ],
)
def test_what_is_no_dicom_file_is_not_claimed(data: bytes, kind: type[PayloadError]) -> None:
    assert not any(reader.claims(Payload(data)) for reader in READERS if reader.name.startswith("DICOM"))
    refused_within(data, kind=kind)


def test_a_foreign_error_becomes_ours_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("Example^Eve")

    monkeypatch.setattr(elements, "read_dataset", fail)
    with pytest.raises(MalformedPayload, match="MemoryError") as caught:
        read(Payload(to_bytes(twelve_lead_dataset(square_wave()))))
    assert "Eve" not in str(caught.value) and isinstance(caught.value.__cause__, MemoryError)
