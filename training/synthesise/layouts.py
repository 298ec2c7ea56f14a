"""The layouts that the generator prints: which lead stands where, for how long."""

from dataclasses import dataclass
from typing import Final

from ecg.leads import LEADS

CABRERA: Final = ("aVL", "I", "aVR", "II", "aVF", "III", "V1", "V2", "V3", "V4", "V5", "V6")
INVERTED: Final = "aVR"  # is printed as -aVR in Cabrera's order


@dataclass(frozen=True)
class Piece:
    """One lead's place: in `row`, in `column` of `columns` that follow each other in time."""

    lead: str
    row: int
    column: int
    columns: int
    inverted: bool = False


@dataclass(frozen=True)
class Layout:
    """Columns of leads one after the other in time, and strips of the whole time below. How often it is drawn."""

    name: str
    columns: int
    strips: tuple[str, ...]
    often: float
    cabrera: bool = False

    @property
    def rows(self) -> int:
        """How many rows of traces the page has."""
        return len(LEADS) // self.columns + len(self.strips)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Every piece, row by row within a column."""
        order, high = CABRERA if self.cabrera else LEADS, len(LEADS) // self.columns
        body = tuple(
            Piece(lead, at % high, at // high, self.columns, self.cabrera and lead == INVERTED)
            for at, lead in enumerate(order)
        )
        return body + tuple(Piece(lead, high + at, 0, 1) for at, lead in enumerate(self.strips))


LAYOUTS: Final = (
    Layout("3x4+1", 4, ("II",), 0.4),
    Layout("3x4", 4, (), 0.12),
    Layout("3x4+3", 4, ("II", "V1", "V5"), 0.12),
    Layout("6x2", 2, (), 0.1),
    Layout("6x2+1", 2, ("II",), 0.1),
    Layout("12x1", 1, (), 0.1),
    Layout("cabrera 6x2", 2, (), 0.06, cabrera=True),
)
