"""Reads the benchmark's pages by the scan door, and counts: what was refused, and how near the rest comes."""

import csv
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.pages.door import read_page
from benchmarks.pages.draw import KINDS
from benchmarks.pages.snr import LeadFigure, figures

AIMS: Final = {"clean": 18, "scan": None, "photo": 12, "vector": 30}  # dB
OFF_GAIN: Final = 0.10
OFF_TIME: Final = 0.02


@dataclass(frozen=True)
class PageFigure:
    """How one page was read: by `reason` refused, or its leads' figures. `scaled` is False where it says 'assumed'."""

    kind: str
    name: str
    tool: str
    layout: str
    reason: str
    scaled: bool
    seconds: float
    leads: tuple[LeadFigure, ...]

    @property
    def snr(self) -> float:
        """The mean of its printed leads, dB; 0 where it was refused."""
        return float(np.mean([each.snr for each in self.leads])) if self.leads else 0.0

    @property
    def off(self) -> tuple[LeadFigure, ...]:
        """Leads more than 10 % off in amplitude or 2 % in time."""
        return tuple(each for each in self.leads if gain_is_off(each) or time_is_off(each))


def gain_is_off(each: LeadFigure) -> bool:
    """Whether a lead's amplitude is more than 10 % off."""
    return each.gain is not None and abs(each.gain - 1) > OFF_GAIN


def time_is_off(each: LeadFigure) -> bool:
    """Whether a lead's duration is more than 2 % off."""
    return each.time is not None and abs(each.time - 1) > OFF_TIME + 1e-6


def measured(
    pages: Path, kinds: Sequence[str] = KINDS, count: int | None = None, processes: int = 1
) -> Iterator[PageFigure]:
    """Read every page of a directory that `draw` filled, kind by kind, and yield in order how well it went."""
    files = [(file, kind) for kind in kinds for file in sorted((pages / kind).iterdir())[:count]]
    truths = [pages / "truth"] * len(files)
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(measure, *zip(*files, strict=True), truths)


def measure(file: Path, kind: str, truths: Path) -> PageFigure:
    """Read one page."""
    told = json.loads((truths / f"{file.stem}.json").read_text(encoding="utf-8"))
    truth = np.load(truths / f"{file.stem}.npy")
    start = time.perf_counter()
    read = read_page(file.read_bytes())
    seconds = time.perf_counter() - start
    leads = () if read.signal is None else figures(truth, read.signal)
    return PageFigure(kind, file.stem, told["tool"], told["layout"], read.reason, read.scaled, seconds, leads)


def table(pages: Sequence[PageFigure]) -> str:
    """Return the figures as a Markdown table."""
    rows = [
        "| pages | count | refused | SNR, dB (aim) | refused as 0 dB | quarter below, dB"
        " | amplitude > 10 % off | time > 2 % off | scale assumed |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for kind in KINDS:
        for tool in ("", "dicom-ecg-plot", "ecg-plot"):
            if some := [each for each in pages if each.kind == kind and tool in {"", each.tool}]:
                rows.append(_row(f"{kind}, {tool}" if tool else f"**{kind}**", AIMS[kind], some))
    return "\n".join(rows)


def _row(name: str, aim: int | None, pages: Sequence[PageFigure]) -> str:
    read = [each for each in pages if not each.reason]
    leads = [lead for each in read for lead in each.leads]
    gains, times = [each for each in leads if each.gain is not None], [each for each in leads if each.time is not None]
    cells = [
        name,
        str(len(pages)),
        f"{100 * (1 - len(read) / len(pages)):.0f} %",
        (_decibel([each.snr for each in read], 50) if read else "-") + (f" ({aim})" if aim else ""),
        _decibel([each.snr for each in pages], 50),
        _decibel([each.snr for each in read], 25) if read else "-",
        _share(sum(map(gain_is_off, gains)), len(gains)),
        _share(sum(map(time_is_off, times)), len(times)),
        _share(sum(not each.scaled for each in read), len(read)),
    ]
    return f"| {' | '.join(cells)} |"


def _decibel(values: Sequence[float], quantile: float) -> str:
    return f"{np.percentile(values, quantile):.1f}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def write(pages: Sequence[PageFigure], file: Path) -> None:
    """Write a row for every page, to look at what went wrong."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(("kind", "page", "tool", "layout", "reason", "scaled", "seconds", "snr", "off"))
        for each in pages:
            off = " ".join(f"{lead.lead}:{lead.gain:.2f}:{lead.time:.4f}" for lead in each.off)
            told = (each.kind, each.name, each.tool, each.layout, each.reason, each.scaled)
            writer.writerow((*told, f"{each.seconds:.2f}", f"{each.snr:.1f}", off))
