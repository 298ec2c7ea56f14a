"""Writes a tiny corpus in PTB-XL's official layout: synthetic signals by wfdb's own writer, labels one can learn."""

import csv
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.leads import LIMB_FROM_I_II

# wfdb calls pandas in a way that pandas has deprecated, when it is imported and when it writes.
DEPRECATED: Final = "The inplace keyword"

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", DEPRECATED)
    import wfdb

PTBXL_LEADS: Final = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
STATEMENTS: Final = (  # code, diagnostic, diagnostic_class
    ("NORM", "1.0", "NORM"),
    ("IMI", "1.0", "MI"),
    ("NDT", "1.0", "STTC"),
    ("ISC_", "1.0", "STTC"),
    ("CLBBB", "1.0", "CD"),
    ("LVH", "1.0", "HYP"),
    ("SR", "", ""),
    ("ABQRS", "", ""),
)
CODES: Final = ({"NORM": 100.0, "SR": 0.0}, {"IMI": 50.0, "SR": 0.0}, {"NDT": 100.0}, {"ISC_": 15.0, "IMI": 0.0})


@dataclass(frozen=True)
class Row:
    """One recording to write: its number, its fold, and its statements with their likelihoods."""

    ecg_id: int
    fold: int
    codes: dict[str, float]


def rows(per_fold: int = 6, folds: Sequence[int] = range(1, 11)) -> list[Row]:
    """Return `per_fold` recordings in each fold; their statements take turns through CODES."""
    count = per_fold * len(folds)
    return [Row(at + 1, folds[at // per_fold], CODES[at % len(CODES)]) for at in range(count)]


def signal(row: Row, fs: int = 100, seconds: float = 10) -> NDArray[np.float64]:
    """Return float64 (samples, 12) in whole microvolts, given in mV: beats whose Q and T depend on the statements.

    A tenth of the recordings is drawn as if it were the opposite, so that no threshold parts the classes wholly.
    """
    rng = np.random.default_rng(row.ecg_id)
    turned = rng.random() < 0.1
    infarct, st = (("IMI" in row.codes) != turned), (bool({"NDT", "ISC_"} & set(row.codes)) != turned)
    phase = (np.arange(round(seconds * fs)) / fs + rng.uniform(0, 0.8)) % 0.8

    def wave(at: float, width: float, height: float) -> NDArray[np.float64]:
        return height * np.exp(-(((phase - at) / width) ** 2))

    q, t = (-0.6 if infarct else 0.0), (-0.3 if st else 0.3)
    beat = wave(0.30, 0.015, 1.2) + wave(0.26, 0.015, q) + wave(0.55, 0.05, t) + wave(0.12, 0.03, 0.15)
    limb = LIMB_FROM_I_II @ (np.outer([0.6, 0.9], beat) + rng.normal(0, 0.02, (2, len(beat))))
    chest = np.outer(np.linspace(-0.5, 1.2, 6), beat) + rng.normal(0, 0.02, (6, len(beat)))
    return np.round(np.concatenate([limb, chest]).T, 3)


def write(
    directory: Path, recordings: Sequence[Row], twins: Sequence[tuple[Row, Row]] = (), *, high_rate: bool = False
) -> Path:
    """Write the corpus with `twins` as its near-duplicates, at 100 Hz and, if asked, 500 Hz; return its directory."""
    for fs, ending in ((100, "lr"), (500, "hr"))[: 1 + high_rate]:
        folder = directory / f"records{fs}" / "00000"
        folder.mkdir(parents=True)
        for row in recordings:
            write_signal(folder, f"{row.ecg_id:05d}_{ending}", signal(row, fs), fs)
    database = [
        {
            "ecg_id": row.ecg_id,
            "patient_id": f"{row.ecg_id}.0",
            "age": "55.0" if row.fold == 9 else "",
            "sex": str(row.ecg_id % 2),
            "scp_codes": str(row.codes),
            "strat_fold": row.fold,
            "filename_lr": f"records100/00000/{row.ecg_id:05d}_lr",
            "filename_hr": f"records500/00000/{row.ecg_id:05d}_hr",
        }
        for row in recordings
    ]
    _table(directory / "ptbxl_database.csv", database)
    statements = [{"": code, "diagnostic": yes, "diagnostic_class": group} for code, yes, group in STATEMENTS]
    _table(directory / "scp_statements.csv", statements)
    if twins:
        pairs = [{"a": a.ecg_id, "b": b.ecg_id, "corr": 1.0, "fold_a": a.fold, "fold_b": b.fold} for a, b in twins]
        _table(directory / "near_duplicates.csv", pairs)
    return directory


def write_signal(folder: Path, name: str, values: NDArray[np.float64], fs: int) -> None:
    """Write one record, float64 (samples, 12) in mV, with PTB-XL's gain of 1000 per mV and its lead names."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", DEPRECATED)
        wfdb.wrsamp(
            name,
            fs=fs,
            units=["mV"] * 12,
            sig_name=list(PTBXL_LEADS),
            p_signal=values,
            fmt=["16"] * 12,
            adc_gain=[1000.0] * 12,
            baseline=[0] * 12,
            write_dir=str(folder),
        )


def _table(path: Path, content: Sequence[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(content[0]))
        writer.writeheader()
        writer.writerows(content)
