"""The print on a sheet, read by rapidocr: names of leads, speed, gain. Text that is no print is mostly left unread.

Where print may stand is told by the ink itself: rapidocr's own finder of text takes one to two seconds a page, and
misses most labels of an ECG, which are short, few, and lie between traces.
"""

from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR

from adapters.scan.ink import ink_of
from adapters.scan.labels import ROMANS, lead_of
from adapters.scan.nouns import Sheet, Word

Box = tuple[float, float, float, float]

_FULL: Final = 255  # stands for full ink
_DARK: Final = 0.35  # share of it from which on a pixel is a character's
# Millimetres of a character: what is lower is a dot of the grid, what is taller or wider a piece of a trace.
_TALL: Final = (1.3, 6.0)
_WIDE: Final = (0.2, 7.0)
_LINE: Final = 4.0  # mm up to which what is tall may be several characters that touch, at low resolution
_CORE: Final = 0.5  # percentile of redness that is surely ink's
_SAMPLE: Final = 7  # every so many pixels are enough to learn it
_STROKE: Final = 0.28  # of its height that a stroke is wide at most: alone it may be 'I', a separator, or an R wave
_SPACE: Final = 1.2  # mm between characters of one piece
_WORDS: Final = 3.0  # mm between the words of a line
_LABEL_WIDTH: Final = 14.0  # mm up to which a piece may be a label
_MOST_LABELS: Final = 36
_MOST_PARTS: Final = 12
# Longer pieces that are read, the lowest and the highest: speed and gain stand below the traces, or else above.
_LOWEST_LINES: Final = 4
_HIGHEST_LINES: Final = 2
_MARGIN: Final = 0.4  # mm around a piece, so that no character is cut
_LEAST: Final = 0.3  # surety below which characters are noise
_ENOUGH: Final = 7  # named leads that show a page to be upright: upside down, five of twelve may be read all the same


def read_words(sheet: Sheet) -> tuple[Word, ...]:
    """Return the print of a sheet, its boxes in mm: what is of the traces' ink, or else what is blue or black."""
    words = _words(_bytes(ink_of(sheet), _FULL), sheet.px_per_mm)
    if _named(words) >= _ENOUGH:
        return words
    other = _words(_not_red(sheet.pixels), sheet.px_per_mm)
    return other if _named(other) > _named(words) else words


