"""Headers and archives of hostile hands: no file but the record's own is opened, and absurd counts end quickly."""

import io
import os
import re
import socket
import stat
import tarfile
import tempfile
import time
import tracemalloc
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adapters.wfdb.samples
from adapters.archive import packed
from adapters.readers import READERS, WRAPPERS, read, unwrapped
from ecg.errors import MalformedPayload, Overloaded, PayloadError, TooLarge
from ecg.payload import Payload
from ecg.recording import Recording
from tests.golden.payloads import GOLDEN
from tests.golden.wfdb_files import heart, record, written, zipped

HANG = 20  # seconds; what is refused takes a fraction of one


def read_all(data: bytes) -> list[Recording]:
    return [one for each in unwrapped(Payload(data)) for one in read(each)]


def headed(*lines: str, **files: bytes) -> bytes:
    return zipped(
        {"r.hea": "\n".join([*lines, ""]).encode()} | {name.replace("_", "."): x for name, x in files.items()}
    )


@pytest.mark.parametrize(
    "name",
    [
        "../r.dat",
        "/etc/passwd",
        "sub/r.dat",
        "..",
        ".hidden",
        "C:r.dat",
        "..\\r.dat",
        "-",
        "s3://bucket/r.dat",
        "http://localhost/r.dat",
        "/dev/zero",
        "/proc/self/environ",
    ],
)
@pytest.mark.parametrize("where", ["signal", "segment"])
def test_a_header_names_no_place_but_its_own(name: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    if where == "signal":
        held = written()
        held["r.hea"] = held["r.hea"].replace(b"r.dat ", name.encode() + b" ")
    else:
        held = {"r.hea": f"r/1 12 1000 10000\n{name} 10000\n".encode(), **written("a")}
    began = time.monotonic()
    with pytest.raises(MalformedPayload, match=r"outside of its folder"):
        read(unwrapped(Payload(zipped(held)))[0])
    assert time.monotonic() - began < HANG


def test_a_file_beside_the_working_folder_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = written()
    (tmp_path / "r.dat").write_bytes(held["r.dat"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MalformedPayload, match="missing"):
        read_all(zipped({"r.hea": held["r.hea"]}))


@pytest.mark.parametrize(
    "lines",
    [
        ["r 1000000 500 5000"],
        ["r 64 500 5000"],
        ["r 0 500 5000"],
        ["r/1000000000 12 500 5000"],
        ["r/0 12 500 5000", "r.dat 16"],
        ["r 1 500 1000000000000", "r.dat 16 200/mV 0 0 0 0 0 I"],
        ["r 1 500 1000000000000", "r.dat 516 200/mV 0 0 0 0 0 I"],
        ["r 1 500 " + "9" * 400, "r.dat 16 200/mV 0 0 0 0 0 I"],
        ["r 1 500 5000", "r.dat 16x99999 200/mV 0 0 0 0 0 I"],
        ["r 1 500 5000", "r.dat 16:999999999999 200/mV 0 0 0 0 0 I"],
        ["r 1 500 5000", "r.dat 16+999999999999 200/mV 0 0 0 0 0 I"],
        ["r 1 500 5000", "r.dat 16 1e-300/mV 0 0 0 0 0 I"],
        ["r 1 500 5000", "r.dat 16 nan/mV 0 0 0 0 0 I"],
        ["r 1 500 5000", "r.dat 16 inf/mV 0 0 0 0 0 I"],
        ["r 1 500 5000", "r.dat 16 200(999999999999)/mV 0 0 0 0 0 I"],
        ["r 1 500 5000", "r.dat 16 " + "1" * 100_000],
        ["r 1 500 5000", "r.dat 16 200/mV 0 0 0 0 0 " + "ecg " * 50_000 + "!"],
        ["r 1 500 5000", "r.dat 8 200/mV 0 0 999999999999 0 0 I"],
        ["r/2 1 500 1000000000000", "a 1000000000000", "~ 5"],
        ["r/2 1 500 1000000000000", "r 1000000000000", "r 5"],
        ["r 1 500 5000", *["#" + "x" * 60] * 4000],
        ["#" * 1000] * 5000,
    ],
    ids=range(22),
)
def test_absurd_counts_are_refused_quickly_and_in_little_memory(lines: list[str]) -> None:
    data = headed(*lines, r_dat=bytes(range(250)) * 40)
    began = time.monotonic()
    tracemalloc.start()
    with pytest.raises(PayloadError):
        read_all(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6 and time.monotonic() - began < HANG


def test_a_gap_of_a_year_is_too_large() -> None:
    held = written("a") | {"r.hea": b"r/2 12 1000\na 10000\n~ 31536000000\n"}
    with pytest.raises(TooLarge):
        read_all(zipped(held))


def test_headers_in_a_circle_are_refused() -> None:
    circle = {"a.hea": b"a/1 1 500 5000\nb 5000\n", "b.hea": b"b/1 1 500 5000\na 5000\n"}
    with pytest.raises(MalformedPayload, match="circle"):
        read_all(zipped(circle))
    with pytest.raises(MalformedPayload, match="segments of its own"):
        read_all(zipped({"a.hea": b"a/1 1 500 5000\na 5000\n"}))


def test_many_segments_of_one_compressed_file_are_refused() -> None:
    held = written("a", fmt=["516"] * 12)
    named = sorted(name for name in held if name.endswith(".dat"))
    assert len(named) == 2
    held["b.hea"] = held["a.hea"]
    held["r.hea"] = b"r/2 12 1000 20000\na 10000\nb 10000\n"
    with pytest.raises(MalformedPayload, match="share a compressed file"):
        read_all(zipped(held))


def test_a_bomb_is_refused() -> None:
    held = {"r.hea": b"r 1 500 20000000\nr.dat 16 200/mV 0 0 0 0 0 I\n", "r.dat": bytes(40_000_000)}
    tracemalloc.start()
    with pytest.raises(TooLarge):
        read_all(zipped(held))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6


def test_damaged_flac_is_refused() -> None:
    held = written(fmt=["516"] * 12)
    for name in (each for each in held if each.endswith(".dat")):
        for data in (held[name][:1000], b"", b"RIFF" + held[name][4:], bytes(len(held[name]))):
            with pytest.raises(MalformedPayload):
                read_all(zipped(held | {name: data}))


@pytest.mark.parametrize("count", [400, 20_000])
def test_nothing_is_claimed_that_raises(count: int) -> None:
    rng = np.random.default_rng(count)
    whole = bytearray(packed(written()))
    for _ in range(50):
        mutated = bytearray(whole)
        for at in rng.integers(0, len(whole), count // 100):
            mutated[at] = rng.integers(256)
        payload = Payload(bytes(mutated))
        assert all(isinstance(each.claims(payload), bool) for each in (*READERS, *WRAPPERS))


PIECES = [
    b"",
    b"0",
    b"-1",
    b"999999999999",
    b"1e308",
    b"nan",
    b"8",
    b"311",
    b"~",
    b"/",
    b"(",
    b"#",
    b"r.hea",
    b"\xff",
    b"\n",
]


@cache
def segmented() -> dict[str, bytes]:
    segment = written("a", d_signal=heart()[:5000])
    return segment | {"r.hea": b"r/3 12 1000 11000\na 5000\n~ 1000\na 5000\n"}


@settings(
    deadline=None,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "300")),
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(draw=st.data())
def test_a_header_of_broken_words_is_refused_or_still_an_ecg(draw: st.DataObject) -> None:
    held = segmented()
    name = draw.draw(st.sampled_from(["a.hea", "r.hea"]))
    words = re.split(rb"([ \n/():+]+)", held[name])
    for at in draw.draw(st.lists(st.integers(0, len(words) - 1), min_size=1, max_size=3)):
        words[at] = draw.draw(st.sampled_from([*PIECES, *words]))
    began = time.monotonic()
    with suppress(PayloadError):
        assert all(isinstance(each, Recording) for each in read_all(zipped(held | {name: b"".join(words)})))
    assert time.monotonic() - began < HANG


def test_temporary_files_are_its_owners_alone_name_nobody_and_are_gone_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: list[tuple[int, list[str], str]] = []
    library = adapters.wfdb.samples._library()

    class Watching:
        def rdrecord(self, path: str, **how: Any) -> Any:
            folder = Path(path).parent
            text = (folder / "r.hea").read_text()
            seen.append((stat.S_IMODE(folder.stat().st_mode), sorted(os.listdir(folder)), text))
            assert folder.parent == tmp_path
            return library.rdrecord(path, **how)

    monkeypatch.setattr(adapters.wfdb.samples, "_library", Watching)
    held = written("Quokka_Zebediah", comments=["Zebediah Quokka, born 1961"])
    assert len(read_all(zipped(held))) == 1
    ((mode, names, text),) = seen
    assert mode == 0o700 and names == ["r.dat", "r.hea"] and "Quokka" not in text
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_nobodys_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    payload = Payload(record())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(Overloaded):
        read(payload)


def test_no_error_tells_a_name() -> None:
    held = written("Quokka", comments=["Zebediah Quokka"])
    broken = {
        "missing": {"Quokka.hea": held["Quokka.hea"]},
        "short": held | {"Quokka.dat": b"12"},
        "label": held | {"Quokka.hea": held["Quokka.hea"].replace(b"/mV", b"/Quokka")},
        "date": held | {"Quokka.hea": held["Quokka.hea"].replace(b"12 1000 10000", b"12 1000 Quokka")},
    }
    for each in broken.values():
        with pytest.raises(PayloadError) as caught:
            read_all(zipped(each))
        assert "Quokka" not in f"{caught.value} {caught.value!r}"


def archived(held: dict[str, bytes], mode: str) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in held.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return whole.getvalue()


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_with_folders_is_read_like_a_zip(mode: str) -> None:
    held = {f"some/folder/{name}": data for name, data in written().items()}
    (one,) = read_all(archived(held, mode))
    np.testing.assert_array_equal(one.waveform.signal, (heart() / 800).T.astype(np.float32))


def test_files_of_the_same_name_in_two_folders_are_two_records() -> None:
    one, two = written(), written(d_signal=-heart())
    found = read_all(zipped({f"a/{n}": x for n, x in one.items()} | {f"b/{n}": x for n, x in two.items()}))
    assert len(found) == 2
    np.testing.assert_array_equal(found[0].waveform.signal, -found[1].waveform.signal)


def test_annotations_and_indexes_beside_a_record_are_left_out() -> None:
    beside = {"r.atr": b"1", "r.i": b"2", "RECORDS": b"r", "ANNOTATORS": b"atr", "SHA256SUMS.txt": b"00"}
    (one,) = read_all(zipped(written() | beside))
    assert one.provenance.notes == ()


@pytest.mark.parametrize("name", ["r.edf", "r.DAT", "r.csv", "r.dcm"])
def test_a_file_that_could_hold_signals_is_noted(name: str) -> None:
    (one,) = read_all(zipped(written() | {name: b"0"}))
    assert one.provenance.notes == ("A file beside the header, which does not name it, was left out.",)


def test_a_file_of_another_name_is_no_part_of_the_record_and_not_passed_over() -> None:
    inner = unwrapped(Payload(zipped(written() | {"notes.txt": b"hello"})))
    assert len(inner) == 2 and inner[1].data == b"hello"
    with pytest.raises(PayloadError):
        [read(each) for each in inner]


def test_records_beside_another_ecg_are_all_read() -> None:
    found = read_all(zipped(written("a") | {"b.dcm": GOLDEN["DICOM ECG waveform"]().data} | written("c")))
    assert [each.provenance.reader for each in found] == ["WFDB record", "DICOM ECG waveform", "WFDB record"]


def test_two_headers_of_one_signal_file_are_refused() -> None:
    held = written()
    with pytest.raises(MalformedPayload, match="same file"):
        read_all(zipped(held | {"s.hea": held["r.hea"]}))
