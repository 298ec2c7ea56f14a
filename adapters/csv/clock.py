"""The sampling frequency that a column of times states, if it is regular."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.errors import MalformedPayload
from ecg.recording import MAX_FS, MIN_FS

JITTER: Final = 0.1  # of a step; a sample that is missing moves the others by more
FINE: Final = 0.6  # of a step; times that were rounded to more may hide that a sample is missing
_SAME: Final = 1 + 1e-6


@dataclass(frozen=True)
class Clock:
    """A column of times: float64 (samples,), and the seconds of its unit, None where it does not say.

    Raises:
        MalformedPayload: the times are not regular: they have gaps, or stand still.
    """

    times: NDArray[np.float64]
    seconds: float | None

    def __post_init__(self) -> None:
        times = self.times - self.times[0]
        if len(times) < 2 or not np.isfinite(times).all() or not times[-1] > 0:
            raise MalformedPayload("The column of times does not run from sample to sample.")
        away = np.abs(times - np.arange(len(times)) * (times[-1] / (len(times) - 1))).max()
        least, most = self._rounding, float(np.diff(times).max())
        if (
            away > max(least, JITTER * self.step) * _SAME
            or most > self.step + max(least, 2 * JITTER * self.step) * _SAME
        ):
            raise MalformedPayload("The column of times is not regular: samples are missing, or their times are wrong.")

    @property
    def step(self) -> float:
        """The mean step from sample to sample, in the column's unit."""
        return float(self.times[-1] - self.times[0]) / (len(self.times) - 1)

    def fs(self, known: float | None) -> float | None:
        """Return samples per second, Hz; None where the column's unit is open. A whole number is found behind rounding.

        Args:
            known: what is stated or declared elsewhere, Hz.

        Raises:
            MalformedPayload: the times contradict that.
        """
        # Steps that seconds, milliseconds or the numbers of samples may have do not overlap for 50 to 2000 Hz, but
        # only of fractions of a second can the number of a sample not be meant.
        seconds = self.seconds or (1.0 if self.step * _SAME >= 1 / MAX_FS and self.step <= _SAME / MIN_FS else None)
        if seconds is None:
            if known and not any(
                np.isclose(known * self.step * each, 1.0, rtol=1e-3) for each in (1e-3, 1e-6, 1 / known)
            ):
                raise MalformedPayload("The sampling frequency and the column of times disagree.")
            return known
        exact, least = 1 / (self.step * seconds), self._rounding * seconds
        is_fine = least < FINE * self.step * seconds
        if known:
            # A step too many over the whole is what counting both ends makes, if no sample can be missing instead.
            if not (self._away(known, seconds) < least / _SAME or (is_fine and self._fits(known, seconds))):
                raise MalformedPayload("The sampling frequency and the column of times disagree.")
            return known
        whole = float(round(exact))
        if whole and self._away(whole, seconds) < least / _SAME + (1e-6 * (len(self.times) - 1) / exact) * is_fine:
            return whole
        if not is_fine:
            raise MalformedPayload("The column of times is too coarse to tell whether samples are missing.")
        return exact

    def _fits(self, fs: float, seconds: float) -> bool:
        return self._away(fs, seconds) <= _SAME / fs

    @property
    def _rounding(self) -> float:
        """To what the times were rounded, in the column's unit."""
        some = self.times[:2000]
        for places in range(7):
            scaled = some * 10.0**places
            if (np.abs(scaled - np.rint(scaled)) < 1e-3).all():
                return 10.0**-places
        return 1e-6

    def _away(self, fs: float, seconds: float) -> float:
        """Return by how many seconds a time is away from where `fs` has it, at most."""
        times = (self.times - self.times[0]) * seconds
        return float(np.abs(times - np.arange(len(times)) / fs).max())
