"""How a table of numbers is written: where it begins, what separates its cells, and which mark is the decimal one."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from adapters.csv.moments import moment
from adapters.csv.statements import bare, is_statement
from ecg.errors import AmbiguousPayload, MalformedPayload

MIN_ROWS: Final = 5
MAX_COLUMNS: Final = 64
LONG_ROW: Final = 100  # cells; so many lie along a row only where the leads are rows
MAX_CELL: Final = 40  # characters

SEPARATORS: Final = ";\t|"  # these separate wherever they stand; a comma may be a decimal mark, and spaces fill up
MISSING: Final = r"nan|na|n/a|#n/a|null|none|-+|\*"
_MISSING: Final = re.compile(MISSING, re.IGNORECASE)
_LOOSE: Final = re.compile(r"[-+]?[.,]?\d[\d.,]*(?:[eE][-+]?\d+)?")
_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d+(?:,\d+)?(?:[eE][-+]?\d+)?")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
# WFDB's header(5): 'record/segments signals', which is no table though numbers may follow.
_SEGMENTS: Final = re.compile(r"\S+/\d+ \d+(?: |$)")


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Attributes:
        before: the lines before its first row.
        separator: what stands between cells; '' for any spaces.
        columns: cells in a row; 0 where the leads are rows.
        decimals: what may be the decimal mark; two where the table does not tell.
        marked: whether a number of those that were looked at has a mark at all.
        grouped: whether the other mark groups thousands.
        timed: whether the first cell of a row is a date or time of day in words.
        first: the first cell of the first row.
    """

    before: tuple[str, ...] = field(repr=False)
    separator: str
    columns: int
    decimals: tuple[str, ...] = (".",)
    marked: bool = True
    grouped: bool = False
    timed: bool = False
    first: str = field(default="", repr=False)

    def cells(self, line: str) -> list[str]:
        """Return the cells of a line, without quotes and spaces around them."""
        return cells(line, self.separator)


def cells(line: str, separator: str) -> list[str]:
    """Return the cells of a line, without quotes and spaces around them."""
    if not separator:
        return [each.strip("\"'") for each in line.split()]
    quote = next((each for each in "\"'" if each in line), None)
    if quote is None:
        return [each.strip() for each in line.split(separator)]
    found = csv.reader([line], delimiter=separator, quotechar=quote, skipinitialspace=True)
    return [each.strip() for each in next(found, [])]


def layout(head: str, leads: int = 0) -> Layout | None:
    """Find the table in the beginning of a text; None where there is none.

    Args:
        head: whole lines.
        leads: how many were declared, for what may be two columns or one with a decimal comma; 0 for none.

    Raises:
        AmbiguousPayload: it may be two columns or one with a decimal comma.
        MalformedPayload: it has something else between its rows.
    """
    lines = head.rstrip("\n ").split("\n")
    if head.lstrip()[:1] in ("{", "[", "<") or _SEGMENTS.match(lines[0]):
        return None
    if (along := _along(lines)) is not None:
        return along
    separator = _separator(lines[-1])
    start = _start(lines, separator)
    if len(lines) - start < MIN_ROWS:
        return None
    if any(_is_row(each, separator, len(cells(lines[-1], separator))) for each in lines[:start]):
        raise MalformedPayload("Between the rows of the table stands something else.")
    if separator == "," and _is_one_column(lines[start:], lines[:start], leads):
        separator = ""
    rows = [cells(each, separator) for each in lines[start:]]
    timed = moment(rows[0][0]) is not None
    numbers = [cell for row in rows for cell in row[timed:] if not _MISSING.fullmatch(cell)]
    decimals = _decimals(numbers, separator, quoted=any(each in lines[-1] for each in "\"'"))
    return Layout(
        before=tuple(lines[:start]),
        separator=separator,
        columns=len(rows[-1]),
        decimals=decimals,
        marked=any("." in each or "," in each for each in numbers),
        grouped=len(decimals) == 1 and any(_other(decimals[0]) in each for each in numbers),
        timed=timed,
        first=rows[0][0],
    )


