"""The boundaries of a beat over all leads: the earliest onset and the latest end that several leads bear out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.measure.delineate import Shape

# Intervals run from the earliest onset to the latest end in any lead, of leads recorded at once (Kligfield et al.,
# Circulation 2007;115:1306, automated ECG intervals; Rautaharju et al., Circulation 2009;119:e241, QT). A lead by
# itself may be wrong, so two others must lie near (as Martinez et al., IEEE Trans Biomed Eng 2004;51:570, have it).
WITNESSES: Final = 2
QRS_NEAR: Final = 6.0  # samples (12 ms)
WAVE_NEAR: Final = 10.0  # samples (20 ms)


@dataclass(frozen=True)
class Boundaries:
    """Onsets and ends over all leads, in samples of the median beat; None where there is no such wave."""

    qrs_on: float
    qrs_off: float
    p_on: float | None = None
    p_off: float | None = None
    t_off: float | None = None


def boundaries(shape: Shape) -> Boundaries:
    """Return the boundaries of a kind of beats over all its usable leads."""
    qrs, p, t = shape.qrs, shape.p, shape.t
    return Boundaries(
        qrs_on=_earliest(qrs.onsets, QRS_NEAR, qrs.onset),
        qrs_off=_latest(qrs.offsets, QRS_NEAR, qrs.offset),
        p_on=None if p is None else _earliest(p.leads[:, 0], WAVE_NEAR, p.overall[0]),
        p_off=None if p is None else _latest(p.leads[:, 2], WAVE_NEAR, p.overall[2]),
        t_off=None if t is None else _latest(t.leads[:, 2], WAVE_NEAR, t.overall[2]),
    )


def _earliest(leads: NDArray[np.float64], near: float, otherwise: float) -> float:
    """Return the earliest mark with WITNESSES others within `near` after it; `otherwise` where there is no mark."""
    marks = np.sort(leads[~np.isnan(leads)])
    if len(marks) <= WITNESSES:
        return float(marks[0]) if len(marks) else float(otherwise)
    borne_out = marks[: len(marks) - WITNESSES][marks[WITNESSES:] - marks[: len(marks) - WITNESSES] <= near]
    return float(borne_out[0]) if len(borne_out) else float(np.median(marks))


def _latest(leads: NDArray[np.float64], near: float, otherwise: float) -> float:
    return -_earliest(-leads, near, -otherwise)
