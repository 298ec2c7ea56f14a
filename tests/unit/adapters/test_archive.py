"""Archives: what is in them comes out, and what would harm does not."""

import gzip
import io
import tarfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from adapters.archive import MAX_FILES, files, is_archive, packed
from adapters.readers import read, unwrapped
from ecg.errors import MalformedPayload, PayloadError, TooLarge, UnreadablePage
from ecg.payload import Payload

ECG = Path(str(get_testdata_file("waveform_ecg.dcm", download=False))).read_bytes()


def tarred(held: dict[str, bytes], mode: str = "w") -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in held.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return whole.getvalue()


def linked() -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        info = tarfile.TarInfo("ecg.dat")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    return whole.getvalue()


def deflated(held: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in held.items():
            archive.writestr(name, data)
    return whole.getvalue()


def encrypted() -> bytes:
    data = bytearray(packed({"a": b"b"}))
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + at] |= 1
    return bytes(data)


HELD = {"a/one.dcm": b"1", "b/two.dcm": b"22"}


@pytest.mark.parametrize("data", [packed(HELD), deflated(HELD), tarred(HELD), tarred(HELD, "w:gz")])
def test_what_was_put_in_comes_out_in_its_order(data: bytes) -> None:
    assert is_archive(data) and list(files(data).items()) == list(HELD.items())


def test_the_same_files_give_the_same_zip() -> None:
    assert packed(HELD) == packed(HELD)


def test_what_a_file_manager_adds_is_left_out() -> None:
    assert list(files(packed(HELD | {"__MACOSX/a": b"x", "a/.DS_Store": b"x", "a/._one.dcm": b"x"}))) == list(HELD)


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "C:\\a", "..\\a"])
@pytest.mark.parametrize("pack", [packed, tarred])
def test_a_name_outside_of_it_is_refused(name: str, pack: object) -> None:
    with pytest.raises(MalformedPayload, match="outside"):
        files(pack({name: b"1"}))  # type: ignore[operator]


