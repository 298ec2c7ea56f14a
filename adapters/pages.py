"""Tells pages from recordings: pictures and documents that show an ECG and hold no samples; and our own from others."""

import re
from typing import Final
from uuid import UUID

MAX_BYTES: Final = 64_000_000  # of a page: what the doors take of any payload
# The first bytes, each as its format's specification has them.
_KINDS: Final = (
    (b"%PDF-", "PDF"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"BM", "BMP"),
)
# ISO 32000-1 14.3.3: the document information of our reports, as they are drawn: software, and the report's id.
_CREATOR: Final = b"/Creator (Twelvelead "
_SUBJECT: Final = re.compile(rb"/Subject \(urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)")


def page_kind(data: bytes) -> str | None:
    """Return the name of the page's format, None where it is no page."""
    return next((kind for start, kind in _KINDS if data.startswith(start)), None)


def own_report_id(data: bytes) -> UUID | None:
    """Return the id of the report whose PDF this is, None where it is none of ours. Never raises."""
    if page_kind(data) != "PDF" or _CREATOR not in data:
        return None
    match = _SUBJECT.search(data)
    return UUID(match.group(1).decode()) if match else None
