"""Counts PR intervals where there should be some and where there must be none, on PTB-XL's fold 9, at 100 Hz."""

import ast
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import wfdb

from ecg.canonical import canonicalise
from ecg.leads import lead_name
from ecg.measure.measures import measure
from ecg.recording import Provenance, Recording, Waveform

FOLD: Final = "9"  # nothing of ecg/measure was chosen on PTB-XL
GROUPS: Final = {
    "sinus rhythm, normal ECG": {"SR", "NORM"},
    "sinus arrhythmia": {"SARRH"},
    "first degree AV block": {"1AVB"},
    "atrial fibrillation": {"AFIB"},
    "atrial flutter": {"AFLT"},
    "pacemaker": {"PACE"},
}


def lines(corpus: Path) -> Iterator[str]:
    """Yield a table's lines: of each group how many have a PR interval, and which."""
    with (corpus / "ptbxl_database.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["strat_fold"] == FOLD]
    yield "| PTB-XL's statement | ECGs | with a PR interval | PR, ms: median (5 to 95 %) | why there is none |"
    yield "|---|---:|---:|---:|---|"
    for name, codes in GROUPS.items():
        found = [_pr(corpus / row["filename_lr"]) for row in rows if codes <= set(ast.literal_eval(row["scp_codes"]))]
        values = [each for each in found if isinstance(each, float)]
        reasons = [each for each in found if isinstance(each, str)]
        low, middle, high = np.percentile(values, [5, 50, 95]) if values else (0.0, 0.0, 0.0)
        why = ", ".join(f"{reason} {reasons.count(reason)}" for reason in sorted(set(reasons)))
        share = f"{len(values)} ({100 * len(values) / max(len(found), 1):.1f} %)"
        yield f"| {name} | {len(found)} | {share} | {middle:.0f} ({low:.0f} to {high:.0f}) | {why} |"


def _pr(path: Path) -> float | str:
    """Return the PR interval of a record in ms, or why it has none."""
    record = wfdb.rdrecord(str(path))
    leads = tuple(lead_name(name) or name for name in record.sig_name)
    waveform = Waveform(record.p_signal.T.astype(np.float32), leads, record.fs)
    found = measure(canonicalise(waveform), Recording(waveform, Provenance("PTB-XL"))).get("pr")
    if found is None:
        return "not looked for"
    return found.absent or float(found.value or 0.0)
