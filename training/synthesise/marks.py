"""What people do to paper: folds, stains and handwriting. Takes and gives uint8 (height, width, 3) RGB."""

import cv2
import numpy as np

from training.synthesise.wear import Pixels


def creased(page: Pixels, rng: np.random.Generator) -> Pixels:
    """Fold a page once, across or along: one half is a little darker, and the fold catches the light."""
    made = page.astype(np.float32)
    across = rng.random() < 0.5
    turned = made.transpose(1, 0, 2) if across else made
    at, wide = int(rng.uniform(0.25, 0.75) * len(turned)), int(rng.integers(2, 6))
    turned[at:] *= rng.uniform(0.88, 0.97)
    turned[at : at + wide] = turned[at : at + wide] * 0.6 + 255 * 0.4
    turned[at + wide : at + 2 * wide] *= 0.85
    return made.astype(np.uint8)


def stained(page: Pixels, rng: np.random.Generator) -> Pixels:
    """Set down a cup, or spill a drop: a ring or a blot of brown that what is printed shows through."""
    height, width = page.shape[:2]
    small = np.zeros((height // 8, width // 8), np.float32)
    centre = (int(rng.integers(small.shape[1])), int(rng.integers(small.shape[0])))
    radius, thick = int(rng.integers(20, 70)), int(rng.choice([-1, 4]))
    cv2.circle(small, centre, radius, (1.0,), thick, cv2.LINE_AA)
    weight = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2.0), (width, height))[..., None] * rng.uniform(0.15, 0.4)
    tint = np.array([0.75, 0.6, 0.4], np.float32)
    return (page * (1 - weight * (1 - tint))).astype(np.uint8)


def scribbled(page: Pixels, rng: np.random.Generator) -> Pixels:
    """Write on a page with a pen: a few loops in a row, as a hand's words or a signature."""
    made = page.copy()
    height, width = page.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        turns = np.linspace(0, rng.uniform(3, 9) * 2 * np.pi, 200)
        size, slope = rng.uniform(0.008, 0.02) * height, rng.uniform(-0.1, 0.1)
        start = rng.uniform((0.05, 0.05), (0.75, 0.95)) * (width, height)
        x = start[0] + turns * size * 0.5 + size * np.sin(turns) * rng.uniform(0.5, 1)
        y = (
            start[1]
            + slope * (x - start[0])
            + size * np.cos(turns * rng.uniform(0.8, 1.2)) * (1 + 0.4 * np.sin(turns / 3))
        )
        points = np.round(np.column_stack([x, y])).astype(np.int32)
        colour = [(25, 35, 140), (20, 20, 20), (150, 30, 40)][int(rng.integers(3))]
        cv2.polylines(made, [points], False, colour, int(rng.integers(3, 7)), cv2.LINE_AA)
    return made
