"""A report's folder is whole or not there, and a second delivery changes nothing."""

import os
import stat
from pathlib import Path

import pytest

from adapters.fhir.bundle import encode
from adapters.folder import ABANDONED, DRAFT, WITHDRAWN, FolderDestination
from ecg.errors import Unreachable
from tests.golden.reports import amended, report, withdrawn

REPORT = report(asserted=("MI",))


def test_a_report_becomes_a_folder_for_its_owner_alone(tmp_path: Path) -> None:
    receipt = FolderDestination(tmp_path / "out", "desk").deliver(REPORT)
    home = tmp_path / "out" / receipt.reference
    assert (receipt.destination, receipt.reference) == ("desk", str(REPORT.id))
    assert {each.name: each.read_bytes() for each in home.iterdir()} == {
        "report.pdf": REPORT.pdf,
        "bundle.json": encode(REPORT),
        "relevance-MI.png": REPORT.pictures[0].png,
    }
    assert {stat.S_IMODE(each.stat().st_mode) for each in home.iterdir()} == {0o600}
    assert stat.S_IMODE(home.stat().st_mode) == stat.S_IMODE(home.parent.stat().st_mode) == 0o700


def test_a_folder_that_is_there_stays(tmp_path: Path) -> None:
    destination = FolderDestination(tmp_path)
    first = destination.deliver(REPORT)
    (tmp_path / first.reference / "report.pdf").write_bytes(b"signed")
    assert destination.deliver(REPORT) == first
    assert (tmp_path / first.reference / "report.pdf").read_bytes() == b"signed"


def test_a_check_says_whether_it_takes_anything_and_leaves_nothing(tmp_path: Path) -> None:
    FolderDestination(tmp_path / "out").check()
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unreachable):
        FolderDestination(tmp_path / "file").check()


def test_a_crash_leaves_nothing_that_looks_like_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt  # as a kill would, it passes every handler of OSError

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            FolderDestination(tmp_path).deliver(REPORT)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(DRAFT)
    FolderDestination(tmp_path).deliver(REPORT)
    assert left.exists(), "it may be another process's work"
    os.utime(left, (0, left.stat().st_mtime - ABANDONED - 1))
    FolderDestination(tmp_path).deliver(REPORT)
    assert [each.name for each in tmp_path.iterdir()] == [str(REPORT.id)]


def test_another_process_may_be_quicker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def late(draft: Path, home: Path) -> Path:
        home.mkdir()
        (home / "report.pdf").write_bytes(b"theirs")
        return rename(draft, home)

    monkeypatch.setattr(Path, "rename", late)
    reference = FolderDestination(tmp_path).deliver(REPORT).reference
    assert [each.name for each in tmp_path.iterdir()] == [reference]
    assert (tmp_path / reference / "report.pdf").read_bytes() == b"theirs"


def test_a_disk_that_refuses_can_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unreachable) as caught:
        FolderDestination(tmp_path / "file").deliver(REPORT)
    assert "file" not in str(caught.value)


def test_what_is_written_is_synced_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, rename = os.fsync, Path.rename

    def synced(handle: int) -> None:
        done.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def renamed(draft: Path, home: Path) -> Path:
        done.append("name")
        return rename(draft, home)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    FolderDestination(tmp_path).deliver(REPORT)
    assert done == ["file", "file", "file", "directory", "name", "directory"]


SECOND = amended(REPORT)
LAST = withdrawn(SECOND)


def held(at: Path) -> dict[str, bytes]:
    home = at / str(REPORT.id)
    return {str(each.relative_to(home)): each.read_bytes() for each in sorted(home.rglob("*")) if each.is_file()}


def test_a_later_version_takes_the_place_and_the_earlier_ones_stand_below_it(tmp_path: Path) -> None:
    destination = FolderDestination(tmp_path)
    for each in (REPORT, SECOND, REPORT, SECOND):
        destination.deliver(each)
    assert held(tmp_path) == {
        "VERSION": b"2\n",
        "bundle.json": encode(SECOND),
        "relevance-STTC.png": SECOND.pictures[0].png,
        "report.pdf": SECOND.pdf,
        "versions/1/bundle.json": encode(REPORT),
        "versions/1/relevance-MI.png": REPORT.pictures[0].png,
        "versions/1/report.pdf": REPORT.pdf,
    }
    assert [each.name for each in tmp_path.iterdir()] == [str(REPORT.id)]


def test_a_withdrawn_report_says_so_wherever_one_looks(tmp_path: Path) -> None:
    destination = FolderDestination(tmp_path)
    for each in (REPORT, SECOND, LAST, LAST, SECOND):
        destination.deliver(each)
    files = held(tmp_path)
    assert files["report.pdf"] == LAST.pdf and not [each for each in files if each.startswith("relevance")]
    notices = [name for name in files if name.endswith(WITHDRAWN)]
    assert notices == [WITHDRAWN, f"versions/1/{WITHDRAWN}", f"versions/2/{WITHDRAWN}"]
    assert all(b"WITHDRAWN" in files[each] and b"[wrong-patient]" in files[each] for each in notices)
    assert files["versions/2/report.pdf"] == SECOND.pdf


def test_what_somebody_changed_is_kept_with_its_version(tmp_path: Path) -> None:
    destination = FolderDestination(tmp_path)
    home = tmp_path / destination.deliver(REPORT).reference
    (home / "report.pdf").write_bytes(b"signed")
    destination.deliver(SECOND)
    assert (home / "versions" / "1" / "report.pdf").read_bytes() == b"signed"


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_crash_leaves_one_version_whole_and_a_repeat_ends_it(
    renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FolderDestination(tmp_path).deliver(REPORT)
    rename, left = Path.rename, renames

    def crash(here: Path, there: Path) -> Path:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return rename(here, there)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", crash)
        patched.setattr("adapters.folder.shutil.rmtree", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            FolderDestination(tmp_path).deliver(SECOND)
    for _ in range(2):
        FolderDestination(tmp_path).deliver(SECOND)
    files = held(tmp_path)
    assert (files["report.pdf"], files["versions/1/report.pdf"]) == (SECOND.pdf, REPORT.pdf)
    assert [each.name for each in tmp_path.iterdir() if not each.name.startswith(DRAFT)] == [str(REPORT.id)]
