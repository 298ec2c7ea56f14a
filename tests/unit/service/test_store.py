"""A report is kept whole or not at all, once, and for its owner's eyes alone."""

import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from ecg.errors import Overloaded, SetupError
from service.store import Files, Store

REPORT = UUID(int=2)
RESOURCE = UUID(int=3)


def files(text: str = "first") -> Files:
    return {"report.pdf": text.encode(), "bundle.json": b"{}"}


def resources_of(kept: Files, former: Files) -> Files:
    return {f"Media/{RESOURCE}": kept["report.pdf"]}


def interrupted(kept: Files, former: Files) -> Files:
    raise KeyboardInterrupt


def everything(at: Path) -> dict[str, bytes]:
    return {str(each.relative_to(at)): each.read_bytes() for each in at.rglob("*") if each.is_file()}


def test_what_was_put_is_found_also_after_a_restart(tmp_path: Path) -> None:
    Store(tmp_path).put_report(REPORT, 1, files(), resources_of)
    again = Store(tmp_path)
    assert again.file(REPORT, "report.pdf") == b"first" and again.resource("Media", RESOURCE) == b"first"


def test_what_was_never_put_is_not_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.file(REPORT, "report.pdf") is None and store.resource("Media", RESOURCE) is None


def test_putting_twice_keeps_the_first(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_report(REPORT, 1, files(), resources_of)
    before = everything(tmp_path)
    store.put_report(REPORT, 1, files("second"), resources_of)
    assert everything(tmp_path) == before


def test_a_crash_after_the_folder_leaves_no_resource_and_a_retry_completes_the_first_report(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path).put_report(REPORT, 1, files(), interrupted)
    store = Store(tmp_path)
    assert store.resource("Media", RESOURCE) is None
    store.put_report(REPORT, 1, files("second"), resources_of)
    assert store.file(REPORT, "report.pdf") == store.resource("Media", RESOURCE) == b"first"


def test_an_unfinished_folder_is_no_report(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "unfinished" / "draft").mkdir()
    (tmp_path / "unfinished" / "draft" / "report.pdf").write_bytes(b"half")
    assert store.file(REPORT, "report.pdf") is None
    store.put_report(REPORT, 1, files(), resources_of)
    assert store.file(REPORT, "report.pdf") == b"first"


def test_a_disk_that_refuses_announces_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "resources").write_text("in the way")
    with pytest.raises(Overloaded, match="the disk refused"):
        store.put_report(REPORT, 1, files(), resources_of)
    assert store.resource("Media", RESOURCE) is None


