"""The figures of subgroups: by sex, age, device, site and pacemaker, as far as the corpus tells them."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.network import NetworkClassifier
from training.corpus import Entry
from training.evaluate import Row, figures

AGES: Final = ((0, 40), (40, 60), (60, 75), (75, 200))
SEXES: Final = {"0": "male", "1": "female"}  # Wagner et al., Sci Data 7, 154 (2020), table 2
LEAST: Final = 50  # recordings of a subgroup, below which a figure says nothing


def subgroups(
    classifier: NetworkClassifier,
    fold: int,
    entries: Sequence[Entry],
    truth: NDArray[np.bool_],
    probability: NDArray[np.float64],
) -> list[Row]:
    """Return the figures of each subgroup of at least LEAST recordings; `truth` and `probability` as in `figures`."""
    rows: list[Row] = []
    for name in sorted({name for entry in entries for name in names(entry)}):
        at = np.flatnonzero([name in names(entry) for entry in entries])
        if len(at) >= LEAST:
            rows += figures(classifier, fold, truth[at], probability[at], name)
    return rows


def names(entry: Entry) -> tuple[str, ...]:
    """Return the subgroups that a recording belongs to."""
    return tuple(_names(entry))


def _names(entry: Entry) -> Iterator[str]:
    if entry.sex in SEXES:
        yield f"sex {SEXES[entry.sex]}"
    for low, high in AGES:
        if entry.age is not None and low <= entry.age < high:
            yield f"age {low} to {high - 1}" if high < AGES[-1][1] else f"age from {low}"
    if entry.device:
        yield f"device {' '.join(entry.device.split())}"
    if entry.site:
        yield f"site {float(entry.site):g}"
    yield "pacemaker" if entry.pacemaker else "no pacemaker stated"
