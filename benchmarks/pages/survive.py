"""Whether a diagnosis survives paper: recordings printed by our own generator in unseen styles, scanned, read, scored.

It also gives the signal to noise of these pages: a smoke test, since our own code drew them. What was read is kept, so
that a run goes on where it stopped.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.pages.baseline import scores, strip_of
from benchmarks.pages.door import ReadPage, read_page
from benchmarks.pages.settings import FS
from benchmarks.pages.snr import figures
from ecg.canonical import CanonicalEcg, canonicalise
from ecg.leads import LEADS
from ecg.recording import Waveform
from models.network import NetworkClassifier, load
from training.compare import by_label
from training.corpus import Corpus, Entry
from training.labels import TARGETS
from training.run import Run
from training.statistics import auc_interval
from training.synthesise.write import Order, chosen, one_page, style_of

FOLD: Final = 9
LABEL: Final = "MI-or-STTC"
QUALITY: Final = "scan"
THEIRS: Final = "3x4+1"  # the layout that the ten steps look for a strip in
PAPERS: Final = {"image CNN of the published system, as published": 0.808}


@dataclass(frozen=True, eq=False)
class Survived:
    """What became of one recording: what was read, float32 (12, samples), or why not; and the ten steps' strip."""

    entry: Entry
    layout: str
    found: NDArray[np.float32] | None = field(repr=False)
    reason: str
    snr: float
    strip: NDArray[np.float32] = field(repr=False)

    def window(self) -> CanonicalEcg | None:
        """Return what was read as a network gets it; None where it was refused."""
        return None if self.found is None else canonicalise(Waveform(self.found, LEADS, FS))[0]


def survived(corpus: Corpus, out: Path, count: int, seed: int, processes: int = 1) -> Iterator[Survived]:
    """Print, read and keep a random `count` recordings of the fold, by `seed`, in so many processes."""
    out.mkdir(parents=True, exist_ok=True)
    entries = chosen(corpus, [FOLD], count, seed)
    files = [out / f"{entry.ecg_id}.npz" for entry in entries]
    signals = (corpus.window(entry).signal for entry in entries)
    order = Order(seed, QUALITY, unseen=True)
    numbers, orders = [entry.ecg_id for entry in entries], [order] * len(entries)
    with ProcessPoolExecutor(processes) as pool:
        for entry, file in zip(entries, pool.map(_kept, signals, numbers, orders, files), strict=True):
            with np.load(file) as kept:
                found = kept["found"] if kept["found"].size else None
                layout = style_of(entry.ecg_id, order)[0].layout.name
                yield Survived(entry, layout, found, str(kept["reason"]), float(kept["snr"]), kept["strip"])


def _kept(signal: NDArray[np.float32], number: int, order: Order, file: Path) -> Path:
    """Print a recording, read the page, and keep what was read, unless that is there; return where."""
    if not file.exists():
        data, page, _ = one_page(signal, number, order)
        read = read_page(data)
        found = np.zeros((0, 0), np.float32) if read.signal is None else read.signal
        np.savez(file, found=found, reason=read.reason, snr=_snr(page.truth, read), strip=strip_of(data))
    return file


def _snr(truth: NDArray[np.float32], read: ReadPage) -> float:
    return 0.0 if read.signal is None else float(np.mean([each.snr for each in figures(truth, read.signal)]))


def told(corpus: Corpus, pages: Sequence[Survived], image: Path, digital: Path, baselines: dict[str, Run]) -> str:
    """Return the figures as Markdown: the image arm, also with refusals as prevalence, beside the digital arm.

    `baselines` are runs by name that read what the ten steps made of the pages.
    """
    truth = corpus.targets([each.entry for each in pages])[:, [each.code for each in TARGETS].index(LABEL)]
    read = np.array([each.found is not None for each in pages])
    windows = [window for each in pages if (window := each.window()) is not None]
    given = np.full(len(pages), truth.mean())  # of a refusal nothing is known but how frequent it is
    given[read] = _scores(load(image), windows)
    whole = _scores(load(digital), [corpus.window(each.entry) for each in pages])
    rows = [
        f"{len(pages)} recordings of fold {FOLD}, {int(truth.sum())} with {LABEL}; refused {int((~read).sum())};"
        f" median SNR of what was read {np.median([each.snr for each in pages if each.found is not None]):.1f} dB.",
        "",
        f"| {LABEL} | n | AUC (95 %) |",
        "|---|--:|--:|",
        _row("digitised, image arm", truth[read], given[read]),
        _row("the same, refusals scored as prevalence", truth, given),
        _row("digital, on those that were read", truth[read], whole[read]),
        _row("digital, all", truth, whole),
    ]
    strips, theirs = np.stack([each.strip for each in pages]), np.array([each.layout == THEIRS for each in pages])
    beside = {"digitised, image arm, refusals scored as prevalence": given}
    beside |= {name: scores(run, strips, LABEL) for name, run in baselines.items()}
    rows += [_row(name, truth, beside[name]) for name in baselines]
    rows += [_row(f"{name}; {THEIRS} alone", truth[theirs], each[theirs]) for name, each in beside.items()]
    return "\n".join(rows + [f"| {name} | | {value} |" for name, value in PAPERS.items()])


def _scores(classifier: NetworkClassifier, windows: Sequence[CanonicalEcg]) -> NDArray[np.float64]:
    logits = np.concatenate([classifier.logits([each]) for each in windows])
    return np.asarray(by_label(classifier, classifier.probabilities(logits))[LABEL])


def _row(name: str, truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> str:
    found = auc_interval(truth, scores)
    return f"| {name} | {len(truth)} | {found.value:.3f} ({found.low:.3f} to {found.high:.3f}) |"
