"""The print on a sheet, read by rapidocr: names of leads, speed, gain. Text that is no print is mostly left unread."""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR
from rapidocr.ch_ppocr_det import TextDetOutput

from adapters.scan.labels import ROMANS, lead_of
from adapters.scan.nouns import Sheet, Word

# Pixels per millimetre at which print is looked for: a label of 2.5 mm is then 11 pixels high, the least that is found.
_FINDING: Final = 4.5
_LONGEST: Final = 1600  # pixels a side, however long the sheet
# Millimetres of print: heights of a line, and the width up to which a piece may be a label.
_HEIGHTS: Final = (1.2, 9.0)
_LABEL_WIDTH: Final = 14.0
_MOST_LINES: Final = 12  # longer pieces that are read, those nearest to the top or the bottom: header and footer
_MARGIN: Final = 0.3  # mm around a piece, so that no character is cut
_LEAST: Final = 0.3  # surety below which characters are noise
_ENOUGH: Final = 3  # named leads that show a page to be upright


def read_words(sheet: Sheet) -> tuple[Word, ...]:
    """Return the print of a sheet, from top to bottom, its boxes in mm."""
    boxes = _worth_reading(_found(sheet), sheet)
    if not boxes:
        return ()
    crops = [_cut(sheet, box) for box in boxes]
    texts = _engine().recognize_txt(crops)
    read = zip(texts.txts or (), texts.scores, boxes, strict=True)
    return tuple(Word(text.strip(), box, float(score)) for text, score, box in read if text.strip() and score >= _LEAST)


def read_upright(sheet: Sheet) -> tuple[Sheet, tuple[Word, ...]]:
    """Return the sheet the right way up, and its print.

    A page upside down names no leads, and names them once it is turned by half.
    """
    words = read_words(sheet)
    if _named(words) >= _ENOUGH:
        return sheet, words
    turned = _turned(sheet)
    other = read_words(turned)
    return (turned, other) if _named(other) >= max(_ENOUGH, 2 * _named(words)) else (sheet, words)


def _named(words: tuple[Word, ...]) -> int:
    """How many leads are named, but for I, II and III, which read the same upside down."""
    return len({lead for word in words if (lead := lead_of(word.text)) and lead not in ROMANS})


def _turned(sheet: Sheet) -> Sheet:
    height, width = sheet.pixels.shape[:2]
    half = np.array([[-1.0, 0.0, width - 1.0], [0.0, -1.0, height - 1.0], [0.0, 0.0, 1.0]])
    pixels = np.ascontiguousarray(sheet.pixels[::-1, ::-1])
    return Sheet(pixels, sheet.px_per_mm, half @ sheet.homography, sheet.grid)


@cache
def _engine() -> RapidOCR:
    """One engine for the process, loaded when first needed: it takes 60 MB, and a second to load."""
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.max_side_len": _LONGEST,
            "Det.limit_type": "max",
            "Det.limit_side_len": _LONGEST,
            "Rec.rec_img_shape": [3, 48, 96],  # labels are short; a batch is widened to its longest line
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _found(sheet: Sheet) -> NDArray[np.float64]:
    """Return the boxes of whatever looks like print: float64 (n, 4), left, top, right, bottom, mm."""
    height, width = sheet.pixels.shape[:2]
    shrink = min(_FINDING / sheet.px_per_mm, _LONGEST / max(height, width), 1.0)
    size = (max(round(width * shrink), 32), max(round(height * shrink), 32))
    small = cv2.resize(sheet.pixels[:, :, ::-1], size, interpolation=cv2.INTER_AREA)
    found = _engine()(small, use_det=True, use_cls=False, use_rec=False)
    corners = found.boxes if isinstance(found, TextDetOutput) else None
    if corners is None or len(corners) == 0:
        return np.empty((0, 4))
    points = np.asarray(corners, dtype=np.float64) / (shrink * sheet.px_per_mm)
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def _worth_reading(boxes: NDArray[np.float64], sheet: Sheet) -> list[tuple[float, float, float, float]]:
    tall = boxes[:, 3] - boxes[:, 1]
    wide = boxes[:, 2] - boxes[:, 0]
    print_like = (tall >= _HEIGHTS[0]) & (tall <= _HEIGHTS[1])
    short = print_like & (wide <= _LABEL_WIDTH)
    lines = np.flatnonzero(print_like & ~short & (wide > 2 * tall))
    bottom = sheet.pixels.shape[0] / sheet.px_per_mm
    to_edge = np.minimum(boxes[lines, 1], bottom - boxes[lines, 3])
    chosen = np.union1d(np.flatnonzero(short), lines[np.argsort(to_edge)[:_MOST_LINES]])
    return [(float(b[0]), float(b[1]), float(b[2]), float(b[3])) for b in boxes[chosen]]


def _cut(sheet: Sheet, box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    height, width = sheet.pixels.shape[:2]
    scale = sheet.px_per_mm
    left, top = (max(int((edge - _MARGIN) * scale), 0) for edge in box[:2])
    right, bottom = (int(np.ceil((edge + _MARGIN) * scale)) for edge in box[2:])
    return np.ascontiguousarray(sheet.pixels[top : min(bottom, height), left : min(right, width), ::-1])
