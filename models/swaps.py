"""What a swap of electrodes does to the leads, exactly, and a beat as the guards see it. NumPy only."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.leads import LEADS

SOFT: Final = 0.5  # of a beat's effective height: smaller waves count by their height, larger ones by its logarithm


def _limbs(order: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return the twelve leads as combinations of the true ones when RA, LA, LL lie at the places `order` names.

    With potentials R, L, F at the three places: I = L - R, II = F - R (Einthoven). Chest leads refer to the mean of all
    three, which no exchange among them changes.
    """
    potentials = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[list(order)]  # R = 0, L = I, F = II
    one, two = potentials[1] - potentials[0], potentials[2] - potentials[0]
    made = np.eye(len(LEADS))
    rows = np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2])
    made[:6] = 0
    made[:6, :2] = rows
    return made


# What is recorded when limb electrodes are exchanged: the matrix (12, 12) times what should have been (Kors and van
# Herpen, Am J Cardiol 2001;88:396). An exchange of two repairs itself; each turn of three repairs the other.
LIMB_SWAPS: Final[dict[str, NDArray[np.float64]]] = {
    "RA and LA exchanged": _limbs((1, 0, 2)),
    "RA and LL exchanged": _limbs((2, 1, 0)),
    "LA and LL exchanged": _limbs((0, 2, 1)),
    "RA, LA and LL turned": _limbs((2, 0, 1)),
    "RA, LL and LA turned": _limbs((1, 2, 0)),
}
REPAIRS: Final = tuple(LIMB_SWAPS)
MATRICES: Final[NDArray[np.float32]] = np.stack([np.eye(len(LEADS)), *LIMB_SWAPS.values()]).astype(np.float32)
SEEN: Final = [0, 1, 2, 6, 7, 8, 9, 10, 11]  # I, II, III, V1 to V6: the other limb leads repeat them


def smooth(beats: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return beats without their finest structure, in which recorders differ more than hearts; ends held."""
    held = np.concatenate([beats[..., :1], beats, beats[..., -1:]], axis=-1)
    return np.asarray((held[..., :-2] + 2 * held[..., 1:-1] + held[..., 2:]) / 4, dtype=np.float32)


def seen(beats: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return median beats (..., 12, 72) in mV as a guard sees them, float32 (..., 648).

    Limb and chest leads are scaled by themselves, by what no swap among them changes; heights are softened.
    """
    beats = smooth(beats)
    limbs = np.sqrt((beats[..., :3, :] ** 2).mean(axis=(-2, -1), keepdims=True))
    chest = np.sqrt((beats[..., 6:, :] ** 2).mean(axis=(-2, -1), keepdims=True))
    scaled = np.concatenate([beats[..., :6, :] / (limbs + 1e-3), beats[..., 6:, :] / (chest + 1e-3)], axis=-2)
    softened = np.arcsinh(scaled[..., SEEN, :] / SOFT)
    return np.asarray(softened.reshape(*beats.shape[:-2], -1), dtype=np.float32)
