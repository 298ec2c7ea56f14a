"""The grid's frequencies, tile by tile: found where they are plainest, then followed from neighbour to neighbour."""

import heapq
import itertools
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from adapters.scan.tiles import PAD, Tiles, peak_near

Floats = NDArray[np.float64]

# Periods looked for, px. At 2.2 px a line and its gap are still told apart; a 5 mm square has at most 80 px here.
_SHORTEST: Final = 2.2
_LONGEST: Final = 60.0
_STEPS: Final = 110  # of the logarithm of the frequency: 3 % each
_ANGLES: Final = 90  # of two degrees

# Perspective and curl make squares oblong and oblique: within so many steps of frequency and angle.
_OBLONG: Final = 7
_OBLIQUE: Final = 5

# Of harmonics that stand out so well, the lowest is followed: the higher ones lie too near to each other. Where its
# peaks are not plain in most tiles, as under strong perspective, a plainer one is.
_AS_PLAIN: Final = (0.78, 0.92)
_PLAIN: Final = 100.0

# How far above noise a peak must rise; noise alone does so once in a thousand tiles.
_CLEAR: Final = 14.0
# From one tile to the next, half a tile away, a frequency changes by less than this share of itself; from the plainest
# tile to the first one, by less than that.
_NEIGHBOUR: Final = 0.08
_FIRST: Final = 0.12


@dataclass(frozen=True, eq=False)
class Lattice:
    """The grid's frequencies where it was found.

    Attributes:
        frequencies: float64 (rows, columns, 2, 2), cycles per px as (x, y), of two sets of lines about at right angles;
            NaN where no grid was found.
        heights: float64 (rows, columns), how far the weaker peak rises above noise; 0 where no grid was found.
    """

    frequencies: Floats
    heights: Floats

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which tiles show the grid: (rows, columns)."""
        return self.heights > 0

    @property
    def plain(self) -> float:
        """How far the weaker peak rises above noise in the median tile where it does at all, else 0."""
        return float(np.median(self.heights[self.found])) if self.found.any() else 0.0


def lattice_of(tiles: Tiles) -> Lattice:
    """The frequencies that both directions share in most tiles. May be a harmonic of the true ones, the same in all."""
    total, steps, angles = _totals(tiles)
    best = Lattice(np.empty((0, 0, 2, 2)), np.zeros((1, 1)))
    for share in _AS_PLAIN:
        lattice = _followed(tiles, _common(total, steps, angles, share))
        best = max(best, lattice, key=lambda each: each.plain)
        if best.plain >= _PLAIN:
            break
    return best


def _followed(tiles: Tiles, common: Floats) -> Lattice:
    """A pair of frequencies (2, 2), followed from the tile where it is plainest."""
    rows, columns = tiles.power.shape[:2]
    firsts = {
        (row, column): _pair(tiles.power[row, column], common, _FIRST)
        for row in range(rows)
        for column in range(columns)
    }
    frequencies = np.full((rows, columns, 2, 2), np.nan)
    heights = np.zeros((rows, columns))
    start = max(firsts, key=lambda each: firsts[each][1])
    order = itertools.count()  # of tiles equally plain, the first found
    waiting = [(-firsts[start][1], next(order), start, firsts[start][0])]
    while waiting:
        height, _, (row, column), pair = heapq.heappop(waiting)
        if -height < _CLEAR or heights[row, column] > 0:
            continue
        frequencies[row, column], heights[row, column] = pair, -height
        for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if near in firsts and heights[near] == 0:
                found, high = _pair(tiles.power[near], pair, _NEIGHBOUR)
                heapq.heappush(waiting, (-high, next(order), near, found))
    return Lattice(frequencies, heights)


def _pair(power: NDArray[np.float32], about: Floats, share: float) -> tuple[Floats, float]:
    peaks = [peak_near(power, each, share * float(np.hypot(*each))) for each in about]
    return np.array([each.frequency for each in peaks]), min(each.height for each in peaks)


def _totals(tiles: Tiles) -> tuple[Floats, Floats, Floats]:
    """How far pairs of frequencies, equal and at right angles, stand out in most tiles: by frequency and angle."""
    steps = np.geomspace(1 / _LONGEST, 1 / _SHORTEST, _STEPS).astype(np.float64)
    angles = np.linspace(0, np.pi, _ANGLES, endpoint=False, dtype=np.float64)
    x = (np.outer(steps, np.cos(angles)) * PAD + PAD // 2).astype(np.float32)
    y = (np.outer(steps, np.sin(angles)) * PAD + PAD // 2).astype(np.float32)
    quarter, near = _ANGLES // 2, np.ones((_OBLONG, _OBLIQUE), np.uint8)
    total = np.zeros((_STEPS, quarter))
    for power in tiles.power.reshape(-1, PAD, PAD):
        polar = cv2.log(cv2.remap(power, x, y, cv2.INTER_LINEAR) + 1)
        spread = cv2.dilate(np.hstack([polar[:, quarter:], polar, polar[:, :quarter]]), near)
        total += np.minimum(spread[:, quarter:_ANGLES], spread[:, _ANGLES : _ANGLES + quarter])
    return total - np.median(total, axis=1, keepdims=True), steps, angles  # less what noise gives in every direction


def _common(total: Floats, steps: Floats, angles: Floats, share: float) -> Floats:
    """The lowest pair that stands out by a share of what the plainest does: (2, 2)."""
    plain = total.max(1)
    lowest = int(np.argmax(plain >= share * plain.max()))
    best = lowest + int(np.argmax(plain[lowest : lowest + _OBLONG]))
    angle = angles[int(np.argmax(total[best]))]
    across = steps[best] * np.array([np.cos(angle), np.sin(angle)])
    return np.array([across, [-across[1], across[0]]])
