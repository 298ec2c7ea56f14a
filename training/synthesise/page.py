"""Draws an ECG on a page, and says what of it is there."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.canonical import FS
from ecg.leads import LEADS
from training.synthesise.canvas import Canvas
from training.synthesise.layouts import Piece
from training.synthesise.style import Style
from training.synthesise.wear import Pixels

WIDE: Final = 250.0  # mm that the traces take: 10 s at 25 mm/s
PULSE: Final = 0.2  # seconds that the pulse lasts
TOP: Final = 32.0  # mm above the rows, for the header
BOTTOM: Final = 12.0
GAP: Final = 0.06  # seconds of each end of a piece that are left out, where columns stand apart
FIRST: Final = ("Anna", "Karl", "Maria", "Tom", "Eve", "Ivan", "Lena", "Omar")
LAST: Final = ("Example", "Muster", "Sample", "Doe", "Test", "Specimen")


@dataclass(frozen=True, eq=False)
class Page:
    """A drawn page.

    Attributes:
        pixels: uint8 (height, width, 3), RGB, 12 pixels a millimetre.
        truth: float32 (12, 5000), mV at 500 Hz, NaN where nothing is printed.
    """

    pixels: Pixels = field(repr=False)
    truth: NDArray[np.float32] = field(repr=False)


def draw_page(signal: NDArray[np.float32], style: Style, rng: np.random.Generator) -> Page:
    """Draw (12, 5000) mV at 500 Hz, as much of it as goes on the paper."""
    canvas = Canvas(style.size, style.paper)
    seconds = WIDE / style.speed
    truth = np.full((len(LEADS), signal.shape[1]), np.nan, np.float32)
    left = (style.size[0] - WIDE + PULSE * style.speed) / 2
    for piece in style.layout.pieces:
        begin, end = _span(piece, seconds, style)
        row = LEADS.index(piece.lead)
        truth[row, begin:end] = signal[row, begin:end]
        drawn = -signal[row, begin:end] if piece.inverted else signal[row, begin:end]
        zero = _zero(piece.row, style)
        x = left + np.arange(begin, end) / FS * style.speed
        canvas.line(x, zero - drawn.astype(np.float64) * style.gain, style.ink, style.line)
        _name(canvas, piece, (left + piece.column * WIDE / piece.columns, zero), style)
    if style.pulse:
        for each in range(style.layout.rows):
            _pulse(canvas, left, _zero(each, style), style)
    _header(canvas, style, rng)
    return Page(canvas.pixels, truth)


def _span(piece: Piece, seconds: float, style: Style) -> tuple[int, int]:
    """Return the first sample of a piece, and the one after its last."""
    share = seconds / piece.columns
    gap = GAP if style.separators == "gap" and piece.columns > 1 else 0.0
    return round((piece.column * share + gap) * FS), round(((piece.column + 1) * share - gap) * FS)


def _zero(row: int, style: Style) -> float:
    """Return where 0 mV of a row lies, mm from the top, on a line of the grid."""
    pitch = (style.size[1] - TOP - BOTTOM) / style.layout.rows
    return float(round(TOP + (row + 0.55) * pitch))


def _name(canvas: Canvas, piece: Piece, at: tuple[float, float], style: Style) -> None:
    rise = min(9.0, 0.4 * (style.size[1] - TOP - BOTTOM) / style.layout.rows)
    text = f"-{piece.lead}" if piece.inverted else piece.lead
    canvas.print(text, (at[0] + 1.5, at[1] - rise), style.ink, style.font, style.text)
    if style.separators == "tick" and piece.column:
        canvas.line(np.full(2, at[0]), at[1] + np.array([-5.0, -2.0]), style.ink, 0.3)


def _pulse(canvas: Canvas, left: float, zero: float, style: Style) -> None:
    wide = PULSE * style.speed
    x = left - wide - 3 + np.array([0, 1, 1, 1 + wide, 1 + wide, 2 + wide])
    canvas.line(x, zero - style.gain * np.array([0.0, 0, 1, 1, 0, 0]), style.ink, style.line)


def _header(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """Print who, when and how. Names and numbers are nobody's."""
    name = f"{LAST[rng.integers(len(LAST))]}, {FIRST[rng.integers(len(FIRST))]}"
    day = f"{rng.integers(1, 29):02d}.{rng.integers(1, 13):02d}.{rng.integers(2001, 2025)}"
    lines = (
        f"{name}   ID {rng.integers(10**6, 10**7)}",
        f"{day}  {rng.integers(24):02d}:{rng.integers(60):02d}",
        f"HR {rng.integers(50, 110)} bpm   PR {rng.integers(120, 220)} ms   QRS {rng.integers(70, 140)} ms",
        "Unconfirmed report",
    )
    for at, text in enumerate(lines[: style.header]):
        canvas.print(text, (15.0, 8.0 + at * style.text * 2), style.ink, style.font, style.text)
    if style.stated:
        said = f"{style.speed:g} mm/s  {style.gain:g} mm/mV  0.05-{rng.choice([40, 100, 150])} Hz"
        canvas.print(said, (15.0, style.size[1] - 4.0), style.ink, style.font, style.text)
