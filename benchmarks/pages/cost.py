"""Prints seconds and megabytes that the scan door takes for a page: vector PDF, clean picture, scan, photograph.

    python -m benchmarks.pages.cost

It is one page, four times: `../shared/samples/prints`, which dicom-ecg-plot drew, or where that is not at hand, one of
the tests' own. Seconds are the processor's, in the page's own process, the median of REPEATS; the peak of memory is
that process's, with all libraries; 'beyond' is its address space beyond theirs, of which it may take 1 GB.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

from adapters.scan.apart import START
from adapters.scan.sandbox import Sandbox
from benchmarks.pages.draw import rendered
from tests.golden.page_files import twelve_lead_pdf
from training.synthesise.capture import PAGE_DPI, photograph, scan
from training.synthesise.wear import png

PRINT: Final = Path(__file__).parents[3] / "shared" / "samples" / "prints" / "anonymous_ecg_3x4_1.pdf"
REPEATS: Final = 3
SEED: Final = 1
# Around the work itself, in the page's process: what it took. statm counts pages of memory, status KiB (proc(5)).
MEASURED: Final = (
    START
    + """
import json, resource
from adapters.scan.wire import unpacked
loaded = resource.getrusage(resource.RUSAGE_SELF)
def space():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
def status(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) * 1024
def measured(data):
    before = space()
    answer = work_itself(data)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return json.dumps({
        "reason": unpacked(answer).reason,
        "seconds": used.ru_utime + used.ru_stime,
        "peak": status("VmHWM:") / 1e6,
        "beyond": (status("VmPeak:") - before) / 1e6,
        "loading": loaded.ru_utime + loaded.ru_stime,
    }).encode()
work_itself, work = work, measured
"""
)


@dataclass(frozen=True)
class Cost:
    """What a page took in its process.

    Attributes:
        reason: why it was refused, None where it was read.
        seconds: of the processor.
        peak: MB of memory, its libraries among them.
        beyond: MB of address space beyond theirs.
        loading: seconds of the processor that loading them took, once for all pages.
    """

    reason: str | None
    seconds: float
    peak: float
    beyond: float
    loading: float


def cost(sandbox: Sandbox, data: bytes) -> Cost | None:
    """Return what the first page of a file takes in a sandbox that starts with MEASURED; None if more than it may."""
    answer = sandbox.run(b"\0\0" + data)
    return None if answer is None else Cost(**json.loads(answer))


def pages() -> Iterator[tuple[str, bytes]]:
    """Yield the page as each kind of file."""
    vector = PRINT.read_bytes() if PRINT.exists() else twelve_lead_pdf()
    page = rendered(vector, PAGE_DPI)
    yield "vector PDF", vector
    yield f"clean, {PAGE_DPI} dpi", png(page)
    yield "scan", scan(page, np.random.default_rng(SEED))
    yield "photograph, 12 MP", photograph(page, np.random.default_rng(SEED))


def row(kind: str, taken: Sequence[Cost]) -> str:
    """Return a page's line."""
    said = taken[0].reason or "read"
    peak, beyond = max(each.peak for each in taken), max(each.beyond for each in taken)
    return f"{kind:<20}{said:>10}{median(each.seconds for each in taken):>10.2f}{peak:>10.0f}{beyond:>10.0f}"


def main() -> None:
    """Print a row for each kind, and how long loading the libraries takes, once for all pages."""
    sandbox = Sandbox(MEASURED)
    loading = 0.0
    print(f"{'page':<20}{'':>10}{'s of CPU':>10}{'peak, MB':>10}{'beyond':>10}")
    for kind, data in pages():
        taken = [each for _ in range(REPEATS) if (each := cost(sandbox, data)) is not None]
        loading = max([loading, *(each.loading for each in taken)])
        print(row(kind, taken) if taken else f"{kind:<20}{'too-hard':>10}")
    print(f"Loading the libraries, once for all pages: {loading:.2f} s of CPU")
    sandbox.close()


if __name__ == "__main__":
    main()
