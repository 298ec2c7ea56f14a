"""The numbers of a table, read as its layout says and no other way."""

import csv
import io
import re
import warnings
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.csv.layout import MAX_COLUMNS, MISSING, Layout
from adapters.csv.moments import seconds
from ecg.errors import MalformedPayload

_QUOTES: Final = (b'"', b"'")
_USUAL: Final = b"0123456789.,+-eE;|\t\n "  # without these, nothing is left of a table of numbers and gaps
# '1.234' may be one and a fraction or one thousand; '0.123', '1.5' and '1234.567' may not.
_MAY_GROUP: Final = re.compile(rb"(?<![\d.,:])[1-9]\d{0,2}(?:[.,]\d{3})+(?![\d.,])")
_IS_DECIMAL: Final = re.compile(rb"[.,](?!\d{3}(?!\d))|(?<!\d)0[.,]|\d{4}[.,]")
_NO_TABLE: Final = "A row does not fit the table: it holds something else than numbers, or more or fewer of them."

_UNCLEAR: Final = "The points or commas in the numbers {}: write them with a decimal point."


def numbers(text: bytes, layout: Layout) -> NDArray[np.float64]:
    """Return the numbers of the table, float64 (rows, columns); NaN where a cell is empty or says that it has none.

    A first cell that is a date or a time of day becomes seconds.

    Raises:
        MalformedPayload: a row has something else than numbers, or more or fewer of them.
    """
    body, separator = _body(text, layout), layout.separator
    quote = next((each for each in _QUOTES if each in body), None)
    if quote is not None:
        body, separator = _unquoted(body, separator, quote.decode()), "\t"
    body = _with_gaps(_with_points(body, layout, separator), separator)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = np.loadtxt(
                io.BytesIO(body),
                delimiter=separator or None,
                comments=None,
                ndmin=2,
                converters={0: seconds} if layout.timed else None,
                encoding="latin-1",
            )
    except (ValueError, TypeError, UserWarning) as error:
        raise MalformedPayload(_NO_TABLE) from error
    if found.shape[1] > MAX_COLUMNS:
        raise MalformedPayload(f"A table of {found.shape[1]} columns is no ECG; at most {MAX_COLUMNS} may be.")
    return np.asarray(found, dtype=np.float64)


def along(text: bytes, layout: Layout) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return labels and numbers, float64 (samples, leads), of a table whose rows are leads and begin with a label.

    Raises:
        MalformedPayload: as `numbers`; also where a row has no label, or there are too many.
    """
    body = _body(text, layout)
    if body.count(b"\n") >= MAX_COLUMNS:
        raise MalformedPayload(f"There are rows of many numbers; at most {MAX_COLUMNS} may be leads.")
    rows = [each for each in body.split(b"\n") if each.strip()]
    parts = [each.lstrip().partition(layout.separator.encode() or b" ") for each in rows]
    labels = tuple(label.decode("utf-8", "replace").strip(" \"'") for label, _, _ in parts)
    if not all(re.search("[A-Za-z]", each) for each in labels):
        raise MalformedPayload(
            f"{len(rows)} rows of many numbers: leads are read from rows only where each begins with its lead's name."
        )
    body = _with_points(b"\n".join(rest for _, _, rest in parts), layout, layout.separator)
    body = _with_gaps(body, layout.separator)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = np.loadtxt(io.BytesIO(body), delimiter=layout.separator or None, comments=None, ndmin=2)
    except (ValueError, TypeError, UserWarning) as error:
        raise MalformedPayload(_NO_TABLE) from error
    return labels, np.asarray(found, dtype=np.float64).T


def _body(text: bytes, layout: Layout) -> bytes:
    at = 0
    for _ in layout.before:
        at = text.index(b"\n", at) + 1
    return text[at:].rstrip(b"\n ")


def _unquoted(body: bytes, separator: str, quote: str) -> bytes:
    """Return the rows without their quotes, with tabs between the cells."""
    plain = bytearray()
    try:
        delimiter = separator or " "
        for row in csv.reader(_lines(body), delimiter=delimiter, quotechar=quote, skipinitialspace=True):
            plain += "\t".join(each.strip() for each in row).encode() + b"\n"
    except csv.Error as error:
        raise MalformedPayload(_NO_TABLE) from error
    return bytes(plain).rstrip(b"\n")


def _lines(body: bytes) -> Iterator[str]:
    at = 0
    while at < len(body):
        end = body.find(b"\n", at)
        end = len(body) if end < 0 else end
        yield body[at:end].decode("latin-1")
        at = end + 1


def _with_points(body: bytes, layout: Layout, separator: str) -> bytes:
    """Return the rows with decimal points and without marks that group thousands.

    Raises:
        MalformedPayload: the marks do not stand where they must.
    """
    if len(layout.decimals) != 1:
        reason = "may be decimal marks as well as group thousands" if layout.decimals else "contradict each other"
        raise MalformedPayload(_UNCLEAR.format(reason))
    decimal = layout.decimals[0].encode()
    other = b"," if decimal == b"." else b"."
    if other == separator.encode():
        return body
    if separator and not layout.marked and _MAY_GROUP.search(body) and not _IS_DECIMAL.search(body):
        raise MalformedPayload(_UNCLEAR.format("may be decimal marks as well as group thousands"))
    if layout.grouped:
        mark = re.escape(other)
        if re.search(rb"(?<!\d)%b|\d{4}%b|%b(?!\d{3}(?!\d))" % (mark, mark, mark), body):
            raise MalformedPayload("A mark that groups thousands does not stand before three digits.")
        body = body.replace(other, b"")
    elif decimal == b",":
        after = rb"%b[^%b\n]*\." % (re.escape(separator.encode()), re.escape(separator.encode()))
        if re.search(after, body) if layout.timed else b"." in body:
            raise MalformedPayload("Numbers have decimal commas and points.")
    return body.replace(b",", b".") if decimal == b"," else body


def _with_gaps(body: bytes, separator: str) -> bytes:
    """Return the rows with 'nan' for each cell that is empty or says that it has no number."""
    end = re.escape(separator.encode())
    if not separator:
        body = re.sub(rb"(?m)^[ \t]*$", b"nan", body) if re.search(rb"\n[ \t]*\n", body) else body
        return re.sub(rb"(?i)(?<!\S)(?:%b)(?!\S)" % MISSING.encode(), b"nan", body) if _is_unusual(body) else body
    if not (_is_unusual(body) or re.search(rb"(?:%b|\n|-|\A) *(?:%b|\n|\Z)" % (end, end), body)):
        return body
    cell = rb"(?i)(?:(?<=%b)|(?<=\n)|\A)[ ]*(?:%b)?[ ]*(?=%b|\n|\Z)" % (end, MISSING.encode(), end)
    return re.sub(cell, b"nan", body)


def _is_unusual(body: bytes) -> bool:
    return bool(body.translate(None, _USUAL)) or b"- " in body or b"-\n" in body or body.endswith(b"-")
