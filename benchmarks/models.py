"""Prints milliseconds per ECG of each model on one core, alone and in batches, and the peak memory of the process.

    python -m benchmarks.models [DIRECTORY OF CARDS]

Scored is pydicom's sample, warm. Explained are at most MOST_EXPLAINED findings, with every threshold lowered to almost
nothing.
"""

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from pydicom.data import get_testdata_file

from adapters.readers import read
from ecg.canonical import canonicalise
from ecg.payload import Payload
from ecg.quality import assess
from ecg.reading import Choice
from models.network import WEIGHTS, NetworkClassifier, load, use_threads

BATCHES = (1, 4, 12)
REPEATS = 15
MOST_EXPLAINED = 2


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median time of some work, warm."""
    times = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times[1:])


def bench(directory: Path, classifier: NetworkClassifier, payload: Payload) -> None:
    """Print a model's line."""
    (recording,) = read(payload)
    windows = canonicalise(recording.waveform)
    quality = assess(windows)
    prediction = classifier.predict(windows, quality, Choice("benchmark", "0" * 64))
    eager = tuple(replace(each, threshold=1e-6) for each in prediction.scores)
    found = replace(prediction, scores=tuple(each for each in eager if each.asserted)[:MOST_EXPLAINED])
    scored = [milliseconds(partial(classifier.logits, windows[:1] * count)) / count for count in BATCHES]
    explained = milliseconds(lambda: classifier.explain(windows, found))
    card = classifier.card
    size = sum((directory / each.weights.file).stat().st_size for each in card.members)
    told = "".join(f"{each:>10.1f}" for each in scored)
    print(f"{card.arm:<14}{len(card.members):>9}{size / 1e6:>10.1f}{told}{explained:>12.1f}")


def main() -> None:
    """Bench every model of a directory."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    use_threads(1)
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else WEIGHTS
    payload = Payload(Path(str(get_testdata_file("waveform_ecg.dcm", download=False))).read_bytes())
    head = "".join(f"{f'{size} at once':>10}" for size in BATCHES)
    print(f"ms per ECG on one core, median of {REPEATS}; explain: {MOST_EXPLAINED} findings, one ECG")
    print(f"{'arm':<14}{'networks':>9}{'MB':>10}{head}{'explain':>12}")
    for card in sorted(directory.glob("*.json")):
        bench(directory, load(card), payload)
    print(f"Peak memory with all of them: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
