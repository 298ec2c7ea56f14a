"""What a window offers a reader: which leads are known, and which of them are flat."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ecg.canonical import CanonicalEcg
from ecg.leads import LEADS

# An electrode that is off leaves a constant; the smallest living QRS is ten times this (low voltage is 0.5 mV in limb
# leads, Surawicz et al., Circulation 2009;119:e235).
FLAT_MILLIVOLT: Final = 0.01


@dataclass(frozen=True)
class WindowQuality:
    """The quality of one window: `known` is the known share (0 to 1) of each lead, `flat` names the flat ones."""

    known: tuple[float, ...]
    flat: tuple[str, ...]

    def unusable(self, leads: Sequence[str], least_known: float) -> tuple[str, ...]:
        """Return those of `leads` that are known for less than `least_known` of the window, or flat."""
        share = dict(zip(LEADS, self.known, strict=True))
        return tuple(lead for lead in leads if share[lead] < least_known or lead in self.flat)


@dataclass(frozen=True)
class Quality:
    """The quality of each window of a recording."""

    windows: tuple[WindowQuality, ...]


def assess(windows: Sequence[CanonicalEcg]) -> Quality:
    """Assess each window by itself."""
    return Quality(tuple(_assess(window) for window in windows))


def _assess(window: CanonicalEcg) -> WindowQuality:
    known = window.mask.mean(axis=1)
    low = np.where(window.mask, window.signal, np.inf).min(axis=1)
    high = np.where(window.mask, window.signal, -np.inf).max(axis=1)
    flat = (known > 0) & (high - low < FLAT_MILLIVOLT)
    return WindowQuality(
        known=tuple(round(float(share), 4) for share in known),
        flat=tuple(lead for lead, one in zip(LEADS, flat, strict=True) if one),
    )
