"""What digitising does to a signal: the figures that training/digitisation.py simulates, from truly digitised pages."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import decimate

from benchmarks.pages.door import read_page
from benchmarks.pages.settings import FS
from benchmarks.pages.snr import best_shift, moved
from training.corpus import Corpus
from training.digitisation import FIGURES, LEVELS, STEEP
from training.synthesise.write import Order, chosen, one_page

QUALITIES: Final = ("scan", "photo")  # by turns
LEAST: Final = 1.0  # seconds of a lead that must have been read to be counted
TO_TRAINING: Final = 5  # samples at 500 Hz for one at 100 Hz, which is what the network sees
FARTHEST: Final = 250  # samples by which a column may lie elsewhere: separators that are gaps add up


@dataclass(frozen=True)
class LeadError:
    """How a lead that was read differs from what was printed.

    Attributes:
        late, early: seconds that are missing where it begins and where it ends.
        gap: the share that is missing between.
        gain: natural logarithm of found by printed amplitude.
        column: seconds by which its column lies late on the page.
        lag: seconds by which it lies late in its column.
        smear: the share of a sample that went to each neighbour at 100 Hz; below 0 where edges were sharpened.
        noise: standard deviation of the rest at 100 Hz, mV, but for
        steep: that of the rest where the printed lead is steepest, mV.
        tilt: how far the ends of the rest's straight line lie apart, mV.
    """

    late: float
    early: float
    gap: float
    gain: float
    column: float
    lag: float
    smear: float
    noise: float
    steep: float
    tilt: float


Page = tuple[LeadError | None, ...]  # of each printed lead; None where it was not found


def pages(
    corpus: Corpus, folds: Sequence[int], out: Path, order: tuple[int, int], processes: int = 1
) -> Iterator[Page | None]:
    """Print, scan or photograph, and read recordings, and yield the errors of each page; None where it was refused.

    What was read is kept in `out`, so that a run goes on where it stopped. `order` is how many pages, and their seed.
    """
    out.mkdir(parents=True, exist_ok=True)
    count, seed = order
    entries = chosen(corpus, folds, count, seed)
    signals = (corpus.window(entry).signal for entry in entries)
    numbers = [entry.ecg_id for entry in entries]
    orders = [Order(seed, QUALITIES[at % len(QUALITIES)]) for at in range(count)]
    files = [out / f"{number}-{each.quality}-{seed}.npz" for number, each in zip(numbers, orders, strict=False)]
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(_page, signals, numbers, orders, files)


def _page(signal: NDArray[np.float32], number: int, order: Order, file: Path) -> Page | None:
    """Return the errors of one page. It is printed, read, and kept with what was read, unless that is done."""
    if not file.exists():
        data, page, _ = one_page(signal, number, order)
        read = read_page(data)
        found = np.zeros((0, 0), np.float32) if read.signal is None else read.signal
        np.savez_compressed(file, truth=page.truth, found=found)
    with np.load(file) as kept:
        return of_page(kept["truth"], kept["found"]) if kept["found"].size else None


def of_page(truth: NDArray[np.float32], found: NDArray[np.float32]) -> Page:
    """Return the errors of each lead that is printed, both (12, samples) with NaN where nothing is."""
    laid = np.full_like(truth, np.nan)
    length = min(truth.shape[1], found.shape[1])
    laid[:, :length] = found[:, :length]
    laid = moved(laid, best_shift(truth, laid))
    columns: dict[tuple[int, int], list[int]] = {}
    for row, lead in enumerate(truth):
        if (at := np.flatnonzero(np.isfinite(lead))).size:
            columns.setdefault((int(at[0]), int(at[-1])), []).append(row)
    errors: dict[int, LeadError | None] = {}
    for rows in columns.values():
        by = best_shift(truth[rows], laid[rows], FARTHEST)
        errors |= {row: _of_lead(truth[row], moved(laid[row], by), -by / FS) for row in rows}
    return tuple(errors[row] for row in sorted(errors))


def _of_lead(truth: NDArray[np.float32], found: NDArray[np.float32], column: float) -> LeadError | None:
    printed, both = np.flatnonzero(np.isfinite(truth)), np.isfinite(truth) & np.isfinite(found)
    if both.sum() < LEAST * FS:
        return None
    at = np.flatnonzero(both)
    inside = slice(at[0], at[-1] + 1)
    x, y = (np.interp(np.arange(at[0], at[-1] + 1), at, each[at]) for each in (truth, found))
    x, y = decimate(x, TO_TRAINING), decimate(y, TO_TRAINING)
    time, slope = np.linspace(-0.5, 0.5, len(x)), np.gradient(x)
    # The rest by least squares: gain, lag by the slope of the truth, smear by its bend, offset and tilt, all at once.
    terms = np.column_stack([x, -slope, np.gradient(slope), np.ones(len(x)), time])
    (gain, lag, smear, _, tilt), *_ = np.linalg.lstsq(terms, y, rcond=None)
    rest = y - terms @ (gain, lag, smear, 0, tilt)
    rest -= rest.mean()
    steep = np.abs(slope) > np.quantile(np.abs(slope), STEEP)
    scale = max(gain, 1e-3)
    return LeadError(
        late=float(at[0] - printed[0]) / FS,
        early=float(printed[-1] - at[-1]) / FS,
        gap=float(1 - both[inside].mean()),
        gain=float(np.log(scale)),
        column=column,
        lag=float(lag / scale) * TO_TRAINING / FS,
        smear=float(smear / scale),
        noise=float(rest[~steep].std()),
        steep=float(rest[steep].std()),
        tilt=float(tilt),
    )


def quantiles(found: Sequence[Page | None]) -> dict[str, NDArray[np.float64]]:
    """Return for each figure that training/digitisation.py draws its LEVELS among the leads, or pages, that were read.

    The page's gain is the median of its leads', and each lead's own is what it has beside that.
    """
    leads = [[one for one in page if one is not None] for page in found if page is not None]
    every = [one for page in leads for one in page]
    page_gain = [float(np.median([one.gain for one in page])) for page in leads]
    beside = [one.gain - middle for page, middle in zip(leads, page_gain, strict=True) for one in page]
    figures = {
        name: [getattr(one, name) for one in every] for name in FIGURES if name not in {"page_gain", "lead_gain"}
    }
    figures |= {"page_gain": page_gain, "lead_gain": beside}
    return {name: np.quantile(figures[name], LEVELS) for name in FIGURES}


def table(found: Sequence[Page | None]) -> str:
    """Return the figures as training/digitised.csv has them, after a comment that says of how many pages."""
    read = [each for each in found if each is not None]
    lost = 1 - sum(one is not None for page in read for one in page) / sum(map(len, read))
    rows = [
        f"# {len(read)} pages read of {len(found)}; {lost:.3f} of their leads not found. By benchmarks.pages errors."
    ]
    rows.append(",".join(["figure", *(f"{level:g}" for level in LEVELS)]))
    rows += [",".join([name, *(f"{value:.4f}" for value in values)]) for name, values in quantiles(found).items()]
    return "\n".join(rows)
