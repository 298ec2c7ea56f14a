"""Which lead is drawn where and for how long: the printed formats of an ECG, and the sizes of pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ecg.canonical import SECONDS
from ecg.leads import LEADS
from service.style import LayoutName, PageSize

# The paper of electrocardiography: 25 mm/s, 10 mm/mV, lines each 1 mm and 5 mm. Kligfield et al., Circulation
# 2007;115:1306.
MM_PER_SECOND: Final = 25.0
MM_PER_MILLIVOLT: Final = 10.0
SQUARE: Final = 5.0
PULSE_LANE: Final = 10.0  # mm before the traces, for the calibration pulse


@dataclass(frozen=True)
class Segment:
    """A stretch of one lead: seconds `start` to `end` of the window, in `row` counted from the top."""

    lead: str
    row: int
    start: float
    end: float


@dataclass(frozen=True)
class Layout:
    """A printed format; time runs from left to right through all columns.

    `height` is that of the paper in mm, whole squares; the baselines of the first and the last row lie `above` and
    `below` from its edges, the others at equal distances between them. Of each `bin` samples only the lowest and the
    highest are drawn: 1 draws every sample, 5 samples are as wide as the pen. `finest` is the distance of the finest
    lines in mm: where maps lie along the traces, lines of 1 mm would hide them. `pen` is the width of a trace in mm,
    `label` the size of a lead's name in points.
    """

    name: str
    rows: int
    height: float
    above: float
    below: float
    segments: tuple[Segment, ...]
    bin: int = 1
    finest: float = 1.0
    pen: float = 0.26
    label: float = 9.0

    @property
    def width(self) -> float:
        """Of the paper, mm."""
        return PULSE_LANE + SECONDS * MM_PER_SECOND + SQUARE

    @property
    def pitch(self) -> float:
        """Distance of the rows, mm."""
        return (self.height - self.above - self.below) / max(self.rows - 1, 1)

    @property
    def lift(self) -> float:
        """Height of a lead's name above its baseline, mm."""
        return 0.28 * self.height / self.rows

    def baseline(self, row: int) -> float:
        """Height of a row's baseline above the paper's lower edge, mm."""
        return self.height - self.above - row * self.pitch


def _columns(rows: int, columns: int) -> tuple[Segment, ...]:
    each = SECONDS / columns
    return tuple(
        Segment(lead, index % rows, index // rows * each, (index // rows + 1) * each)
        for index, lead in enumerate(LEADS)
    )


THREE_BY_FOUR: Final = Layout("3x4+1", 4, 120, 15, 15, (*_columns(3, 4), Segment("II", 3, 0.0, float(SECONDS))))
SIX_BY_TWO: Final = Layout("6x2", 6, 120, 10, 10, _columns(6, 2))
# As high as the impression above it allows; a QRS of 1.5 mV in the first row stays on the paper.
TWELVE_ROWS: Final = Layout("12x1", 12, 130, 15, 10, _columns(12, 1), label=7.5)
PRINTED: Final[Mapping[LayoutName, Layout]] = MappingProxyType(
    {"3x4+1": THREE_BY_FOUR, "6x2": SIX_BY_TWO, "12x1": TWELVE_ROWS}
)
# Every lead for 10 s, with room for a map along it.
TWELVE_BY_ONE: Final = Layout("12x1", 12, 150, 6.25, 6.25, _columns(12, 1), bin=5, finest=SQUARE, label=7.5)


def sketch(lead: str) -> Layout:
    """Return twelve leads with a strip of one below, to be drawn at about half its size: few lines and points."""
    segments = (*_columns(3, 4), Segment(lead, 3, 0.0, float(SECONDS)))
    return Layout(f"sketch-{lead}", 4, 90, 12, 12, segments, bin=8, finest=SQUARE, pen=0.4, label=14.0)


FEW: Final = 6  # leads: so many are drawn in full, a row for each


def fitting(layout: Layout, known: Sequence[str]) -> Layout:
    """Return the format for a window of which only these leads are known: where they are few, each for all 10 s."""
    if len(known) > FEW or not known:  # none is known of leads that were all calculated from others
        return layout
    segments = tuple(Segment(lead, row, 0.0, float(SECONDS)) for row, lead in enumerate(known))
    height = 40 if len(known) == 1 else 120 if len(known) > 3 else 35 * len(known)
    edge = height / len(known) / 2
    return Layout("strips", len(known), height, edge, edge, segments)


# Width and height of a page on its long side, mm. ISO 216; ANSI/ASME Y14.1.
PAGES: Final[Mapping[PageSize, tuple[float, float]]] = MappingProxyType(
    {"A4": (297.0, 210.0), "Letter": (279.4, 215.9)}
)
