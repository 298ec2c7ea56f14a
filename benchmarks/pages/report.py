"""The page docs/digitising.md: how well the scan door reads pages that other programs drew."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from benchmarks.pages.draw import KINDS
from benchmarks.pages.measure import PageFigure, table

PAGE: Final = """# Digitising

How near the signal that is read off a page comes to the one that was printed. This page is written by `make pages`
(`COUNT=20` for a quick look; `python -m benchmarks.pages --help` for more). All of it comes from one seed, by
which nothing was chosen.

## Pages by other programs

Recordings of LUDB (Kalyakulina et al., IEEE Access 2020;8:186181, ODC-By) drawn by dicom-ecg-plot 1.4.1 and ecg-plot
0.3.0, each in an environment of its own: 3x4 with and without a rhythm strip, 6x2, 12x1; 25 and 50 mm/s; 5, 10 and 20
mm/mV; papers, inks, lines and sizes drawn at random. Each page is read four times:

- **vector**: the program's own PDF, every sample drawn;
- **clean**: that PDF in pixels at 150 to 300 dpi, PNG or JPEG;
- **scan**: up to 2 degrees askew, 150 to 300 dpi, blur, noise, JPEG of 75 to 90;
- **photo**: 12 megapixels, tilted by up to 12 degrees each way and turned by up to 4, uneven light, in 7 of 10 a
  shadow, out of focus, noise, JPEG.

The truth is the signal as the program drew it: dicom-ecg-plot low-passes at 40 Hz before.

The figure of a lead is 10 log10(sum x² / sum (x - y)²) over the samples that were printed and read, the medians taken
off both. Before that the whole page is moved by one whole number of samples (2 ms), at most 0.1 s either way, the one
with the least error over all leads; nothing else is fitted. A lead of which less than half was read counts 0 dB. A
page's figure is the mean of its leads; the tables give medians over pages. Amplitude is off where the slope of the
regression on the truth is more than 10 % from 1, time where the lead correlates best at another scale by more than
2 %. Both also count a lead that was read wrongly altogether.

{table}

{reasons}

## Two prints of 2013

By dicom-ecg-plot as it was in 2013, 3x4+1, from pydicom's 12-lead recording, which it filtered from 0.05 to 40 Hz
(`../shared/samples/prints`); the same figures:

{prints}

What the project's own generator draws is read in [on-paper.md](on-paper.md): a smoke test.
"""


def report(pages: Sequence[PageFigure], prints: str) -> str:
    """Return the whole page; `prints` is the table of the prints among the samples."""
    return PAGE.format(table=table(pages), reasons=refusals(pages), prints=prints)


def refusals(pages: Sequence[PageFigure]) -> str:
    """Return what was refused and why, a line for each kind of page."""
    lines = []
    for kind in KINDS:
        counted = Counter(each.reason for each in pages if each.kind == kind and each.reason)
        if counted:
            lines.append(f"- {kind}: " + ", ".join(f"`{reason}` {count}" for reason, count in counted.most_common()))
    return "Refused:\n\n" + "\n".join(lines) if lines else "No page was refused."
