"""XML of foreign hands as an element tree: no document types, no entities, no more elements than an ECG has."""

from typing import Final
from xml.etree.ElementTree import Element, ParseError, TreeBuilder
from xml.parsers.expat import ExpatError, ParserCreate

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from ecg.errors import MalformedPayload, TooLarge

MAX_NODES: Final = 200_000  # elements and attributes; an ECG of 10 s with every wave annotated has some thousands
MAX_DEPTH: Final = 64
_LOOKAHEAD: Final = 65_536  # bytes in which the root must begin
_STEP: Final = 4096  # bytes that are looked at in one go
_SIGNS: Final = (b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0<", b" ", b"\t", b"\r", b"\n")


class _RootFound(Exception):
    """Ends the look for the root; holds its name."""


def root_name(data: bytes) -> str | None:
    """Return the root's name without its namespace, None where the first bytes are no XML. Never raises.

    A document type names the root, too: such a document is claimed by its reader, and refused by `parsed`.
    """
    if not data.startswith(_SIGNS):
        return None

    def found(name: str, *_: object) -> None:
        raise _RootFound(name)

    parser = ParserCreate()
    parser.StartElementHandler = found
    parser.StartDoctypeDeclHandler = found
    try:
        for at in range(0, min(len(data), _LOOKAHEAD), _STEP):
            parser.Parse(data[at : at + _STEP], False)
    except _RootFound as root:
        return str(root).rpartition(":")[2]
    except (ExpatError, ValueError, LookupError):  # the two last: an encoding that there is not
        return None
    return None


def parsed(data: bytes) -> Element:
    """Return the root of a document, whose elements are found by `{*}name`.

    Raises:
        MalformedPayload: it is not well-formed, or has a document type, entities, or elements too deep in each other.
        TooLarge: it has more elements and attributes than MAX_NODES.
    """
    if (
        data.count(b"=") > MAX_NODES
    ):  # one for each attribute; the parser holds those of an element before it shows them
        raise TooLarge(f"The XML holds more than {MAX_NODES} elements and attributes.")
    parser = DefusedXMLParser(target=_Bounded(), forbid_dtd=True, forbid_entities=True, forbid_external=True)
    try:
        parser.feed(data)
        root = parser.close()
    except DefusedXmlException as error:
        raise MalformedPayload("The XML declares a document type or entities, which no ECG needs.") from error
    except (ParseError, ValueError, LookupError) as error:
        raise MalformedPayload("The XML is not well-formed.") from error
    if not isinstance(root, Element):
        raise MalformedPayload("The XML has no root.")
    return root


def text(holder: Element | None, path: str = ".") -> str | None:
    """Return the text of the first element at a path, without the spaces around it; None where there is none."""
    found = None if holder is None else holder.find(path)
    return None if found is None else " ".join("".join(found.itertext()).split()) or None


def attribute(holder: Element | None, name: str, path: str = ".") -> str | None:
    """Return an attribute of the first element at a path, without the spaces around it; None where there is none."""
    found = None if holder is None else holder.find(path)
    return None if found is None else (found.get(name) or "").strip() or None


class _Bounded(TreeBuilder):
    """Builds the tree while it stays small."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MAX_NODES
        self._depth = 0

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        self._left -= 1 + len(attrs)
        self._depth += 1
        if self._left < 0:
            raise TooLarge(f"The XML holds more than {MAX_NODES} elements and attributes.")
        if self._depth > MAX_DEPTH:
            raise MalformedPayload(f"The XML has more than {MAX_DEPTH} elements, one in the other.")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> Element:
        self._depth -= 1
        return super().end(tag)
