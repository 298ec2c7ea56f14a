"""Layouts as data: which lead stands where on a page. Each file of `layouts` is one."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ecg.leads import INVERTED_AVR, LEADS


@dataclass(frozen=True)
class Plan:
    """Where leads stand on a page.

    Attributes:
        name: as reports call it, without its rhythm strips.
        columns: the leads of each column, from left to right and from top to bottom; none for a single strip.
        rhythm_rows: how many rows below, each of one lead across all columns, it may have.
    """

    name: str
    columns: tuple[tuple[str, ...], ...]
    rhythm_rows: tuple[int, ...]

    def __post_init__(self) -> None:
        known = {*LEADS, INVERTED_AVR}
        if any(lead not in known for column in self.columns for lead in column):
            raise ValueError(f"layout {self.name} names a lead that is none")
        if len({len(column) for column in self.columns}) > 1:
            raise ValueError(f"layout {self.name} has columns of different lengths")

    @property
    def rows(self) -> int:
        """How many rows the columns have."""
        return len(self.columns[0]) if self.columns else 0

    def places(self, lead: str) -> tuple[tuple[int, int], ...]:
        """Return the column and the row where a lead stands, rhythm strips aside."""
        return tuple((c, r) for c, column in enumerate(self.columns) for r, name in enumerate(column) if name == lead)


@cache
def plans() -> tuple[Plan, ...]:
    """Return every layout known."""
    folder = files("adapters.scan") / "layouts"
    paths = sorted((path for path in folder.iterdir() if path.name.endswith(".toml")), key=lambda path: path.name)
    return tuple(_plan(path.read_text(encoding="utf-8")) for path in paths)


def _plan(text: str) -> Plan:
    told = tomllib.loads(text)
    return Plan(told["name"], tuple(tuple(column) for column in told["columns"]), tuple(told["rhythm_rows"]))
