"""How a page looks, drawn from a seed. Two pools share no paper, ink or font: one to learn on, one to be tested on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import cv2
import numpy as np

from training.synthesise.layouts import LAYOUTS, Layout

Colour = tuple[int, int, int]
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Paper:
    """The ground, the lines of every millimetre and of every five, and whether the former are dots or not there."""

    ground: Colour
    minor: Colour
    major: Colour
    ruled: str = "lines"  # lines, dots or major


@dataclass(frozen=True)
class Pool:
    """What a style is drawn from."""

    papers: tuple[Paper, ...]
    inks: tuple[Colour, ...]
    fonts: tuple[int, ...]


SEEN: Final = Pool(
    (
        Paper((255, 255, 255), (255, 205, 205), (245, 150, 150)),
        Paper((255, 248, 246), (250, 190, 185), (230, 110, 105)),
        Paper((255, 255, 255), (215, 215, 215), (165, 165, 165)),
        Paper((255, 252, 245), (255, 214, 170), (240, 160, 100)),
        Paper((255, 255, 255), (240, 150, 150), (240, 150, 150), "dots"),
        Paper((255, 255, 255), (255, 255, 255), (235, 160, 160), "major"),
    ),
    ((0, 0, 0), (30, 30, 40), (20, 20, 90)),
    (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX),
)
UNSEEN: Final = Pool(
    (
        Paper((250, 255, 250), (190, 230, 195), (110, 190, 125)),
        Paper((255, 255, 255), (190, 215, 245), (120, 165, 220)),
        Paper((252, 244, 236), (238, 178, 160), (205, 120, 100)),
        Paper((246, 246, 246), (200, 200, 205), (140, 140, 150), "dots"),
        Paper((255, 240, 245), (250, 180, 205), (230, 110, 160)),
        Paper((255, 255, 255), (255, 255, 255), (175, 195, 175), "major"),
    ),
    ((45, 45, 45), (10, 10, 60), (60, 10, 20)),
    (cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX_SMALL),
)
SIZES: Final = ((297.0, 210.0), (279.4, 215.9))  # mm: A4 and Letter, lying


@dataclass(frozen=True)
class Style:
    """How one page looks.

    Attributes:
        layout: which lead stands where.
        paper: ground and grid.
        size: width and height, mm.
        ink: of traces and print.
        font: one of OpenCV's.
        text: height of a capital letter, mm.
        line: width of the trace, mm.
        speed: mm/s.
        gain: mm/mV.
        pulse: whether each row begins with a pulse of 1 mV.
        stated: whether speed and gain are printed.
        separators: tick, gap or none, between the columns.
        header: how many lines of text stand above.
    """

    layout: Layout
    paper: Paper
    size: tuple[float, float]
    ink: Colour
    font: int
    text: float
    line: float
    speed: float
    gain: float
    pulse: bool
    stated: bool
    separators: str
    header: int


def draw_style(rng: np.random.Generator, pool: Pool = SEEN) -> Style:
    """Draw a style. At least one of pulse and print tells the scale."""
    layout = LAYOUTS[int(rng.choice(len(LAYOUTS), p=[each.often for each in LAYOUTS]))]
    pulse = bool(rng.random() < 0.75)
    # Rows of 15 mm are too low for 20 mm/mV, and a quarter of 5 s too short to be of use without a strip.
    gain = float(rng.choice([5, 10, 20], p=[0.08, 0.86, 0.06]))
    fast = bool(rng.random() < 0.08) and (layout.columns < 4 or bool(layout.strips))
    return Style(
        layout=layout,
        paper=_one(pool.papers, rng),
        size=_one(SIZES, rng),
        ink=_one(pool.inks, rng),
        font=_one(pool.fonts, rng),
        text=float(rng.uniform(2.0, 3.2)),
        line=float(rng.uniform(0.2, 0.45)),
        speed=50.0 if fast else 25.0,
        gain=min(gain, 10.0) if layout.rows > 4 else gain,
        pulse=pulse,
        stated=not pulse or bool(rng.random() < 0.85),
        separators=_one(("tick", "gap", "none"), rng),
        header=int(rng.integers(0, 5)),
    )


def _one(choices: Sequence[Kind], rng: np.random.Generator) -> Kind:
    return choices[int(rng.integers(len(choices)))]
