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
_PARTS: Final = (2, 3, 4, 5, 10)
# How far above its surroundings (amplitude) such a line stands on average; noise reaches 1.5, and the ears of a
# neighbour 4 in one place but not in all.
_SHOWN: Final = 2.6
# Where lines of 1/4 show as well as that of 1/2, or those of 1/10 as well as those of 1/5, they are the true ones.
_AS_WELL: Final = 0.5
# Of a clean drawing, whose surroundings are nothing: what is below this share of the line followed is nothing too.
_LEAST_SHARE: Final = 0.01

# Squares that recorders print heavier, mm, and how seldom (natural logarithm of the odds).
_SQUARES: Final = {5.0: 0.0, 1.0: -1.0, 25.0: -3.0}
# The longer side of what shows a grid, mm: most pages lie within a factor of 1.6 of it.
_USUAL: Final = 250.0
_SPREAD: Final = 0.45
# Where 25 mm squares are heavy and no 1 mm lines show, these must be too fine to show: fewer px per mm than this.
_TOO_FINE: Final = 4.0
_UNLIKELY: Final = -4.0
# How much likelier the best reading must be than the next one: e^1.5 is between 4 and 5 times.
_SURE: Final = 1.5
# Lines of text stand as far apart as a grid's do, but not all over the page both ways: they reach 1.7.
_LINE: Final = 2.4


@dataclass(frozen=True)
class Reading:
    """What a period of the plane is.

    Attributes:
        mm: millimetres of one period.
        margin: how much likelier this is than the next best reading, as a natural logarithm.
        line: how far the lines stand above their surroundings over the whole page, in the poorer direction.
    """

    mm: float
    margin: float
    line: float

    @property
    def sure(self) -> bool:
        """Whether it is sure enough to build on."""
        return self.margin >= _SURE and self.line >= _LINE


def read_period(plane: Plane, response: NDArray[np.float32], scale: float) -> Reading:
    """Millimetres of a period of the plane; a pixel of the picture is `scale` pixels of the response."""
    flat = _flat(plane, response)
    spectra = [_spectrum(flat), _spectrum(np.ascontiguousarray(flat.T))]
    parts = _parts(spectra)
    long = float(np.ptp(plane.bounds, axis=0).max())
    per_px = np.sqrt(abs(np.linalg.det(_slopes(plane.matrix, response.shape))))
    scores = {}
    for square, odds in _SQUARES.items():
        mm = square / parts
        score = odds - (np.log(long * mm / _USUAL) / _SPREAD) ** 2 / 2
        fine = 1 / (per_px * mm * scale)
        scores[mm] = score + (_UNLIKELY if square == max(_SQUARES) and fine > _TOO_FINE else 0)
    best, second = sorted(scores, key=lambda each: -scores[each])[:2]
    line = float(np.exp(min(_shown(each, 1.0) for each in spectra)))
    return Reading(best, float(scores[best] - scores[second]), line)


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


def _parts(spectra: list["_Spectrum"]) -> int:
    """How many of the periods that were followed make a true one, by the spectra across and down."""
    shown = {
        count: float(np.exp(np.mean([_shown(each, part / count) for each in spectra for part in range(1, count)])))
        for count in _PARTS
    }
    best = max(shown, key=lambda each: shown[each])
    if shown[best] < _SHOWN:
        return 1
    return max(each for each in _PARTS if each % best == 0 and shown[each] >= _AS_WELL * shown[best])


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
    line = spectrum.amplitude[at - spectrum.wide : at + spectrum.wide + 1].max()
    beside = np.concatenate(
        [
            spectrum.amplitude[max(0, at - near) : at - 2 * spectrum.wide],
            spectrum.amplitude[at + 2 * spectrum.wide + 1 : at + near + 1],
        ]
    )
    floor = _LEAST_SHARE * spectrum.amplitude[round(spectrum.bins)]
    return float(np.log(line / (np.median(beside) + floor + 1e-9) + 1e-9))
