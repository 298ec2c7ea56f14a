"""Prints seconds and megabytes that the scan door takes for a page: vector PDF, clean picture, scan, photograph.

    python -m benchmarks.pages.cost

It is one page, four times: `../shared/samples/prints`, which dicom-ecg-plot drew, or where that is not at hand, one of
the tests' own. Seconds are the processor's, in the page's own process, the median of REPEATS; the peak of memory is
that process's, with all libraries; 'beyond' is its address space beyond theirs, of which it may take 1 GB.
"""

import json
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
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
# Around the work itself, in the page's process: what it took. statm is in pages of memory, status in kB (proc(5)).
MEASURED: Final = (
    START
    + """
import json, resource
from adapters.scan.wire import unpacked
loaded = resource.getrusage(resource.RUSAGE_SELF)
def space():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() // 1000
def status(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
def measured(data):
    before = space()
    answer = work_itself(data)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return json.dumps({
        "read": unpacked(answer).found is not None,
        "seconds": used.ru_utime + used.ru_stime,
        "peak": status("VmHWM:") / 1000,
        "beyond": (status("VmPeak:") - before) / 1000,
        "loading": loaded.ru_utime + loaded.ru_stime,
    }).encode()
work_itself, work = work, measured
"""
)


def pages() -> Iterator[tuple[str, bytes]]:
    """Yield the page as each kind of file."""
    vector = PRINT.read_bytes() if PRINT.exists() else twelve_lead_pdf()
    page = rendered(vector, PAGE_DPI)
    yield "vector PDF", vector
    yield f"clean, {PAGE_DPI} dpi", png(page)
    yield "scan", scan(page, np.random.default_rng(SEED))
    yield "photograph, 12 MP", photograph(page, np.random.default_rng(SEED))


def costs(sandbox: Sandbox, data: bytes) -> Iterator[dict[str, float]]:
    """Yield what a page takes, REPEATS times.

    Raises:
        RuntimeError: it took more than it may.
    """
    for _ in range(REPEATS):
        answer = sandbox.run(b"\0\0" + data)
        if answer is None:
            raise RuntimeError("a page took more than it may")
        yield json.loads(answer)


def row(kind: str, found: Iterable[dict[str, float]]) -> str:
    """Return a page's line."""
    taken = list(found)
    seconds = statistics.median(each["seconds"] for each in taken)
    peak, beyond = (max(each[name] for each in taken) for name in ("peak", "beyond"))
    said = "read" if all(each["read"] for each in taken) else "refused"
    return f"{kind:<20}{said:>8}{seconds:>10.2f}{peak:>10.0f}{beyond:>10.0f}"


def main() -> None:
    """Print a row for each kind, and how long loading the libraries takes, once for all pages."""
    sandbox = Sandbox(MEASURED)
    loading = 0.0
    print(f"{'page':<20}{'':>8}{'s of CPU':>10}{'peak, MB':>10}{'beyond':>10}")
    for kind, data in pages():
        taken = list(costs(sandbox, data))
        loading = taken[0]["loading"]
        print(row(kind, taken))
    print(f"Loading the libraries, once for all pages: {loading:.2f} s of CPU")
    sandbox.close()


if __name__ == "__main__":
    main()
