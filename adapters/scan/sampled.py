"""Strips become a waveform: samples in millivolt on the page's common axis of time."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.scan.nouns import Scale, Strip
from ecg.leads import LEADS, LIMB_LEADS

FS: Final = 500.0  # Hz
USUAL_SECONDS: Final = 10.0  # of a page; what is cut or printed a little longer is its margin
MARGIN_SECONDS: Final = 0.6


def sampled(strips: Sequence[Strip], scale: Scale) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Return the signal of a page and its leads, in the order of ecg.leads.LEADS.

    A lead that is printed more than once, as a rhythm strip is, is taken from where most of it is seen.

    Returns:
        float32 (leads, samples), mV, 500 Hz, NaN where nothing is printed; the lead of each row.
    """
    ends = [strip.begins + float(np.ptp(strip.curve.x)) / scale.mm_per_s for strip in strips]
    seconds = max(ends)
    if USUAL_SECONDS < seconds <= USUAL_SECONDS + MARGIN_SECONDS:
        seconds = USUAL_SECONDS
    times = np.arange(round(seconds * FS)) / FS
    rows = {}
    for lead in LEADS:
        pieces = [_row(strip, scale, times) for strip in strips if strip.lead == lead]
        if pieces and np.isfinite(best := max(pieces, key=lambda row: np.isfinite(row).sum())).any():
            rows[lead] = best
    return np.array(list(rows.values()), dtype=np.float32).reshape(-1, len(times)), tuple(rows)


def _row(strip: Strip, scale: Scale, times: NDArray[np.float64]) -> NDArray[np.float64]:
    gain = scale.mm_per_mv if strip.lead in LIMB_LEADS else scale.chest_mm_per_mv
    at = strip.begins + (strip.curve.x - strip.curve.x[0]) / scale.mm_per_s
    # Linear: a curve has as many points as there are samples, and NaN spreads to no more than its neighbours.
    return np.interp(times, at, (strip.zero - strip.curve.y) / gain, left=np.nan, right=np.nan)
