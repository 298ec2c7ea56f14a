"""Prints milliseconds and megabytes that each reader takes for one ECG, on one core.

The ECGs are those that the conformance suite reads. Memory is the peak of what Python allocates while it reads.
"""

import statistics
import time
import tracemalloc

from adapters.readers import READERS, read
from ecg.payload import Payload
from tests.golden.payloads import GOLDEN

REPEATS = 20
MEGABYTE = 1e6


def milliseconds(payload: Payload) -> float:
    """Return the median time to read, in ms, after a first time that loads what is loaded late."""
    read(payload)
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        read(payload)
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def megabytes(payload: Payload) -> float:
    """Return the peak of what is allocated while it is read, in MB."""
    tracemalloc.start()
    read(payload)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / MEGABYTE


def main() -> None:
    """Print a row for each reader."""
    print("reader                       payload   ECG                          ms    ECG/s   peak")
    for reader in READERS:
        payload = GOLDEN[reader.name]()
        waveform = read(payload)[0].waveform
        taken = milliseconds(payload)
        ecg = f"{waveform.seconds:.0f} s, {len(waveform.leads)} leads, {waveform.fs:g} Hz"
        print(f"{reader.name:<27} {len(payload.data) / 1e3:>5.0f} kB   {ecg:<24} {taken:>6.1f} {1e3 / taken:>8.0f} "
              f"{megabytes(payload):>4.1f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
