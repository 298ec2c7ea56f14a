"""Which lead is drawn where and for how long: the printed formats of an ECG."""

from dataclasses import dataclass
from typing import Final

from ecg.canonical import SECONDS
from ecg.leads import LEADS

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

    `pitch` is the distance of the rows in mm. Of each `bin` samples only the lowest and the highest are drawn: 1 draws
    every sample, 5 samples are as wide as the pen. `finest` is the distance of the finest lines in mm: where maps lie
    along the traces, lines of 1 mm would hide them.
    """

    name: str
    rows: int
    pitch: float
    segments: tuple[Segment, ...]
    bin: int = 1
    finest: float = 1.0

    @property
    def width(self) -> float:
        """Of the paper, mm."""
        return PULSE_LANE + SECONDS * MM_PER_SECOND + SQUARE

    @property
    def height(self) -> float:
        """Of the paper, mm: whole squares."""
        return -(-self.rows * self.pitch // SQUARE) * SQUARE

    def baseline(self, row: int) -> float:
        """Height of a row's baseline above the paper's lower edge, mm."""
        return self.height - (row + 0.5) * self.height / self.rows


def _columns(rows: int, columns: int) -> tuple[Segment, ...]:
    each = SECONDS / columns
    return tuple(
        Segment(lead, index % rows, index // rows * each, (index // rows + 1) * each)
        for index, lead in enumerate(LEADS)
    )


THREE_BY_FOUR: Final = Layout("3x4+1", 4, 30.0, (*_columns(3, 4), Segment("II", 3, 0.0, float(SECONDS))))
TWELVE_BY_ONE: Final = Layout("12x1", 12, 12.5, _columns(12, 1), bin=5, finest=SQUARE)
