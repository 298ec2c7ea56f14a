"""Writes pages of a corpus's recordings, each with its truth beside it. The same seed writes the same files."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.corpus import Corpus, Entry
from training.synthesise.capture import photograph, scan
from training.synthesise.marks import creased, scribbled, stained
from training.synthesise.page import Page, draw_page
from training.synthesise.style import SEEN, UNSEEN, Style, draw_style
from training.synthesise.wear import Pixels, png

MARKS: Final = ((creased, 0.15), (stained, 0.15), (scribbled, 0.2))  # how often a page that was worn has them
CAPTURES: Final[dict[str, tuple[str, Callable[[Pixels, np.random.Generator], bytes]]]] = {
    "clean": ("png", lambda page, _rng: png(page)),
    "scan": ("jpg", scan),
    "photo": ("jpg", photograph),
}


@dataclass(frozen=True)
class Order:
    """How pages are to be made: `seed` of all that is drawn, `quality` clean, scan or photo, `unseen` of which pool.

    Raises:
        ValueError: there is no such quality.
    """

    seed: int
    quality: str = "scan"
    unseen: bool = False

    def __post_init__(self) -> None:
        if self.quality not in CAPTURES:
            raise ValueError(f"{self.quality} is none of {', '.join(CAPTURES)}.")


def chosen(corpus: Corpus, folds: Sequence[int], count: int, seed: int) -> tuple[Entry, ...]:
    """Draw so many recordings of these folds, in the order of the database; all of them where there are not more."""
    entries = corpus.fold(*folds)
    drawn = np.random.default_rng(seed).permutation(len(entries))[:count]
    return tuple(entries[at] for at in np.sort(drawn))


def synthesise(corpus: Corpus, entries: Sequence[Entry], out: Path, order: Order) -> None:
    """Write a page of each recording into `out`: ecg_id.jpg or .png, ecg_id.npy (truth) and ecg_id.json (style)."""
    out.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        if (out / f"{entry.ecg_id}.json").exists():
            continue
        data, page, style = one_page(corpus.window(entry).signal, entry.ecg_id, order)
        (out / f"{entry.ecg_id}.{CAPTURES[order.quality][0]}").write_bytes(data)
        np.save(out / f"{entry.ecg_id}.npy", page.truth)
        (out / f"{entry.ecg_id}.json").write_text(json.dumps(asdict(style), indent=1), encoding="utf-8")


def one_page(signal: NDArray[np.float32], number: int, order: Order) -> tuple[bytes, Page, Style]:
    """Return one page as a file, as it was drawn, and its style.

    Args:
        signal: float32 (12, 5000), mV at 500 Hz.
        number: the page's, so that each is drawn in its own way.
        order: how it is to be made.
    """
    style, rng = style_of(number, order)
    page = draw_page(signal, style, rng)
    worn = page.pixels
    if order.quality != "clean":
        for mark, often in MARKS:
            if rng.random() < often:
                worn = mark(worn, rng)
    return CAPTURES[order.quality][1](worn, rng), page, style


def style_of(number: int, order: Order) -> tuple[Style, np.random.Generator]:
    """Return how a page looks, by its number, and the stream from which the rest of it is drawn."""
    rng = np.random.default_rng((order.seed, number))
    return draw_style(rng, UNSEEN if order.unseen else SEEN), rng
