"""Rate and regularity of the beats, and the QT interval corrected for the rate."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.canonical import FS

# RR intervals of sinus rhythm vary by a few per cent; in atrial fibrillation by 15 to 30. Tateno and Glass, Med Biol
# Eng Comput 2001;39:664.
IRREGULAR: Final = 0.10


def intervals(at: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the RR intervals in seconds."""
    return np.asarray(np.diff(at) / FS, dtype=np.float64)


def rate(rr: NDArray[np.float64]) -> float:
    """Return beats per minute, by the mean RR interval in seconds."""
    return float(60.0 / rr.mean())


def variation(rr: NDArray[np.float64]) -> float:
    """Return the standard deviation of the RR intervals over their mean."""
    return float(rr.std() / rr.mean())


def bazett(qt: float, rr: float) -> float:
    """Correct a QT interval in ms for an RR interval in seconds. Bazett, Heart 1920;7:353."""
    return float(qt / np.sqrt(rr))


def fridericia(qt: float, rr: float) -> float:
    """Correct a QT interval in ms for an RR interval in seconds. Fridericia, Acta Med Scand 1920;53:469."""
    return float(qt / np.cbrt(rr))


def framingham(qt: float, rr: float) -> float:
    """Correct a QT interval in ms for an RR interval in seconds. Sagie et al., Am J Cardiol 1992;70:797."""
    return float(qt + 154.0 * (1.0 - rr))
