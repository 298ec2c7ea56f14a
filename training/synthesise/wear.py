"""What happens to a page on its way into a file: a scanner's or a camera's geometry, light, blur, noise and JPEG.

Every function takes and gives uint8 (height, width, 3) RGB; those that draw take a NumPy generator.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
DISTANCE: Final = 2.2  # of the camera from the page, in widths of the page: a telephone held at 60 cm over A4

TILE: Final = 509  # pixels; a prime, so that tiles do not meet the 8 x 8 blocks of JPEG in step


@dataclass(frozen=True)
class Shot:
    """A photograph of a page that lies on a table.

    Attributes:
        size: width and height of the photograph in pixels.
        tilt: degrees by which the camera looks along and across the page.
        turn: degrees by which the page is turned in the picture.
        fill: the share of the picture's width or height that the page takes.
    """

    size: tuple[int, int]
    tilt: tuple[float, float]
    turn: float
    fill: float


def rotated(page: Pixels, degrees: float, ground: int = 255) -> Pixels:
    """Turn a page about its middle; what comes into sight has the grey of `ground`."""
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    made = cv2.warpAffine(page, turn, (width, height), flags=cv2.INTER_CUBIC, borderValue=(ground,) * 3)
    return made.astype(np.uint8, copy=False)


def resized(page: Pixels, factor: float) -> Pixels:
    """Scale a page, averaging where it shrinks."""
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(page, None, fx=factor, fy=factor, interpolation=how).astype(np.uint8, copy=False)


def photographed(page: Pixels, shot: Shot, rng: np.random.Generator) -> Pixels:
    """Photograph a page on a table through a pinhole."""
    width, height = shot.size
    corners = _seen(page.shape[1] / page.shape[0], shot)
    target = (corners * shot.fill + 0.5) * (width - 1, height - 1)
    source = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * (page.shape[1] - 1, page.shape[0] - 1)
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    made = _table(width, height, rng)
    # Where the page is larger than in the picture it is shrunk first, or its fine lines would alias.
    span = float(np.linalg.norm(target[1] - target[0]) / max(page.shape[1] - 1, 1))
    if span < 0.7:
        page = cv2.GaussianBlur(page, (0, 0), 0.4 / span).astype(np.uint8, copy=False)
    cv2.warpPerspective(page, matrix, (width, height), made, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    return made


def _seen(aspect: float, shot: Shot) -> NDArray[np.float64]:
    """Return the page's corners in the picture, (4, 2), scaled so that they just fill -0.5 to 0.5 one way."""
    along, across, turn = np.radians((*shot.tilt, shot.turn))
    flat = np.array([(-aspect, -1), (aspect, -1), (aspect, 1), (-aspect, 1)]) / (2 * aspect)
    spin = np.array([(np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))])
    space = np.column_stack([flat @ spin.T, np.zeros(4)])
    pitch = np.array([(1, 0, 0), (0, np.cos(along), -np.sin(along)), (0, np.sin(along), np.cos(along))])
    yaw = np.array([(np.cos(across), 0, np.sin(across)), (0, 1, 0), (-np.sin(across), 0, np.cos(across))])
    moved = space @ (yaw @ pitch).T
    seen = moved[:, :2] / (moved[:, 2:] + DISTANCE)
    seen *= (1.0, shot.size[0] / shot.size[1])
    seen -= (seen.max(axis=0) + seen.min(axis=0)) / 2
    return np.asarray(seen / np.ptp(seen, axis=0).max())


def _table(width: int, height: int, rng: np.random.Generator) -> Pixels:
    """Return a table top of one colour with a soft grain."""
    colour = rng.uniform(30, 190) + rng.uniform(-25, 25, 3)
    grain = cv2.resize(rng.normal(0, 8, (height // 40 + 2, width // 200 + 2)), (width, height))
    return np.clip(colour + grain[..., None], 0, 255).astype(np.uint8)


def lit(page: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Light a page unevenly: brighter to one side, by up to `strength` (a share)."""
    height, width = page.shape[:2]
    angle = rng.uniform(0, 2 * np.pi)
    across = np.linspace(-0.5, 0.5, width)[None] * np.cos(angle) + np.linspace(-0.5, 0.5, height)[:, None] * np.sin(
        angle
    )
    return _dimmed(page, 1 - strength * (0.5 - across / 1.42))


def shadowed(page: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Let a shadow with a soft edge, as of a hand or a head, fall across a part of a page."""
    height, width = page.shape[:2]
    small = np.zeros((200, 280), np.float32)
    middle, reach = rng.uniform((0, 0), (280, 200)), rng.uniform(50, 130, 2)
    centre, axes = (int(middle[0]), int(middle[1])), (int(reach[0]), int(reach[1]))
    cv2.ellipse(small, centre, axes, float(rng.uniform(0, 180)), 0, 360, (1.0,), -1)
    soft = cv2.GaussianBlur(small, (0, 0), float(rng.uniform(6, 20)))
    return _dimmed(page, 1 - strength * cv2.resize(soft, (width, height)))


def _dimmed(page: Pixels, light: NDArray[np.floating]) -> Pixels:
    wide = cv2.merge([light.astype(np.float32)] * 3)
    return cv2.multiply(page, wide, dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def blurred(page: Pixels, sigma: float) -> Pixels:
    """Blur by a Gaussian of `sigma` pixels; 0 does nothing."""
    return page if sigma <= 0 else cv2.GaussianBlur(page, (0, 0), sigma).astype(np.uint8, copy=False)


def noisy(page: Pixels, sigma: float, rng: np.random.Generator) -> Pixels:
    """Add noise of a sensor, of a standard deviation of `sigma` steps."""
    # A tile of noise that is laid at a random place: drawing as many numbers as a photograph has takes seconds.
    tile = np.round(rng.standard_normal((TILE, TILE, 3), dtype=np.float32) * np.float32(sigma)).astype(np.int16)
    height, width = page.shape[:2]
    laid = np.roll(tile, tuple(rng.integers(0, TILE, 2)), (0, 1))
    laid = np.tile(laid, (height // TILE + 1, width // TILE + 1, 1))[:height, :width]
    return cv2.add(page, laid, dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def jpeg(page: Pixels, quality: int) -> bytes:
    """Return the page as JPEG of a quality from 0 to 100."""
    done, made = cv2.imencode(".jpg", page[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError("A page could not be written as JPEG.")
    return made.tobytes()


def png(page: Pixels) -> bytes:
    """Return the page as PNG."""
    done, made = cv2.imencode(".png", page[..., ::-1])
    if not done:
        raise ValueError("A page could not be written as PNG.")
    return made.tobytes()
