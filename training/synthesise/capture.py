"""How a page becomes a file: by an office scanner, or by a telephone."""

from typing import Final

import numpy as np

from training.synthesise.wear import (
    Pixels,
    Shot,
    blurred,
    jpeg,
    lit,
    noisy,
    photographed,
    resized,
    rotated,
    shadowed,
)

PAGE_DPI: Final = 300  # of what is captured
PHOTOGRAPH: Final = (4000, 3000)  # 12 MP
MOST_TILT: Final = 12.0  # degrees each way, so that both together stay below 15 or so in most pictures


def scan(page: Pixels, rng: np.random.Generator) -> bytes:
    """Scan a page of PAGE_DPI: up to 2 degrees askew, 150 to 300 dpi, blur, noise, JPEG of 75 to 90."""
    page = rotated(page, rng.uniform(-2, 2))
    page = resized(page, rng.uniform(150, 300) / PAGE_DPI)
    page = noisy(blurred(page, rng.uniform(0.2, 0.9)), rng.uniform(1, 6), rng)
    return jpeg(page, int(rng.integers(75, 91)))


def photograph(page: Pixels, rng: np.random.Generator) -> bytes:
    """Photograph a page: tilted, turned, unevenly lit, mostly with a shadow, a little out of focus, JPEG."""
    size = PHOTOGRAPH if page.shape[1] >= page.shape[0] else PHOTOGRAPH[::-1]
    tilt = rng.uniform(-MOST_TILT, MOST_TILT, 2)
    shot = Shot(size, (float(tilt[0]), float(tilt[1])), float(rng.uniform(-4, 4)), float(rng.uniform(0.8, 0.97)))
    picture = lit(photographed(page, shot, rng), rng.uniform(0.05, 0.35), rng)
    if rng.random() < 0.7:
        picture = shadowed(picture, rng.uniform(0.15, 0.45), rng)
    picture = noisy(blurred(picture, rng.uniform(0.6, 1.8)), rng.uniform(2, 7), rng)
    return jpeg(picture, int(rng.integers(75, 93)))
