"""How many millimetres a period of the grid is. The worst trap of all: taken wrongly, everything is five times off."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adapters.scan.plane import Plane, positions
from adapters.scan.tiles import Floats

_FINE: Final = 6  # px per period in the flattened copy: three harmonics
_BANDS: Final = 12  # a page's bands are looked at one by one, so that a little curl does not blur its lines

# What was followed may be a harmonic. The lines of the true period show between it: 1/2; 1/3, 2/3; ... of it.
# How far above its surroundings (amplitude) such a line stands on average; noise reaches 1.5, and the ears of a
# neighbour 4 in one place but not in all.
_SHOWN: Final = 2.2
_HINTED: Final = 1.8  # below this there are none; between, both are possible
_MOST: Final = 10  # the tenth is the half of a millimetre's line beside a 5 mm one
# Parts that hold all lines of others, and show them so well in comparison, are the true ones: 1/4 where 1/2 shows.
_AS_WELL: Final = 0.8
_OBLONG: Final = 0.13  # logarithm of how oblong squares become by slant and stretching
# Another count that shows nearly as well, and is no part of the best one, leaves it open.
_NEARLY: Final = 0.85
# Fewer parts than there are millimetres to a heavy square are harmonics of one set of lines, of which the lowest is
# not the weakest: where it has less than this share of the one that was followed, what shows may be beats or rows.
_HARMONICS: Final = 5
_WEAKEST: Final = 0.5
# Of a clean drawing, whose surroundings are nothing: what is below this share of the line followed is nothing too.
_LEAST_SHARE: Final = 0.01

# Squares that recorders print heavier, mm, and how seldom (natural logarithm of the odds).
_SQUARES: Final = {5.0: 0.0, 1.0: -2.0, 25.0: -3.0}
# The root of the area that shows a grid, mm: a strip of 260 by 100 has 160, twelve rows on A4 have 240.
_USUAL: Final = 190.0
_SPREAD: Final = 0.5
# Where 25 mm squares are heavy and no 1 mm lines show, these must be too fine to show: fewer px per mm than this.
_TOO_FINE: Final = 4.0
_UNLIKELY: Final = -4.0
# Nobody scans or photographs so near that a millimetre has more px.
_TOO_NEAR: Final = 20.0
# A file that states its dpi shows the print in its own size, within that share, e^3 times as often as by chance.
_STATED: Final = 3.0
_OWN_SIZE: Final = 0.03
# How much likelier the best reading must be than the next one: e^1.5 is between 4 and 5 times.
_SURE: Final = 1.5
# Lines of text stand as far apart as a grid's do, but not all over the page both ways: they reach 1.7.
_LINE: Final = 3.0


@dataclass(frozen=True)
class Reading:
    """What a period of the plane is.

    Attributes:
        mm: millimetres of one period, across and down.
        margin: how much likelier this is than the next best reading, as a natural logarithm.
        line: how far the lines stand above their surroundings over the whole page, in the poorer direction, or how far
            those between them do.
    """

    mm: tuple[float, float]
    margin: float
    line: float

    @property
    def sure(self) -> bool:
        """Whether it is sure enough to build on."""
        return self.margin >= _SURE and self.line >= _LINE


def read_period(plane: Plane, response: NDArray[np.float32], scale: float, px_per_mm: float | None) -> Reading:
    """Millimetres of a period of the plane.

    Args:
        plane: the grid's.
        response: what it was found in.
        scale: pixels of the response to a pixel of the picture.
        px_per_mm: of the picture, if its file states them. A print in its own size bears that out.
    """
    flat = _flat(plane, response)
    spectra = [_spectrum(flat), _spectrum(np.ascontiguousarray(flat.T))]
    slopes = _slopes(plane.matrix, response.shape) * scale
    shown = _shown_parts(spectra, float(np.hypot(*slopes[:, 0]) / np.hypot(*slopes[:, 1])))
    line = max(float(np.exp(min(_shown(each, 1.0) for each in spectra))), max(shown.values()))
    scores: dict[tuple[float, float], float] = {}
    for parts in _possible(shown, spectra):
        area = float(np.sqrt(np.prod(np.ptp(plane.bounds, axis=0) / parts)))
        squares_per_px = float(np.sqrt(abs(np.linalg.det(slopes)) / np.prod(parts)))
        for square in _SQUARES:
            mm = (square / parts[0], square / parts[1])
            score = _score(square, area * square, 1 / (squares_per_px * square), px_per_mm)
            scores[mm] = max(score, scores.get(mm, -np.inf))
    if len(scores) < 2:
        return Reading((np.nan, np.nan), 0.0, line)
    best, second = sorted(scores, key=lambda each: -scores[each])[:2]
    return Reading(best, float(scores[best] - scores[second]), line)


def _score(square: float, size: float, fine: float, stated: float | None) -> float:
    """How likely squares are of so many mm: the logarithm of the odds, by the size in mm and px per mm that follow."""
    score = _SQUARES[square] - (np.log(size / _USUAL) / _SPREAD) ** 2 / 2
    score += _UNLIKELY if fine > _TOO_NEAR or (square == max(_SQUARES) and fine > _TOO_FINE) else 0
    return float(score + (_STATED if stated and abs(fine / stated - 1) < _OWN_SIZE else 0))


def _flat(plane: Plane, response: NDArray[np.float32]) -> NDArray[np.float32]:
    """The response with the grid straight and _FINE px to a period."""
    low, high = plane.bounds
    size = np.minimum(np.ceil((high - low) * _FINE), 4096).astype(int)
    shift = np.array([[_FINE, 0, -low[0] * _FINE], [0, _FINE, -low[1] * _FINE], [0, 0, 1]])
    flat = cv2.warpPerspective(response, shift @ plane.matrix, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR)
    return np.asarray(flat, np.float32)


def _slopes(matrix: Floats, shape: tuple[int, ...]) -> Floats:
    middle = np.array([[shape[1] / 2, shape[0] / 2]])
    return np.vstack([positions(matrix, middle + step) - positions(matrix, middle) for step in np.eye(2)])


def _shown_parts(spectra: list["_Spectrum"], ratio: float) -> dict[tuple[int, int], float]:
    """How far lines show that part the periods that were followed into so many, across and down.

    Args:
        spectra: across and down.
        ratio: of the periods' lengths in the picture, those down over those across. True squares are about square.
    """
    return {
        (across, down): _shown_together(spectra, (across, down))
        for across in range(1, _MOST + 1)
        for down in range(1, _MOST + 1)
        if across * down > 1 and abs(np.log(down * ratio / across)) < _OBLONG
    }


def _possible(shown: dict[tuple[int, int], float], spectra: list["_Spectrum"]) -> list[tuple[int, int]]:
    """How many of the periods that were followed may make a true one: what shows best, and what leaves that open."""
    best = max(shown, key=lambda each: shown[each])
    if shown[best] < _HINTED:
        return [(1, 1)]
    if shown[best] < _SHOWN:
        return [(1, 1), best]
    true = max(each for each in shown if _holds(each, best) and shown[each] >= max(_SHOWN, _AS_WELL * shown[best]))
    others = [each for each in shown if not _holds(true, each) and shown[each] >= _NEARLY * shown[true]]
    return [true, *others, *([(1, 1)] if _is_weak(spectra, true) else [])]


def _is_weak(spectra: list["_Spectrum"], parts: tuple[int, int]) -> bool:
    """Whether the lines of so few parts are weaker, both ways, than a grid's would be."""
    lowest = [
        _line(each, 1 / count) / _line(each, 1.0) for each, count in zip(spectra, parts, strict=True) if count > 1
    ]
    return max(parts) < _HARMONICS and max(lowest) < _WEAKEST


