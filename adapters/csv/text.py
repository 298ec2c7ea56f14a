"""The bytes of a text file as plain lines, whichever encoding and line ends they came in."""

from typing import Final

from ecg.errors import MalformedPayload

HEAD: Final = 32_768  # bytes that are looked at before anything is read

# Unicode 16.0, 23.8: the byte order marks.
_UTF8: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
# What stands in no table: C0 control characters but tab, line feed and carriage return.
_CONTROL: Final = bytes(sorted(set(range(32)) - set(b"\t\n\r")))


def plain(data: bytes) -> bytes:
    """Return the text in UTF-8, or as it came where it is Latin-1, without a mark and with line feeds alone.

    Raises:
        MalformedPayload: it says that it is UTF-16, and is not.
    """
    if data.startswith(_UTF16):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeError as error:
            raise MalformedPayload("The text is no UTF-16, as its mark says.") from error
    data = data.removeprefix(_UTF8)
    if b"\r" not in data:
        return data
    # Programs that write '\r\n' to a file which Windows writes as text leave '\r\r\n': one end of a line.
    return data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def head(text: bytes) -> str | None:
    """Return the beginning of a plain text, without a line that it cuts; None where it holds what no text does."""
    start = text[:HEAD]
    if len(start) < len(text) and b"\n" in start:
        start = start[: start.rindex(b"\n")]
    if start.translate(None, _CONTROL) != start:
        return None
    try:
        return start.decode()
    except UnicodeDecodeError:
        return start.decode("latin-1")