def _other(mark: str) -> str:
    return "," if mark == "." else "."


def _along(lines: Sequence[str]) -> Layout | None:
    """Return the layout of leads that are rows: after some lines, one of many numbers, with or without a label."""
    for at, line in enumerate(islice(lines, MAX_COLUMNS)):
        separator = _separator(line[line.find(",") + 1 :] if line.count(",") > LONG_ROW else line)
        if len(line) < LONG_ROW or line.count(separator or " ") < LONG_ROW:
            continue
        held = cells(line, separator)[1:LONG_ROW]
        if sum(1 for each in held if _is_cell(each) and each) >= len(held) - 1:
            label = line.lstrip(" \"'")[:MAX_CELL]
            numbers = [each for each in held if each]
            return Layout(tuple(lines[:at]), separator, 0, _decimals(numbers, separator), first=label)
    return None


def _separator(line: str) -> str:
    unquoted = _QUOTED.sub("0", line)
    found = next((each for each in SEPARATORS if each in unquoted), None)
    if found is not None:
        return found
    tokens = unquoted.split()
    if "," in unquoted and not (len(tokens) > 1 and all(_DECIMAL_COMMA.fullmatch(each) for each in tokens)):
        return ","
    return ""


def _start(lines: Sequence[str], separator: str) -> int:
    """Return the line from which on all are rows of the table."""
    start, width = len(lines), len(cells(lines[-1], separator))
    for at in range(len(lines) - 1, -1, -1):
        row = cells(lines[at], separator)
        if not any(row) and len(row) <= 1 == width:  # a sample that is missing, or the end of the lines before
            continue
        if any(row) and not _is_row(lines[at], separator, width):
            # One column with a decimal comma has numbers without one among them.
            if separator == "," and width <= 2 and _DECIMAL_COMMA.fullmatch(lines[at].strip()):
                start = at
                continue
            break
        if any(row):
            start = at
    return start


def _is_row(line: str, separator: str, width: int) -> bool:
    row = cells(line, separator)
    return len(row) == width and any(row) and all(map(_is_cell, row[moment(row[0]) is not None :]))


def _is_cell(cell: str) -> bool:
    return not cell or (len(cell) <= MAX_CELL and bool(_LOOSE.fullmatch(cell) or _MISSING.fullmatch(cell)))


def _is_one_column(rows: Sequence[str], before: Sequence[str], leads: int) -> bool:
    """Say whether '1,5' is one number in these rows, by the names before them, the declared leads, or rows without.

    Raises:
        AmbiguousPayload: none of these tells.
    """
    if not all(not each.strip() or _DECIMAL_COMMA.fullmatch(each.strip()) for each in rows):
        return False
    last = next((bare(each) for each in reversed(before) if each.strip()), "")
    if last and not is_statement(last):
        return "," not in last
    if leads:
        return leads == 1
    if any("," not in each for each in rows if each.strip()) or any(is_statement(each) for each in before):
        return True
    raise AmbiguousPayload("Each row may be two numbers, or one with a decimal comma.", declare=("leads",))


def _decimals(numbers: Sequence[str], separator: str, *, quoted: bool = False) -> tuple[str, ...]:
    """Return what may be the decimal mark of some numbers: one, both, or none that fits them all."""
    marked = [each for each in numbers if "." in each or "," in each]
    commas = any("," in each for each in marked)
    if not marked or (separator == "," and not quoted) or (separator in ("", ",") and not commas):
        return (".",)
    fitting = tuple(mark for mark in ".," if all(_number(mark).fullmatch(each) for each in marked))
    if len(fitting) == 2 and any(re.fullmatch(r"[-+]?\d{4,}", each) for each in numbers):
        return ("," if commas else ".",)  # thousands are not grouped here
    return fitting


def _number(decimal: str) -> re.Pattern[str]:
    whole = rf"(?:\d+|[1-9]\d{{0,2}}(?:{re.escape(_other(decimal))}\d{{3}})+)?"
    return re.compile(rf"[-+]?{whole}(?:{re.escape(decimal)}\d*)?(?:[eE][-+]?\d+)?")