def _holds(finer: tuple[int, int], coarser: tuple[int, int]) -> bool:
    """Whether all lines of some parts are among those of others."""
    return finer[0] % coarser[0] == 0 and finer[1] % coarser[1] == 0


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """Amplitude of the lines across a flat copy: bins per cycle per period, and bins that a line is wide."""

    amplitude: Floats
    bins: float
    wide: int


def _spectrum(flat: NDArray[np.float32]) -> _Spectrum:
    length = flat.shape[1]
    count = 1 << (length - 1).bit_length() + 1
    window = np.hanning(length)
    power = np.zeros(count // 2 + 1)
    for band in np.array_split(flat, _BANDS):
        profile = band.mean(0)
        power += np.abs(np.fft.rfft((profile - profile.mean()) * window, count)) ** 2
    return _Spectrum(np.sqrt(power), count / _FINE, int(np.ceil(1.5 * count / length)))


def _shown(spectrum: _Spectrum, frequency: float) -> float:
    """Logarithm of how far the line of a frequency stands above its surroundings."""
    at = round(frequency * spectrum.bins)
    near = 2 * spectrum.wide + round(0.06 * spectrum.bins)
    line = _line(spectrum, frequency)
    beside = np.concatenate(
        [
            spectrum.amplitude[max(0, at - near) : at - 2 * spectrum.wide],
            spectrum.amplitude[at + 2 * spectrum.wide + 1 : at + near + 1],
        ]
    )
    floor = _LEAST_SHARE * spectrum.amplitude[round(spectrum.bins)]
    return float(np.log(line / (np.median(beside) + floor + 1e-9) + 1e-9))


def _line(spectrum: _Spectrum, frequency: float) -> float:
    """Amplitude of the line of a frequency."""
    at = round(frequency * spectrum.bins)
    return float(spectrum.amplitude[at - spectrum.wide : at + spectrum.wide + 1].max())


def _shown_together(spectra: list[_Spectrum], parts: tuple[int, int]) -> float:
    """How far the lines between those followed stand above their surroundings, in the geometric mean."""
    lines = [_shown(each, part / count) for each, count in zip(spectra, parts, strict=True) for part in range(1, count)]
    return float(np.exp(np.mean(lines)))
