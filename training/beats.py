"""The median beat of every recording of a corpus, by the code that serves: what the guards are fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecg.bands import split
from ecg.beats import AFTER, BEFORE, find_beats, median_beat
from ecg.leads import LEADS
from training.corpus import Corpus, Entry


@dataclass(frozen=True, eq=False)
class MedianBeats:
    """Median beats, float32 (recordings, 12, 72) in mV at 100 Hz; NaN where a recording has none."""

    fold: NDArray[np.int64]
    beat: NDArray[np.float32]

    def of(self, *folds: int) -> NDArray[np.float32]:
        """Return the beats of these folds, float32 (recordings, 12, 72), without recordings that have none."""
        return self.beat[np.isin(self.fold, folds) & np.isfinite(self.beat[:, 0, 0])]


def collect(corpus: Corpus, entries: Sequence[Entry], out: Path) -> MedianBeats:
    """Return the median beats of these recordings, from the file in `out` or made and kept there."""
    path = out / f"beats-{len(entries)}.npz"
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        made = np.stack([_beat(corpus, entry) for entry in tqdm(entries, desc="beats", unit="ECG", mininterval=2)])
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, fold=np.array([entry.fold for entry in entries]), beat=made)
        unfinished.rename(path)
    with np.load(path) as kept:
        return MedianBeats(kept["fold"], kept["beat"])


def _beat(corpus: Corpus, entry: Entry) -> NDArray[np.float32]:
    bands = split(corpus.window(entry))
    made = median_beat(bands, find_beats(bands))
    return np.full((len(LEADS), BEFORE + AFTER), np.nan, dtype=np.float32) if made is None else made
