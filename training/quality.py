"""How many recordings of a fold the quality gate refuses, by code: the commands that its limits were chosen with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tqdm import tqdm

from ecg.canonical import canonicalise
from ecg.quality import FAULTS, assess
from ecg.recording import Provenance, Recording
from models.card import Limits
from models.limits import first_broken_limit
from training.corpus import Corpus, Entry

CODES: Final = (*FAULTS, "no-beats")


@dataclass(frozen=True)
class Refusals:
    """How many recordings there were, and how many of them were refused by each code."""

    recordings: int
    by_code: dict[str, int]

    @property
    def share(self) -> float:
        """The share of recordings that quality refuses."""
        return sum(count for code, count in self.by_code.items() if code in CODES) / self.recordings


def refusals(corpus: Corpus, entries: Sequence[Entry]) -> Refusals:
    """Put every recording's first 10 s to the gate, as a 12-lead model's card does in service."""
    found: Counter[str] = Counter()
    for entry in tqdm(entries, desc="quality", unit="ECG", mininterval=1):
        waveform = corpus.waveform(entry)
        windows = canonicalise(waveform)[:1]
        recording = Recording(waveform, Provenance("corpus"))
        reason = first_broken_limit(Limits(), recording, assess(windows, waveform))
        if reason is not None:
            found[reason.code] += 1
    return Refusals(len(entries), dict(found))


def table(refused: Refusals) -> str:
    """Lay the counts out for a terminal."""
    lines = [f"{code:<16}{count:>6}{count / refused.recordings:>9.2%}" for code, count in refused.by_code.items()]
    whole = f"{'by quality':<16}{round(refused.share * refused.recordings):>6}{refused.share:>9.2%}"
    return "\n".join([f"{'recordings':<16}{refused.recordings:>6}", *sorted(lines), whole])