@pytest.mark.parametrize(
    "data",
    [packed({}), tarred({}), encrypted(), linked(), deflated(HELD)[:40], gzip.compress(b"no tar"), b"\x1f\x8b"],
    ids=["zip of nothing", "tar of nothing", "encrypted", "link", "cut short", "gzip of no tar", "gzip's name alone"],
)
def test_what_is_no_sound_archive_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedPayload):
        files(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_named_twice_is_refused() -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    with pytest.raises(MalformedPayload, match="twice"):
        files(whole.getvalue())


@pytest.mark.parametrize(
    "data",
    [
        deflated({"a": bytes(200_000_000)}),
        tarred({"a": bytes(200_000_000)}, "w:gz"),
        packed({str(each): b"1" for each in range(MAX_FILES + 1)}),
    ],
    ids=["zip", "tar.gz", "many"],
)
def test_a_bomb_is_refused(data: bytes) -> None:
    with pytest.raises(TooLarge):
        files(data)


def test_each_file_of_an_archive_is_a_payload() -> None:
    inner = unwrapped(Payload(packed({"a.dcm": ECG, "b.dcm": ECG})))
    assert [each.data for each in inner] == [ECG, ECG]
    assert [len(read(each)) for each in inner] == [1, 1]


def test_an_archive_in_an_archive_is_opened_three_deep_and_no_deeper() -> None:
    data = ECG
    for _ in range(3):
        data = packed({"a": data})
    assert unwrapped(Payload(data)) == (Payload(ECG),)
    with pytest.raises(MalformedPayload, match="3"):
        unwrapped(Payload(packed({"a": data})))


def test_a_file_that_is_no_ecg_is_not_passed_over() -> None:
    with pytest.raises(PayloadError):
        [read(each) for each in unwrapped(Payload(packed({"a": ECG, "readme": b"hello"})))]


@pytest.mark.parametrize("start", [b"%PDF-1.7", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_a_page_in_an_archive_goes_to_its_reader(start: bytes) -> None:
    (page,) = unwrapped(Payload(packed({"a": start + bytes(100)})))
    with pytest.raises(UnreadablePage) as told:
        read(page)
    assert told.value.reason == "damaged"


def header(kind: bytes, size: bytes, name: str = "a") -> bytes:
    """Return a tar header by hand: POSIX.1-1988 ustar."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    block[124:136], block[156:157] = size, kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


NEGATIVE = b"\xff" * 10 + b"\xfe\x00"  # base-256, minus 512
TURNS = {
    "a file that ends before it begins": header(tarfile.REGTYPE, NEGATIVE),
    "a folder that does": header(tarfile.DIRTYPE, NEGATIVE),
    "extended headers in a circle": header(tarfile.XHDTYPE, NEGATIVE),
    "long names in a circle": header(tarfile.GNUTYPE_LONGNAME, NEGATIVE),
    "a chain of long names": header(tarfile.GNUTYPE_LONGNAME, b"%011o\0" % 0) * 5000,
    "a sparse file": header(tarfile.GNUTYPE_SPARSE, b"%011o\0" % 0),
    "a size beyond all numbers": header(tarfile.REGTYPE, b"\x80" + b"\xff" * 11),
    "an extended header of digits": header(tarfile.XHDTYPE, b"%011o\0" % 1_000_000) + b"1" * 1_000_448,
    "a device": header(tarfile.CHRTYPE, b"%011o\0" % 0),
    "many folders": header(tarfile.DIRTYPE, b"%011o\0" % 0) * 30_000,
}


@pytest.mark.parametrize("start", TURNS.values(), ids=TURNS)
def test_a_tar_that_leads_nowhere_is_refused_quickly(start: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(PayloadError):
        files(start + bytes(10_240))
    assert time.monotonic() - began < 20


def test_a_single_file_that_gzip_packed_is_told_from_a_damaged_archive() -> None:
    with pytest.raises(MalformedPayload, match="no tar"):
        files(gzip.compress(b"1,2\n" * 200))


def test_a_tar_cut_short_is_refused_wherever_it_was_cut() -> None:
    whole = tarred({"a": bytes(600), "b": b"2"})
    for length in (512 + 600, 512 + 1024, 512 + 1024 + 512, 512 + 1024 + 1024, len(tarred({"a": b""})) - 9000):
        with pytest.raises(MalformedPayload):
            files(whole[:length])


def test_a_header_that_is_damaged_ends_no_tar_silently() -> None:
    whole = bytearray(tarred({"a": b"1", "b": b"2"}))
    whole[1024 + 3] ^= 1
    with pytest.raises(MalformedPayload, match="cut short"):
        files(bytes(whole))


def test_a_tar_packed_in_pieces_is_read_to_its_end() -> None:
    whole = tarred(HELD)
    assert list(files(gzip.compress(whole[:700]) + gzip.compress(whole[700:]))) == list(HELD)
    for broken in (gzip.compress(whole)[:-9], gzip.compress(whole)[:-4] + b"\0\0\0\1"):
        with pytest.raises(MalformedPayload):
            files(broken)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_that_knows_no_limit_is_refused(method: int) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", method) as archive:
        archive.writestr("a", bytes(200_000_000))
    tracemalloc.start()
    with pytest.raises(MalformedPayload, match="deflate"):
        files(whole.getvalue())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_a_directory_of_a_million_entries_is_refused_before_it_is_read() -> None:
    one = packed({"a": b""})
    entry = one[one.index(b"PK\x01\x02") : one.index(b"PK\x05\x06")]
    tracemalloc.start()
    with pytest.raises(TooLarge):
        files(one[:31] + entry * 500_000 + one[one.index(b"PK\x05\x06") :])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000_000


def test_entries_that_overlap_count_each_time() -> None:
    whole = bytearray(deflated({str(each): bytes(1_000_000) for each in range(100)}))
    places = [at for at in range(len(whole)) if whole[at : at + 4] == b"PK\x01\x02"]
    for at in places:
        whole[at + 42 : at + 46] = bytes(4)  # APPNOTE.TXT 4.3.12: where the local header begins
    with pytest.raises(PayloadError):
        files(bytes(whole))


def test_zip64_is_read() -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive, archive.open("a", "w", force_zip64=True) as file:
        file.write(b"1")
    assert files(whole.getvalue()) == {"a": b"1"}


def test_a_colon_in_a_name_is_no_place_outside() -> None:
    assert files(packed({"2020-01-31T12:00.dcm": b"1"})) == {"2020-01-31T12:00.dcm": b"1"}


@pytest.mark.parametrize("pack", [packed, tarred])
def test_files_may_stay_closed(pack: object) -> None:
    assert files(pack(HELD), "one.dcm") == {"a/one.dcm": b"1", "b/two.dcm": b""}  # type: ignore[operator]
