"""What every place for blobs promises: a folder, and a bucket of a real S3 server."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.blobs import Blobs, FolderBlobs
from service.bucket import BucketSettings, S3Blobs
from service.store import Store
from tests.peers.seaweedfs import s3_server

REPORT = UUID(int=7)
FILES = {"report.pdf": b"%PDF", "bundle.json": b"{}", "empty": b""}


class BreakingOff(dict[str, bytes]):
    """Files of which the last never comes, as when the process is killed."""

    def items(self) -> Any:
        yield from super().items()
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketSettings]:
    with s3_server(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


@pytest.fixture(params=["folder", "bucket"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Blobs]:
    """Return a function that opens one and the same place."""
    if request.param == "folder":
        return lambda: FolderBlobs(tmp_path / "data")
    settings = request.getfixturevalue("bucket")
    url = f"{settings.url}/{uuid4()}"
    return lambda: S3Blobs(BucketSettings(url, settings.endpoint, "", settings.access_key, settings.secret_key))


@pytest.fixture
def blobs(again: Callable[[], Blobs]) -> Blobs:
    return again()


def test_what_was_put_is_there_for_whoever_opens_the_place(blobs: Blobs, again: Callable[[], Blobs]) -> None:
    blobs.put_if_absent("payloads/ab/abcd", b"an ECG")
    blobs.put("resources/Media/1.json", b"{}")
    blobs.put_folder("reports/1", FILES)
    other = again()
    assert other.get("payloads/ab/abcd") == b"an ECG" and other.get("resources/Media/1.json") == b"{}"
    assert other.get_folder("reports/1") == FILES and other.get_from("reports/1", "report.pdf") == b"%PDF"


def test_what_was_never_put_is_not_there(blobs: Blobs) -> None:
    blobs.put("here/it", b"is")
    assert blobs.get("here/not") is None and blobs.get("nowhere/at/all") is None and blobs.get("here") is None
    assert blobs.get_folder("reports/1") == {} and blobs.get_from("reports/1", "report.pdf") is None
    assert blobs.names("nowhere") == []


def test_a_folder_may_stand_where_others_stand_below(blobs: Blobs, again: Callable[[], Blobs]) -> None:
    assert not blobs.has_folder("reports/1")
    blobs.put_folder("reports/1/2", FILES)
    assert not blobs.has_folder("reports/1") and blobs.has_folder("reports/1/2") and not blobs.has_folder("reports")
    assert blobs.get_folder("reports/1") == {} and blobs.names("reports/1") == ["2"]
    blobs.delete("reports/1")
    assert not blobs.has_folder("reports/1/2") and blobs.get_folder("reports/1/2") == {}


def test_versions_of_a_report_stand_side_by_side_and_go_together(blobs: Blobs, again: Callable[[], Blobs]) -> None:
    def resources_of(files: Mapping[str, bytes], former: Mapping[str, bytes]) -> dict[str, bytes]:
        return {f"Media/{REPORT}": files["report.pdf"], f"Observation/{UUID(int=len(former))}": b"{}"}

    for version in (1, 2):
        Store(blobs).put_report(REPORT, version, {"report.pdf": b"%d" % version}, resources_of)
    store = Store(again())
    assert store.versions(REPORT) == [1, 2] and store.file(REPORT, "report.pdf", 1) == b"1"
    assert store.file(REPORT, "report.pdf") == store.resource("Media", REPORT) == b"2"
    store.erase_report(REPORT, resources_of)
    assert store.versions(REPORT) == [] and store.resource("Media", REPORT) is None and store.files(REPORT, 1) == {}


def test_the_first_one_stays_unless_it_is_replaced(blobs: Blobs) -> None:
    for text in (b"first", b"second"):
        blobs.put_if_absent("a/b", text)
        blobs.put_folder("c/d", {"file": text})
    assert blobs.get("a/b") == blobs.get_from("c/d", "file") == b"first"
    blobs.put("a/b", b"third")
    assert blobs.get("a/b") == b"third"


def test_a_folder_that_broke_off_is_none_and_can_be_put_whole(blobs: Blobs, again: Callable[[], Blobs]) -> None:
    with pytest.raises(KeyboardInterrupt):
        blobs.put_folder("reports/1", BreakingOff(FILES))
    other = again()
    assert other.get_folder("reports/1") == {} and other.get_from("reports/1", "report.pdf") is None
    assert other.names("reports") == []
    other.put_folder("reports/1", FILES)
    assert other.get_folder("reports/1") == FILES


def test_many_at_once_leave_one_whole_folder_and_one_blob(blobs: Blobs) -> None:
    start = threading.Barrier(8)

    def put(at: int) -> None:
        start.wait()
        blobs.put_folder("reports/1", {"one": b"%d" % at, "other": b"%d" % at, f"own-{at}": b""})
        blobs.put_if_absent("payloads/1", b"%d" % at)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(8)))
    kept = blobs.get_folder("reports/1")
    winner = kept["one"].decode()
    assert kept == {"one": winner.encode(), "other": winner.encode(), f"own-{winner}": b""}
    assert blobs.get("payloads/1") in {b"%d" % at for at in range(8)}


def test_names_are_those_directly_below(blobs: Blobs) -> None:
    for key in ("payloads/ab/abc", "payloads/ab/abd", "payloads/cd/cde", "payloads/ab.json"):
        blobs.put_if_absent(key, b"")
    blobs.put_folder("reports/1", FILES)
    blobs.put_folder("reports/2", FILES)
    assert blobs.names("payloads") == ["ab", "ab.json", "cd"] and blobs.names("payloads/ab") == ["abc", "abd"]
    assert blobs.names("reports") == ["1", "2"]


def test_what_is_deleted_is_gone_with_all_below_and_nothing_beside(blobs: Blobs) -> None:
    for name in ("1", "10"):
        blobs.put_folder(f"reports/{name}", FILES)
        blobs.put_if_absent(f"payloads/{name}/deep/down", b"an ECG")
    for _ in range(2):
        blobs.delete("reports/1")
        blobs.delete("payloads/1")
    assert blobs.get_folder("reports/1") == {} and blobs.get("payloads/1/deep/down") is None
    assert blobs.names("reports") == ["10"] and blobs.names("payloads/1/deep") == []
    assert blobs.get_folder("reports/10") == FILES and blobs.get("payloads/10/deep/down") == b"an ECG"


def test_after_it_was_deleted_it_can_be_put_anew(blobs: Blobs) -> None:
    for text in (b"first", b"second"):
        blobs.put_folder("reports/1", {"file": text})
        blobs.put_if_absent("a/b", text)
        assert blobs.get_folder("reports/1") == {"file": text} and blobs.get("a/b") == text
        blobs.delete("reports/1")
        blobs.delete("a")


def test_large_blobs_come_back_as_they_were(blobs: Blobs) -> None:
    large = bytes(range(256)) * 65_536  # 16 MB, which a client might send in parts
    blobs.put_if_absent("payloads/large", large)
    assert blobs.get("payloads/large") == large


def test_the_check_leaves_nothing(blobs: Blobs, again: Callable[[], Blobs]) -> None:
    blobs.check()
    blobs.sweep()
    assert again().names("ready") == again().names("unfinished") == []
