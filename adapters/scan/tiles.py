"""A picture's spectra, tile by tile, and what their peaks say."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE: Final = 160  # of a tile, px: six 5 mm squares of a working copy, twelve of a picture of 2.5 px per mm
STEP: Final = 96
PAD: Final = 256  # side of a spectrum: peaks are 1.6 bins wide, and can be placed between bins


@dataclass(frozen=True, eq=False)
class Tiles:
    """A picture's spectra.

    Attributes:
        power: float32 (rows, columns, PAD, PAD), zero frequency in the middle; noise has 1 at every distance from it.
        centres: float64 (rows, columns, 2), x and y of the tiles' centres, px.
    """

    power: NDArray[np.float32]
    centres: Floats


@dataclass(frozen=True)
class Peak:
    """A peak of a spectrum: cycles per px along x and y, and how far it rises above noise."""

    frequency: Floats
    height: float


def tiles_of(response: NDArray[np.float32]) -> Tiles:
    """The spectra of a response's tiles, overlapping. A response smaller than a tile is filled up with zeros."""
    missing = [max(0, SIDE - side) for side in response.shape]
    padded = np.pad(response, [(0, each) for each in missing])
    tops, lefts = _starts(padded.shape[0]), _starts(padded.shape[1])
    window = np.outer(np.hanning(SIDE), np.hanning(SIDE)).astype(np.float32)
    rings = _rings()
    power = np.empty((len(tops), len(lefts), PAD, PAD), np.float32)
    for row, top in enumerate(tops):
        for column, left in enumerate(lefts):
            power[row, column] = _spectrum(padded[top : top + SIDE, left : left + SIDE] * window, rings)
    y, x = np.meshgrid(tops + SIDE / 2, lefts + SIDE / 2, indexing="ij")
    return Tiles(power, np.stack([x, y], -1))


def peak_near(power: NDArray[np.float32], frequency: Floats, radius: float) -> Peak:
    """The highest peak of one tile's power within a radius, cycles per px, of a frequency."""
    middle = PAD // 2
    at = frequency * PAD + middle
    reach = max(2, int(np.ceil(radius * PAD)))
    column, row = (min(max(round(each), reach + 1), PAD - reach - 2) for each in at.tolist())
    piece = power[row - reach : row + reach + 1, column - reach : column + reach + 1]
    down, across = np.unravel_index(int(np.argmax(piece)), piece.shape)
    row, column = row - reach + int(down), column - reach + int(across)
    x = column + _between(power[row, column - 1 : column + 2])
    y = row + _between(power[row - 1 : row + 2, column])
    return Peak((np.array([x, y]) - middle) / PAD, float(power[row, column]))


def _starts(length: int) -> NDArray[np.int64]:
    count = 1 + int(np.ceil((length - SIDE) / STEP))
    return np.linspace(0, length - SIDE, count).round().astype(np.int64)


def _rings() -> NDArray[np.int64]:
    down, across = np.arange(PAD) - PAD // 2, np.arange(PAD // 2 + 1)
    return np.hypot(down[:, None], across[None, :]).round().astype(np.int64).ravel()


def _spectrum(piece: NDArray[np.float32], rings: NDArray[np.int64]) -> NDArray[np.float32]:
    """Power over its geometric mean at the same distance from zero frequency."""
    half = scipy.fft.rfft2(piece, (PAD, PAD))
    power = np.fft.fftshift(half.real**2 + half.imag**2, axes=0) + np.float32(1e-6)
    noise = np.bincount(rings, cv2.log(power).ravel()) / np.maximum(np.bincount(rings), 1)
    power /= np.exp(noise).astype(np.float32)[rings].reshape(power.shape)
    whole = np.empty((PAD, PAD), np.float32)
    whole[:, PAD // 2 :] = power[:, :-1]
    whole[1:, 1 : PAD // 2] = power[:0:-1, -2:0:-1]
    whole[0, 1 : PAD // 2] = power[0, -2:0:-1]
    whole[:, 0] = power[:, -1]
    return whole


def _between(three: NDArray[np.float32]) -> float:
    """Where between three samples the top of a peak lies, by a parabola through their logarithms."""
    if len(three) < 3:
        return 0.0
    before, at, after = np.log(three + 1e-9)
    bend = before - 2 * at + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