def test_a_file_that_cannot_be_written_leaves_no_folder(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(Overloaded):
        store.put_report(
            REPORT, 1, {"report.pdf": b"whole", "x" * 300: b"a name that no file system takes"}, resources_of
        )
    assert everything(tmp_path) == {} and not (tmp_path / "reports").exists()


def test_many_at_once_leave_one_report(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        for each in [pool.submit(store.put_report, REPORT, 1, files(str(at)), resources_of) for at in range(8)]:
            each.result()
    kept = store.file(REPORT, "report.pdf")
    assert len(list((tmp_path / "reports").iterdir())) == 1 and not list((tmp_path / "unfinished").iterdir())
    assert kept in {str(at).encode() for at in range(8)} and store.resource("Media", RESOURCE) == kept


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    at = tmp_path / "data"
    Store(at).put_report(REPORT, 1, files(), resources_of)
    modes = {each: stat.S_IMODE(each.stat().st_mode) for each in (at, *at.rglob("*"))}
    assert {mode for each, mode in modes.items() if each.is_file()} == {0o600}
    assert {mode for each, mode in modes.items() if each.is_dir()} == {0o700}


def test_a_file_in_the_place_of_the_directory_is_the_operators_to_mend(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(SetupError, match="TWELVELEAD_DATA") as caught:
        Store(tmp_path / "data")
    assert str(tmp_path) not in str(caught.value)


def test_the_check_fails_when_the_directory_is_gone(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    store.check()
    (tmp_path / "data" / "unfinished").rmdir()
    (tmp_path / "data" / "unfinished").write_text("in the way")
    with pytest.raises(Overloaded):
        store.check()


def test_what_a_crash_left_is_swept_when_it_is_old(tmp_path: Path) -> None:
    Store(tmp_path)
    old, fresh = tmp_path / "unfinished" / "old", tmp_path / "unfinished" / "fresh"
    for each in (old, fresh):
        each.mkdir()
        (each / "report.pdf").write_bytes(b"a patient's")
    os.utime(old, (0, 0))
    Store(tmp_path)
    assert [each.name for each in (tmp_path / "unfinished").iterdir()] == ["fresh"]


def test_a_payload_is_kept_by_its_digest_once(tmp_path: Path) -> None:
    store, digest = Store(tmp_path), hashlib.sha256(b"an ECG").hexdigest()
    store.put_payload(digest, b"an ECG")
    store.put_payload(digest, b"an ECG")
    assert Store(tmp_path).payload(digest) == b"an ECG"
    assert len(everything(tmp_path)) == 1


def test_a_damaged_or_missing_payload_is_not_given_out(tmp_path: Path) -> None:
    store, digest = Store(tmp_path), hashlib.sha256(b"an ECG").hexdigest()
    with pytest.raises(LookupError):
        store.payload(digest)
    store.put_payload(digest, b"another one")
    with pytest.raises(LookupError):
        store.payload(digest)


def test_a_later_version_replaces_the_resources_and_keeps_the_files_of_the_earlier(tmp_path: Path) -> None:
    store, replaced = Store(tmp_path), UUID(int=4)

    def both(kept: Files, former: Files) -> Files:
        return resources_of(kept, former) | ({f"Media/{replaced}": former["report.pdf"]} if former else {})

    store.put_report(REPORT, 1, files(), both)
    for text in ("second", "a repeat that differs"):
        store.put_report(REPORT, 2, files(text), both)
    assert store.versions(REPORT) == [1, 2]
    assert store.file(REPORT, "report.pdf") == store.resource("Media", RESOURCE) == b"second"
    assert store.file(REPORT, "report.pdf", 1) == store.resource("Media", replaced) == b"first"
    assert store.file(REPORT, "report.pdf", 3) is None and not list((tmp_path / "unfinished").iterdir())


def test_an_earlier_version_that_comes_late_brings_no_resource_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_report(REPORT, 1, files(), resources_of)
    store.put_report(REPORT, 2, files("second"), resources_of)
    store.put_report(REPORT, 1, files(), resources_of)
    assert store.resource("Media", RESOURCE) == b"second"


def test_a_report_from_before_there_were_versions_is_its_first(tmp_path: Path) -> None:
    store, old = Store(tmp_path), tmp_path / "reports" / str(REPORT)
    old.mkdir(parents=True)
    (old / "report.pdf").write_bytes(b"old")
    assert store.versions(REPORT) == [1] and store.files(REPORT) == store.files(REPORT, 1) == {"report.pdf": b"old"}
    store.put_report(REPORT, 1, files(), resources_of)
    assert store.file(REPORT, "report.pdf") == b"old"
    store.put_report(REPORT, 2, files("second"), resources_of)
    assert store.file(REPORT, "report.pdf") == b"second" and store.file(REPORT, "report.pdf", 1) == b"old"


def test_a_crash_before_the_resources_are_replaced_is_made_good_by_a_retry(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_report(REPORT, 1, files(), resources_of)
    with pytest.raises(KeyboardInterrupt):
        store.put_report(REPORT, 2, files("second"), interrupted)
    assert store.resource("Media", RESOURCE) == b"first"
    store.put_report(REPORT, 2, files("second"), resources_of)
    assert store.resource("Media", RESOURCE) == b"second"


@pytest.mark.parametrize("before_there_were_versions", [False, True])
def test_erasing_takes_all_versions_and_all_that_they_had(tmp_path: Path, before_there_were_versions: bool) -> None:
    def both(kept: Files, former: Files) -> Files:
        return {f"Media/{UUID(bytes=kept['report.pdf'].rjust(16))}": b"{}", "Device/of all": b"{}"}

    store = Store(tmp_path)
    store.put_report(REPORT, 1, files(), both)
    if before_there_were_versions:
        home = tmp_path / "reports" / str(REPORT)
        for each in (home / "1").iterdir():
            each.rename(home / each.name)
        (home / "1").rmdir()
    store.put_report(REPORT, 2, files("second"), both)
    assert store.versions(REPORT) == [1, 2] and len(everything(tmp_path / "resources" / "Media")) == 2
    store.erase_report(REPORT, both)
    store.erase_report(REPORT, both)
    assert store.versions(REPORT) == [] and store.files(REPORT) == {}
    assert list(everything(tmp_path)) == ["resources/Device/of all.json"]
