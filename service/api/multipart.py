"""Takes a multipart/related body apart while it arrives (RFC 2387, RFC 2046 5.1), within bounds."""

from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ecg.errors import TooLarge, UnknownFormat
from service.api.problems import BrokenRequest

MOST_PARTS: Final = 1000
LONGEST_BOUNDARY: Final = 200  # characters. RFC 2046 5.1.1 allows 70; Orthanc's have 73


class Parts:
    """The parts of one body. Feed it with `write`, then ask for `parts`.

    Args:
        content_type: of the request.
        wanted: the media type that it must say its parts have.
        most: bytes that the body may have.

    Raises:
        UnknownFormat: it is no multipart/related of what is wanted.
        BrokenRequest: it names no boundary.
    """

    def __init__(self, content_type: str, wanted: str, most: int) -> None:
        kind, options = parse_options_header(content_type)
        root = options.get(b"type", wanted.encode()).decode("latin-1").lower()
        if kind.lower() != b"multipart/related" or root != wanted:
            raise UnknownFormat(f"Send multipart/related with type {wanted}.")
        boundary = options.get(b"boundary", b"")
        if not 1 <= len(boundary) <= LONGEST_BOUNDARY:
            raise BrokenRequest(f"The Content-Type names no boundary of 1 to {LONGEST_BOUNDARY} characters.")
        self._wanted, self._left, self._ended = wanted, most, False
        self._parts: list[bytes] = []
        self._name, self._value, self._type, self._data = bytearray(), bytearray(), "", bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._head,
                "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
                "on_part_end": self._end,
                "on_end": self._close,
            },
        )

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            TooLarge: there are too many, or too many parts.
            BrokenRequest: they break the format.
            UnknownFormat: a part says that it is something else.
        """
        self._left -= len(chunk)
        if self._left < 0:
            raise TooLarge("The body is larger than one request may be; send fewer objects at once.")
        try:
            self._parser.write(chunk)
        except FormParserError as error:  # its text may quote the body
            raise BrokenRequest("The body breaks the multipart format.") from error

    def parts(self) -> tuple[bytes, ...]:
        """Return the bytes of each part, once the body is whole.

        Raises:
            BrokenRequest: it ends before its last boundary, or has no part.
        """
        if not self._ended:
            raise BrokenRequest("The body ends before its last boundary.")
        if not self._parts:
            raise BrokenRequest("The body has no part.")
        return tuple(self._parts)

    def _begin(self) -> None:
        self._type, self._data = "", bytearray()

    def _head(self) -> None:
        if self._name.lower() == b"content-type":
            self._type = parse_options_header(bytes(self._value))[0].decode("latin-1").lower()
        self._name, self._value = bytearray(), bytearray()

    def _end(self) -> None:
        if self._type not in ("", self._wanted):
            raise UnknownFormat(f"A part is not {self._wanted}.")
        if len(self._parts) == MOST_PARTS:
            raise TooLarge(f"The body has more than {MOST_PARTS} parts.")
        self._parts.append(bytes(self._data))

    def _close(self) -> None:
        self._ended = True
