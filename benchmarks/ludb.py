"""Reads LUDB: its signals, and what cardiologists marked in each lead of them.

Kalyakulina et al., LUDB: a new open-access validation tool for electrocardiogram delineation algorithms, IEEE Access
2020;8:186181.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import wfdb
from numpy.typing import NDArray

from ecg.leads import LEADS

LUDB: Final = Path(__file__).parents[2] / "shared" / "samples" / "ludb"
CHOSEN_ON: Final = range(1, 51)  # every parameter of ecg/measure was chosen on these
RESULT_ON: Final = range(51, 101)  # and none on these
WAVES: Final = {"P": "p", "QRS": "N", "T": "t"}


@dataclass(frozen=True, eq=False)
class Marked:
    """One record: `signal` float32 (12, 5000) in mV at 500 Hz in the order of LEADS, and what was marked.

    `waves` holds by lead and symbol float64 (waves, 3): onset, peak, end in samples, NaN where not marked; `span` by
    lead the first and the last marked sample: outside of them nothing was marked, though there are beats.
    """

    signal: NDArray[np.float32]
    waves: dict[tuple[str, str], NDArray[np.float64]]
    span: dict[str, tuple[int, int]]


def load(number: int, folder: Path = LUDB) -> Marked:
    """Load a record by its number."""
    record = wfdb.rdrecord(str(folder / str(number)))
    rows = [record.sig_name.index(lead.lower()) for lead in LEADS]
    waves: dict[tuple[str, str], NDArray[np.float64]] = {}
    span = {}
    for lead in LEADS:
        marks = wfdb.rdann(str(folder / str(number)), lead.lower())
        span[lead] = (int(marks.sample[0]), int(marks.sample[-1]))
        for symbol in WAVES.values():
            waves[lead, symbol] = _waves(marks, symbol)
    return Marked(record.p_signal.T[rows].astype(np.float32), waves, span)


def _waves(marks: "wfdb.Annotation", symbol: str) -> NDArray[np.float64]:
    found = []
    for at, one in enumerate(marks.symbol):
        if one == symbol:
            opened = at > 0 and marks.symbol[at - 1] == "("
            closed = at + 1 < len(marks.symbol) and marks.symbol[at + 1] == ")"
            onset = marks.sample[at - 1] if opened else np.nan
            end = marks.sample[at + 1] if closed else np.nan
            found.append((onset, marks.sample[at], end))
    return np.array(found, dtype=np.float64).reshape(-1, 3)
