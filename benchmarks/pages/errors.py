"""What digitising does to a signal: the figures that training/digitisation.py simulates, from truly digitised pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import decimate

from benchmarks.pages.door import read_page
from benchmarks.pages.settings import FS
from benchmarks.pages.snr import best_shift, moved
from training.corpus import Corpus
from training.synthesise.write import Order, chosen, one_page

LEAST: Final = 1.0  # seconds of a lead that must have been read to be counted
TO_TRAINING: Final = 5  # samples at 500 Hz for one at 100 Hz, which is what the network sees


@dataclass(frozen=True)
class LeadError:
    """How a lead that was read differs from what was printed.

    Attributes:
        late, early: seconds that are missing where it begins and where it ends.
        gap: the share that is missing between.
        gain: natural logarithm of found by printed amplitude.
        lag: seconds by which it lies late, after the page's own shift.
        noise: standard deviation of the rest at 100 Hz, mV.
        tilt: how far the ends of the rest's straight line lie apart, mV.
    """

    late: float
    early: float
    gap: float
    gain: float
    lag: float
    noise: float
    tilt: float


Page = tuple[LeadError | None, ...]  # of each printed lead; None where it was not found


def pages(corpus: Corpus, folds: Sequence[int], count: int, seed: int) -> Iterator[Page | None]:
    """Print, scan and read recordings, and yield the errors of each page; None where it was refused."""
    for entry in chosen(corpus, folds, count, seed):
        data, page, _ = one_page(corpus.window(entry).signal, entry.ecg_id, Order(seed))
        read = read_page(data)
        yield None if read.signal is None else of_page(page.truth, read.signal)


def of_page(truth: NDArray[np.float32], found: NDArray[np.float32]) -> Page:
    """Return the errors of each lead that is printed, both (12, samples) with NaN where nothing is."""
    laid = np.full_like(truth, np.nan)
    length = min(truth.shape[1], found.shape[1])
    laid[:, :length] = found[:, :length]
    laid = moved(laid, best_shift(truth, laid))
    return tuple(_of_lead(x, y) for x, y in zip(truth, laid, strict=True) if np.isfinite(x).any())


def _of_lead(truth: NDArray[np.float32], found: NDArray[np.float32]) -> LeadError | None:
    printed, both = np.flatnonzero(np.isfinite(truth)), np.isfinite(truth) & np.isfinite(found)
    if both.sum() < LEAST * FS:
        return None
    at = np.flatnonzero(both)
    inside = slice(at[0], at[-1] + 1)
    x, y = (np.interp(np.arange(at[0], at[-1] + 1), at, each[at]) for each in (truth, found))
    x, y = decimate(x, TO_TRAINING), decimate(y, TO_TRAINING)
    time = np.linspace(-0.5, 0.5, len(x))
    # The rest by least squares: gain, lag by the slope of the truth, offset and tilt, all at once.
    terms = np.column_stack([x, -np.gradient(x), np.ones(len(x)), time])
    (gain, lag, _, tilt), *_ = np.linalg.lstsq(terms, y, rcond=None)
    rest = y - terms @ (gain, lag, 0, tilt)
    return LeadError(
        late=float(at[0] - printed[0]) / FS,
        early=float(printed[-1] - at[-1]) / FS,
        gap=float(1 - both[inside].mean()),
        gain=float(np.log(max(gain, 1e-3))),
        lag=float(lag / max(gain, 1e-3)) * TO_TRAINING / FS,
        noise=float((rest - rest.mean()).std()),
        tilt=float(tilt),
    )


def table(found: Sequence[Page | None]) -> str:
    """Return the figures beside the names of the constants that they are for."""
    read = [each for each in found if each is not None]
    leads = [[one for one in page if one is not None] for page in read]
    every = [one for page in leads for one in page]
    page_gain = np.array([np.median([one.gain for one in page]) for page in leads])
    beside = np.concatenate(
        [[one.gain - middle for one in page] for page, middle in zip(leads, page_gain, strict=True)]
    )
    rows = {
        "pages read of all": f"{len(read)} of {len(found)}",
        "LOST": f"{1 - len(every) / sum(map(len, read)):.3f}",
        "LATE (9 in 10 below), s": f"{np.quantile([one.late for one in every], 0.9):.3f}",
        "EARLY (9 in 10 below), s": f"{np.quantile([one.early for one in every], 0.9):.3f}",
        "GAPS: share of leads with one": f"{np.mean([one.gap > 0.01 for one in every]):.3f}",
        "PAGE_GAIN, spread": f"{_spread(page_gain):.4f} (median {np.median(page_gain):+.4f})",
        "LEAD_GAIN, spread": f"{_spread(beside):.4f}",
        "JITTER, spread, s": f"{_spread(np.array([one.lag for one in every])):.4f}",
        "NOISE, median and 9 in 10 below, mV": " ".join(
            f"{np.quantile([one.noise for one in every], at):.4f}" for at in (0.5, 0.9)
        ),
        "TILT, spread, mV": f"{_spread(np.array([one.tilt for one in every])):.4f}",
    }
    return "\n".join(
        ["| constant | measured |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    )


def _spread(values: NDArray[np.float64]) -> float:
    """Return the standard deviation that the middle half of the values has, as of a normal distribution."""
    return float(np.subtract(*np.quantile(values, [0.75, 0.25])) / 1.349)
