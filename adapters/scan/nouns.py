"""What lies between a page and a recording: picture, sheet, curve, word, scale, strip. Valid once made."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ecg.recording import PageEvidence

MM_PER_INCH: Final = 25.4


@dataclass(frozen=True, eq=False)
class Picture:
    """A page as it came, upright or not.

    Attributes:
        pixels: uint8 (height, width, 3), RGB.
        dpi: dots per inch where the file surely states them, as a rendered PDF does; None elsewhere.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    dpi: float | None = None


@dataclass(frozen=True, eq=False)
class Sheet:
    """A page laid flat: its grid is straight, its rows run across, and its millimetres are known.

    Attributes:
        pixels: uint8 (height, width, 3), RGB, rectified.
        px_per_mm: pixels per millimetre of the printed grid, the same both ways; 5 to 16.
        homography: float64 (3, 3), from the picture's pixels (x, y, 1) to the sheet's.
        grid: how surely the grid was found, 0 to 1; 0 where there is none and millimetres were taken from the dpi.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    px_per_mm: float
    homography: NDArray[np.float64] = field(repr=False)
    grid: float


@dataclass(frozen=True, eq=False)
class Curve:
    """One trace followed across a sheet, whatever it shows: leads one after the other, a pulse, a rhythm strip.

    Attributes:
        x: float64 (n,), mm from the sheet's left edge, ascending, evenly spaced.
        y: float64 (n,), mm from the sheet's top edge, downwards; NaN where no ink was found.
        surety: float32 (n,), 0 to 1: how surely the ink there is this trace's.
    """

    x: NDArray[np.float64] = field(repr=False)
    y: NDArray[np.float64] = field(repr=False)
    surety: NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True)
class Word:
    """A piece of print. It may name a patient, so its text shows in no repr.

    Attributes:
        text: as it was read.
        box: left, top, right, bottom, mm on the sheet.
        surety: 0 to 1.
    """

    text: str = field(repr=False)
    box: tuple[float, float, float, float]
    surety: float


Source = Literal["pulse", "print", "assumed"]


@dataclass(frozen=True)
class Scale:
    """How a sheet's millimetres become seconds and millivolts.

    Attributes:
        mm_per_s: paper speed: 25 or 50, seldom 12.5 or 100.
        mm_per_mv: gain of the limb leads: 5, 10 or 20.
        chest_mm_per_mv: gain of V1 to V6, where it is another; else the same.
        speed_from, gain_from: what says so; nothing is to scale where one is 'assumed'.
        chest_from: what says the gain of V1 to V6; those alone are not to scale where it is 'assumed'.
    """

    mm_per_s: float
    mm_per_mv: float
    chest_mm_per_mv: float
    speed_from: Source
    gain_from: Source
    chest_from: Source

    @property
    def assumed(self) -> bool:
        """Whether a part of it was assumed, so that no millivolt and no millisecond may be stated."""
        return "assumed" in (self.speed_from, self.gain_from)


@dataclass(frozen=True, eq=False)
class Strip:
    """One lead's piece of a curve.

    Attributes:
        lead: its name, of ecg.leads.LEADS.
        begins: seconds on the page's common axis of time.
        curve: the piece of the curve, without label, pulse or separator.
        zero: mm from the sheet's top edge where 0 mV lies.
        named_by: whether print named it, or its place in a layout.
    """

    lead: str
    begins: float
    curve: Curve
    zero: float
    named_by: Literal["print", "layout"]


@dataclass(frozen=True, eq=False)
class Drawn:
    """A page whose traces and words came as paths and text, exactly: a vector PDF. Nothing needs to be followed.

    Attributes:
        sheet: the page, rendered; its homography is the identity.
        curves: one for each row of traces, as `Curve` says.
        words: the page's text.
    """

    sheet: Sheet
    curves: tuple[Curve, ...]
    words: tuple[Word, ...] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Digitised:
    """What a page gave: its leads, and what shows how well.

    Attributes:
        signal: float32 (leads, samples), mV, NaN where nothing was printed; 500 Hz.
        leads: the lead of each row.
        scale_assumed: whether nothing on it is to scale.
        evidence: overlay, residuals and confidence.
        words: what is printed on the page.
    """

    signal: NDArray[np.float32] = field(repr=False)
    leads: tuple[str, ...]
    scale_assumed: bool
    evidence: PageEvidence
    words: tuple[Word, ...] = field(repr=False)
