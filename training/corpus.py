"""PTB-XL as it lies on disk, in its official layout: recordings, folds and labels.

Wagner et al., Sci Data 7, 154 (2020). Signals go through the same `canonicalise` as in service.
"""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
import torch
import wfdb
from numpy.typing import NDArray
from tqdm import tqdm

from ecg.canonical import CanonicalEcg, canonicalise
from ecg.leads import lead_name
from ecg.recording import Waveform
from models.prepare import Preparation, Prepare
from training.labels import Statements

DATABASE: Final = "ptbxl_database.csv"
STATEMENTS: Final = "scp_statements.csv"
LOW_RATE: Final = "records100"
HIGH_RATE: Final = "records500"
NEAR_DUPLICATES: Final = "near_duplicates.csv"
MILLIVOLT_PER_UNIT: Final = {"mV": 1.0, "uV": 1e-3, "V": 1e3}


@dataclass(frozen=True)
class Entry:
    """One row of the database."""

    ecg_id: int
    fold: int
    signal: str
    scp_codes: str


class Corpus:
    """A directory in the official layout.

    Args:
        directory: where ptbxl_database.csv lies.
        high_rate: read the 500 Hz signals (filename_hr) or those at 100 Hz (filename_lr); not said: those at 100 Hz,
            or at 500 Hz where there are no others.

    Raises:
        FileNotFoundError: a table is missing.
    """

    def __init__(self, directory: Path, *, high_rate: bool | None = None) -> None:
        if high_rate is None:
            high_rate = not (directory / LOW_RATE).is_dir() and (directory / HIGH_RATE).is_dir()
        self.directory = directory
        self.statements = Statements(directory / STATEMENTS)
        column = "filename_hr" if high_rate else "filename_lr"
        with (directory / DATABASE).open(newline="", encoding="utf-8") as file:
            self.entries = tuple(
                Entry(int(float(row["ecg_id"])), int(row["strat_fold"]), row[column], row["scp_codes"])
                for row in csv.DictReader(file)
            )

    def fold(self, *folds: int) -> tuple[Entry, ...]:
        """Return the entries of these folds, in the order of the database."""
        return tuple(entry for entry in self.entries if entry.fold in folds)

    def training(self, folds: Sequence[int]) -> tuple[Entry, ...]:
        """Return the entries of these folds without those that are the same signal as one outside of them."""
        crossing = self._crossing(set(folds))
        return tuple(entry for entry in self.fold(*folds) if entry.ecg_id not in crossing)

    def waveform(self, entry: Entry) -> Waveform:
        """Read one signal in millivolt, leads by name."""
        record = wfdb.rdrecord(str(self.directory / entry.signal))
        scale = np.array([MILLIVOLT_PER_UNIT[unit] for unit in record.units])
        leads = tuple(lead_name(label) or label for label in record.sig_name)
        return Waveform((record.p_signal * scale).T.astype(np.float32), leads, float(record.fs))

    def window(self, entry: Entry) -> CanonicalEcg:
        """Return the first 10 s of a recording as the canonical tensor."""
        return canonicalise(self.waveform(entry))[0]

    def targets(self, entries: Sequence[Entry]) -> NDArray[np.bool_]:
        """Return bool (entries, targets)."""
        return np.stack([self.statements.targets(entry.scp_codes) for entry in entries])

    def helpers(self, entries: Sequence[Entry]) -> NDArray[np.bool_]:
        """Return bool (entries, statements): every statement as a further target of training."""
        return np.stack([self.statements.statements(entry.scp_codes) for entry in entries])

    def _crossing(self, folds: set[int]) -> set[int]:
        path = self.directory / NEAR_DUPLICATES
        if not path.exists():
            return set()
        with path.open(newline="", encoding="utf-8") as file:
            pairs = [
                ((int(row["a"]), int(row["fold_a"])), (int(row["b"]), int(row["fold_b"])))
                for row in csv.DictReader(file)
            ]
        inside = [(one, other) for pair in pairs for one, other in (pair, pair[::-1])]
        return {one[0] for one, other in inside if one[1] in folds and other[1] not in folds}


def prepared(corpus: Corpus, entries: Sequence[Entry], preparation: Preparation, cache: Path) -> NDArray[np.float32]:
    """Return prepared tensors, float32 (entries, leads, time), from the cache or made and kept there.

    They are mapped, not read: runs that share a cache share its pages.
    """
    key = hashlib.sha256(repr((preparation, [entry.signal for entry in entries])).encode()).hexdigest()[:16]
    path = cache / f"prepared-{key}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        prepare = Prepare(preparation)
        rows = [_prepare(prepare, corpus.window(entry)) for entry in tqdm(entries, desc="prepare", unit="ECG")]
        unfinished = path.with_suffix(".part.npy")
        np.save(unfinished, np.stack(rows))
        unfinished.rename(path)
    return cast(NDArray[np.float32], np.load(path, mmap_mode="c"))


def _prepare(prepare: Prepare, window: CanonicalEcg) -> NDArray[np.float32]:
    with torch.inference_mode():
        made = prepare(torch.tensor(window.signal)[None], torch.tensor(window.mask)[None])
    return np.asarray(made[0].numpy())
