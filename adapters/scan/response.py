"""A picture as its printed grid sees it: darkness against the paper about it, in the channel that shows it best."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

# The longer side of the copy that is searched. A page of 280 mm has 5 to 6 px per mm in it: enough for 1 mm lines.
WORKING_SIDE: Final = 1600

# Pixels about which light and contrast are evened out: more than a 5 mm square, less than a shadow.
_EVEN: Final = 31
# Contrast below this share of the paper's light is noise, and is not raised to that of the rest.
_FAINTEST: Final = 0.006
# Ink and edges are cut at so many times the mean contrast about them, so that they do not outweigh the grid.
_CUT: Final = 2.5


def working_copy(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """The picture with its longer side at most WORKING_SIDE, and how many of its pixels one of the picture is."""
    scale = min(1.0, WORKING_SIDE / max(pixels.shape[:2]))
    if scale == 1.0:
        return pixels, 1.0
    size = (round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def grid_response(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Darkness of each pixel against its surroundings, evened out: float32 (height, width), zero on average."""
    paper = cv2.blur(pixels, (_EVEN, _EVEN), borderType=cv2.BORDER_REFLECT)
    share = np.asarray(cv2.divide(pixels, np.maximum(paper, 1), dtype=cv2.CV_32F), np.float32)
    darkness = np.asarray(1 - np.minimum(np.minimum(share[..., 0], share[..., 1]), share[..., 2]), np.float32)
    darkness -= np.asarray(cv2.blur(darkness, (_EVEN, _EVEN), borderType=cv2.BORDER_REFLECT), np.float32)
    contrast = cv2.blur(np.abs(darkness), (2 * _EVEN + 1, 2 * _EVEN + 1), borderType=cv2.BORDER_REFLECT)
    even: NDArray[np.float32] = np.clip(darkness / np.maximum(contrast, _FAINTEST), -_CUT, _CUT)
    return even
