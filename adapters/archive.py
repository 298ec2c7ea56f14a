"""Opens zip and tar archives of foreign hands: few files, small ones, and none that names a place outside."""

import gzip
import io
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any, Final

from ecg.errors import MalformedPayload, TooLarge

MAX_FILES: Final = 2000
# What comes out may be so many times what went in, and so much more: a bomb of zeros shrinks a thousandfold.
MAX_GROWTH: Final = 5
SPARE: Final = 50_000_000  # bytes
# Folders, and archives in the archive that are not compressed, have entries too. Each costs memory before it is seen.
MAX_ENTRIES: Final = 10 * MAX_FILES

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_ENTRY: Final = b"PK\x01\x02"  # APPNOTE.TXT 4.3.12, central directory header
# APPNOTE.TXT 4.4.5. Python takes others out in pieces that know no limit.
_ZIP_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_GZIP: Final = b"\x1f\x8b"
_TAR_MAGIC: Final = slice(257, 262)  # POSIX.1-1988 ustar, offset of the field 'magic'
_TAR_END: Final = bytes(512)  # the same: an archive ends with blocks of zeros
# POSIX.1-2001 pax: a record begins with its length, for which Python looks as long as the square of the digits.
_PAX_FLOOD: Final = re.compile(rb"\d{32}")
_DRIVE: Final = re.compile("[A-Za-z]:")
# What file managers add. It is nobody's ECG.
_LITTER: Final = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


def is_archive(data: bytes) -> bool:
    """Say by the first bytes whether it is a zip, a tar or something that gzip made."""
    return data.startswith((*_ZIP, _GZIP)) or data[_TAR_MAGIC] == b"ustar"


def files(data: bytes, ending: str = "") -> dict[str, bytes]:
    """Return the files of an archive by their names, in its order, without what file managers add.

    Files whose names end otherwise than `ending` stay closed: they are there with no bytes.

    Raises:
        MalformedPayload: it is damaged, encrypted, empty, names a file twice, or one outside of itself.
        TooLarge: it holds too many files, or they are too large in all.
    """
    try:
        found = _of_zip(data, ending) if data.startswith(_ZIP) else _of_tar(data, ending)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        struct.error,
        EOFError,
        OSError,
        RuntimeError,  # RecursionError and NotImplementedError are such
        ValueError,
        OverflowError,
        LookupError,
    ) as error:
        raise MalformedPayload(f"The archive of {len(data)} bytes is damaged.") from error
    if not found:
        raise MalformedPayload("The archive holds no files.")
    return found


def packed(held: dict[str, bytes]) -> bytes:
    """Return files as one zip, always the same bytes for the same files."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:  # stored, and dated 1980-01-01
        for name, data in held.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return whole.getvalue()


def _of_zip(data: bytes, ending: str) -> dict[str, bytes]:
    if data.count(_ZIP_ENTRY) > MAX_ENTRIES:
        raise TooLarge(f"The archive holds more than {MAX_ENTRIES} entries.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = [each for each in archive.infolist() if not each.is_dir()]
        if any(each.flag_bits & 1 for each in inside):  # APPNOTE.TXT 4.4.4, bit 0
            raise MalformedPayload("The archive is encrypted.")
        if any(each.compress_type not in _ZIP_METHODS for each in inside):
            raise MalformedPayload("The archive is compressed by another method than deflate.")

        def content(at: int, most: int) -> bytes:
            with archive.open(inside[at]) as file:
                return file.read(most)

        return _bounded([each.filename for each in inside], content, len(data), ending)


def _of_tar(data: bytes, ending: str) -> dict[str, bytes]:
    whole = _without_gzip(data)
    if data.startswith(_GZIP) and whole[_TAR_MAGIC] != b"ustar":
        raise MalformedPayload("What gzip made is no tar: send a single file as it is, or in a zip.")
    with tarfile.open(fileobj=io.BytesIO(whole), tarinfo=_Entry) as archive:
        inside = []
        for count, each in enumerate(archive, 1):
            if count > MAX_ENTRIES:
                raise TooLarge(f"The archive holds more than {MAX_ENTRIES} entries.")
            if not each.isdir():
                inside.append(each)
        # Python takes a header that it cannot read for the end.
        if whole[archive.offset : archive.offset + len(_TAR_END)] != _TAR_END:
            raise MalformedPayload("The archive is cut short.")
        if any(not each.isfile() or each.issparse() for each in inside):
            raise MalformedPayload("The archive holds something else than whole files, such as a link.")

        def content(at: int, most: int) -> bytes:
            file = archive.extractfile(inside[at])
            return file.read(most) if file else b""

        return _bounded([each.name for each in inside], content, len(data), ending)


class _Entry(tarfile.TarInfo):
    """An entry of a tar, whose extended header is looked at before Python looks for records in it."""

    def _proc_pax(self, archive: Any) -> Any:
        at = archive.fileobj.tell()
        if _PAX_FLOOD.search(archive.fileobj.read(max(self.size, 0))):
            raise tarfile.ReadError("an extended header of digits")
        archive.fileobj.seek(at)
        return super()._proc_pax(archive)  # type: ignore[misc]  # typeshed has none of its inner parts


def _without_gzip(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    most = MAX_GROWTH * len(data) + SPARE
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:  # all members, their lengths and checksums
        whole = file.read(most + 1)
    if len(whole) > most:
        raise TooLarge("The archive unpacks to more than may come of it.")
    return whole


def _bounded(names: list[str], content: Callable[[int, int], bytes], size: int, ending: str) -> dict[str, bytes]:
    """Return the files by their checked names while they stay within the limits. What they announce is no proof."""
    if len(names) > MAX_FILES:
        raise TooLarge(f"The archive holds more than {MAX_FILES} files.")
    left = MAX_GROWTH * size + SPARE
    found: dict[str, bytes] = {}
    for at, name in _wanted(names):
        if name in found:
            raise MalformedPayload("The archive names a file twice.")
        found[name] = content(at, left + 1) if name.endswith(ending) else b""
        left -= len(found[name])
        if left < 0:
            raise TooLarge("The archive unpacks to more than may come of it.")
    return found


def _wanted(names: Iterable[str]) -> list[tuple[int, str]]:
    wanted = []
    for at, name in enumerate(names):
        path = PurePosixPath(name.replace("\\", "/"))
        if not path.parts or path.is_absolute() or ".." in path.parts or _DRIVE.match(name) or "\0" in name:
            raise MalformedPayload("The archive names a file outside of itself.")
        if not any(part in _LITTER or part.startswith("._") for part in path.parts):
            wanted.append((at, str(path)))
    return wanted
