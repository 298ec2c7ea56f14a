"""PTB-XL as it lies on disk, in its official layout: recordings, folds and labels.

Wagner et al., Sci Data 7, 154 (2020). Signals go through the same `canonicalise` as in service.
"""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
SHARES: Final = (0.70, 0.15)  # of the patients in folds 1 and 2; the rest is fold 3
NEAR_DUPLICATES: Final = "near_duplicates.csv"
MILLIVOLT_PER_UNIT: Final = {"mV": 1.0, "uV": 1e-3, "V": 1e3}


@dataclass(frozen=True)
class Entry:
    """One row of the database; of the patient and the device what subgroups are made by, '' where it is not known.

    `validated` says whether a human has validated the statements: of folds 1 to 8 two thirds, of 9 and 10 all.
    """

    ecg_id: int
    fold: int
    signal: str
    scp_codes: str
    patient: int
    age: float | None = None
    sex: str = ""
    device: str = ""
    site: str = ""
    pacemaker: str = ""
    validated: bool = True


class Corpus:
    """A directory in the official layout.

    Args:
        directory: where ptbxl_database.csv lies.
        high_rate: read the 500 Hz signals (filename_hr) or those at 100 Hz (filename_lr); not said: those at 100 Hz,
            or at 500 Hz where there are no others.
        by_patients: in the place of PTB-XL's ten folds there are three, of 70, 15 and 15 % of the patients.

    Raises:
        FileNotFoundError: a table is missing.
    """

    def __init__(self, directory: Path, *, high_rate: bool | None = None, by_patients: bool = False) -> None:
        if high_rate is None:
            high_rate = not (directory / LOW_RATE).is_dir() and (directory / HIGH_RATE).is_dir()
        self.directory, self.high_rate = directory, high_rate
        self.statements = Statements(directory / STATEMENTS)
        column = "filename_hr" if high_rate else "filename_lr"
        with (directory / DATABASE).open(newline="", encoding="utf-8") as file:
            entries = tuple(_entry(row, column) for row in csv.DictReader(file))
        self.entries = _split_by_patients(entries) if by_patients else entries

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
            pairs = [(int(row["a"]), int(row["b"])) for row in csv.DictReader(file)]
        fold_of = {entry.ecg_id: entry.fold for entry in self.entries}
        inside = [(one, other) for pair in pairs for one, other in (pair, pair[::-1])]
        return {one for one, other in inside if fold_of.get(one) in folds and fold_of.get(other) not in folds}


def _entry(row: dict[str, str], signal: str) -> Entry:
    number = int(float(row["ecg_id"]))
    return Entry(
        ecg_id=number,
        fold=int(row["strat_fold"]),
        signal=row[signal],
        scp_codes=row["scp_codes"],
        patient=int(float(row.get("patient_id") or number)),
        age=float(row["age"]) if row.get("age") else None,
        sex=row.get("sex", ""),
        device=(row.get("device") or "").strip(),
        site=row.get("site", ""),
        pacemaker=(row.get("pacemaker") or "").strip(),
        validated=row.get("validated_by_human", "True") == "True",
    )


def _split_by_patients(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    patients = np.unique([entry.patient for entry in entries])
    drawn = np.random.default_rng(0).permutation(len(patients)) / len(patients)
    fold = {
        int(patient): 1 if at < SHARES[0] else 2 if at < SHARES[0] + SHARES[1] else 3
        for patient, at in zip(patients, drawn, strict=True)
    }
    return tuple(replace(entry, fold=fold[entry.patient]) for entry in entries)


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
