"""Opens zip and tar archives of foreign hands: few files, small ones, and none that names a place outside."""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Final

from ecg.errors import MalformedPayload, TooLarge

MAX_FILES: Final = 2000
# What comes out may be so many times what went in, and so much more: a bomb of zeros shrinks a thousandfold.
MAX_GROWTH: Final = 5
SPARE: Final = 50_000_000  # bytes

_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP: Final = b"\x1f\x8b"
_TAR_MAGIC: Final = slice(257, 262)  # POSIX.1-1988 ustar, offset of the field 'magic'
# What file managers add. It is nobody's ECG.
_LITTER: Final = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


def is_archive(data: bytes) -> bool:
    """Say by the first bytes whether it is a zip, a tar or something that gzip made."""
    return data.startswith((*_ZIP, _GZIP)) or data[_TAR_MAGIC] == b"ustar"


def files(data: bytes) -> dict[str, bytes]:
    """Return the files of an archive by their names, in its order, without what file managers add.

    Raises:
        MalformedPayload: it is damaged, encrypted, empty, names a file twice, or one outside of itself.
        TooLarge: it holds too many files, or they are too large in all.
    """
    try:
        found = _of_zip(data) if data.startswith(_ZIP) else _of_tar(data)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        ValueError,
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


def _of_zip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = [each for each in archive.infolist() if not each.is_dir()]
        if any(each.flag_bits & 1 for each in inside):  # APPNOTE.TXT 4.4.4, bit 0
            raise MalformedPayload("The archive is encrypted.")

        def content(at: int, most: int) -> bytes:
            with archive.open(inside[at]) as file:
                return file.read(most)

        return _bounded([each.filename for each in inside], content, len(data))


def _of_tar(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(_without_gzip(data))) as archive:
        inside = []
        for each in archive:
            if not each.isdir():
                inside.append(each)
            if len(inside) > MAX_FILES:
                break  # said below
        if not all(each.isfile() for each in inside):
            raise MalformedPayload("The archive holds something else than files, such as a link.")

        def content(at: int, most: int) -> bytes:
            file = archive.extractfile(inside[at])
            return file.read(most) if file else b""

        return _bounded([each.name for each in inside], content, len(data))


def _without_gzip(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    most = MAX_GROWTH * len(data) + SPARE
    whole = zlib.decompressobj(wbits=31).decompress(data, most + 1)  # 31: a gzip header is expected
    if len(whole) > most:
        raise TooLarge("The archive unpacks to more than may come of it.")
    return whole


def _bounded(names: list[str], content: Callable[[int, int], bytes], size: int) -> dict[str, bytes]:
    """Return the files by their checked names while they stay within the limits. What they announce is no proof."""
    if len(names) > MAX_FILES:
        raise TooLarge(f"The archive holds more than {MAX_FILES} files.")
    left = MAX_GROWTH * size + SPARE
    found: dict[str, bytes] = {}
    for at, name in _wanted(names):
        if name in found:
            raise MalformedPayload("The archive names a file twice.")
        found[name] = content(at, left + 1)
        left -= len(found[name])
        if left < 0:
            raise TooLarge("The archive unpacks to more than may come of it.")
    return found


def _wanted(names: Iterable[str]) -> list[tuple[int, str]]:
    wanted = []
    for at, name in enumerate(names):
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name:
            raise MalformedPayload("The archive names a file outside of itself.")
        if not any(part in _LITTER or part.startswith("._") for part in path.parts):
            wanted.append((at, str(path)))
    return wanted