def _not_red(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what is blue or black, whatever the traces are: uint8, _FULL where a pixel is as dark as ink."""
    red = pixels[:, :, 0]
    paper, darkest = np.percentile(red[::_SAMPLE, ::_SAMPLE], [50, _CORE])
    return _bytes(np.uint8(paper) - np.minimum(red, np.uint8(paper)), _FULL / max(float(paper - darkest), 1.0))


def _bytes(values: NDArray[np.uint8] | NDArray[np.float32], factor: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(values, alpha=factor), np.uint8)


def _words(dark: NDArray[np.uint8], px_per_mm: float) -> tuple[Word, ...]:
    """Return the print among what is dark, _FULL where it is ink."""
    boxes = _worth_reading(_pieces((dark > _DARK * _FULL).view(np.uint8), px_per_mm))
    if not boxes:
        return ()
    paper = ~dark
    words = _read(paper, boxes, px_per_mm)
    # Where a trace or a separator touches a character, a piece is a part of its label: '6' of V6, 'VL' of aVL.
    parts = [n for n, word in enumerate(words) if _is_part(word)][:_MOST_PARTS]
    again = _read(paper, [_wider(boxes[n]) for n in parts], px_per_mm)
    for n, word in zip(parts, again, strict=True):
        if (lead_of(word.text) or ROMANS[0]) not in ROMANS:
            words[n] = word
    return tuple(word for word in words if word.text and word.surety >= _LEAST)


def read_upright(sheet: Sheet) -> tuple[Sheet, tuple[Word, ...]]:
    """Return the sheet the right way up, and its print: as it names more leads, where it names few as it is."""
    words = read_words(sheet)
    if _named(words) >= _ENOUGH:
        return sheet, words
    turned = _turned(sheet)
    other = read_words(turned)
    return (turned, other) if _named(other) > _named(words) + 1 else (sheet, words)


def _named(words: tuple[Word, ...]) -> int:
    """How many leads are named, but for I, II and III, which read the same upside down."""
    return len({lead for word in words if (lead := lead_of(word.text)) and lead not in ROMANS})


def _turned(sheet: Sheet) -> Sheet:
    height, width = sheet.pixels.shape[:2]
    half = np.array([[-1.0, 0.0, width - 1.0], [0.0, -1.0, height - 1.0], [0.0, 0.0, 1.0]])
    pixels = np.ascontiguousarray(sheet.pixels[::-1, ::-1])
    return Sheet(pixels, sheet.px_per_mm, half @ sheet.homography, sheet.grid)


@cache
def recogniser() -> RapidOCR:
    """One recogniser for the process, loaded: 30 MB, half a second."""
    made = RapidOCR(
        params={
            "Global.log_level": "critical",
            "Rec.rec_img_shape": [3, 48, 96],  # labels are short; a batch is widened to its longest line
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    made.recognize_txt([np.full((48, 96, 3), 255, np.uint8)])  # only by that it loads
    return made


def _pieces(dark: NDArray[np.uint8], px_per_mm: float) -> NDArray[np.float64]:
    """Return the boxes of whatever may be print: float64 (n, 4), left, top, right, bottom, mm."""
    characters = _components(dark) / px_per_mm
    wide, tall = characters[:, 2] - characters[:, 0], characters[:, 3] - characters[:, 1]
    widest = np.where(tall <= _LINE, _LABEL_WIDTH, _WIDE[1])
    fit = (tall >= _TALL[0]) & (tall <= _TALL[1]) & (wide >= _WIDE[0]) & (wide <= widest)
    filled = np.zeros(dark.shape, np.uint8)
    for left, top, right, bottom in np.rint(characters[fit] * px_per_mm).astype(int):
        filled[top:bottom, left:right] = 1
    bridge = np.ones((1, round(_SPACE * px_per_mm) | 1), np.uint8)
    joined = np.asarray(cv2.morphologyEx(filled, cv2.MORPH_CLOSE, bridge), np.uint8)
    pieces = _components(joined) / px_per_mm
    gap = np.ones((1, round(_WORDS * px_per_mm) | 1), np.uint8)
    lines = _components(np.asarray(cv2.morphologyEx(joined, cv2.MORPH_CLOSE, gap), np.uint8)) / px_per_mm
    lines = lines[lines[:, 2] - lines[:, 0] > _LABEL_WIDTH]
    middle = (pieces[:, :2] + pieces[:, 2:]) / 2
    inside = (middle[:, None] >= lines[:, :2]) & (middle[:, None] <= lines[:, 2:])
    alone = ~np.asarray(inside.all(axis=2)).any(axis=1)
    found = np.concatenate([pieces[alone], lines])
    wide, tall = found[:, 2] - found[:, 0], found[:, 3] - found[:, 1]
    return np.asarray(found[wide > _STROKE * tall], np.float64)


def _components(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the boxes of a mask's connected parts: float64 (n, 4), left, top, right, bottom, pixels."""
    _, _, found, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    left, top, width, height = (found[1:, part].astype(np.float64) for part in range(4))
    return np.stack([left, top, left + width, top + height], axis=1)


def _worth_reading(pieces: NDArray[np.float64]) -> list[Box]:
    wide, tall = pieces[:, 2] - pieces[:, 0], pieces[:, 3] - pieces[:, 1]
    short = np.flatnonzero(wide <= _LABEL_WIDTH)
    lines = np.flatnonzero((wide > _LABEL_WIDTH) & (wide > 3 * tall))
    lines = lines[np.argsort(-pieces[lines, 3])]
    told = np.union1d(lines[:_LOWEST_LINES], lines[len(lines) - min(_HIGHEST_LINES, len(lines)) :])
    # Labels are of one height, and wider than they are tall; pieces of traces are of any.
    odd = np.abs(tall[short] - 3.0) + 2.0 * (wide[short] < tall[short])
    chosen = [*short[np.argsort(odd, kind="stable")[:_MOST_LABELS]], *told]
    return [(float(left), float(top), float(right), float(bottom)) for left, top, right, bottom in pieces[chosen]]


def _is_part(word: Word) -> bool:
    left, _, right, _ = word.box
    return right - left <= _LABEL_WIDTH / 2 and lead_of(word.text) is None


def _wider(box: Box) -> Box:
    left, top, right, bottom = box
    return left - (bottom - top), top, right + (bottom - top), bottom


def _read(paper: NDArray[np.uint8], boxes: list[Box], px_per_mm: float) -> list[Word]:
    """Return what stands in each box, its text empty where nothing does."""
    if not boxes:
        return []
    texts = recogniser().recognize_txt([_cut(paper, box, px_per_mm) for box in boxes])
    read = zip(texts.txts or (), texts.scores, boxes, strict=True)
    return [Word(text.strip(), box, float(score)) for text, score, box in read]


def _cut(paper: NDArray[np.uint8], box: Box, px_per_mm: float) -> NDArray[np.uint8]:
    left, top = (max(int((edge - _MARGIN) * px_per_mm), 0) for edge in box[:2])
    right, bottom = (int(np.ceil((edge + _MARGIN) * px_per_mm)) for edge in box[2:])
    return np.repeat(paper[top:bottom, left:right, None], 3, axis=2)
