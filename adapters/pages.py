"""Tells pages from recordings: pictures and documents that show an ECG and hold no samples."""

from typing import Final

# The first bytes, each as its format's specification has them.
_KINDS: Final = (
    (b"%PDF-", "PDF"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"BM", "BMP"),
)


def page_kind(data: bytes) -> str | None:
    """Return the name of the page's format, None where it is no page."""
    return next((kind for start, kind in _KINDS if data.startswith(start)), None)
