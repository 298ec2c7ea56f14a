"""Prints milliseconds per stage from file to report, cold start and peak memory, on one core.

Two cases: pydicom's sample ECG as it is read, and the same ECG with every threshold lowered to almost nothing, so that
all findings are explained and drawn: the most work that one recording can make.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydicom.data import get_testdata_file

from adapters.fhir.bundle import encode
from adapters.readers import read
from ecg.canonical import canonicalise
from ecg.measure.measures import measure
from ecg.payload import Payload
from ecg.quality import assess
from ecg.reading import Reading
from ecg.report import Report, report_id
from models.guards import load_guards
from models.network import WEIGHTS, NetworkClassifier, load, use_threads
from models.router import CardRouter, preference
from service.drawing.pages import draw_pages
from service.drawing.paper import Papers
from service.drawing.pictures import pictures
from service.drawing.sheets import Content
from service.pipeline import interpret
from service.release import RELEASE
from service.sentences import sentences

T = TypeVar("T")
REPEATS = 20
ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
PAPER_SECONDS = (15.0, 25.0)  # per reading, as published


class Stages:
    """Collects the time of each named stage over the repeats."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def run(self, name: str, stage: Callable[[], T]) -> T:
        """Run a stage and keep its time."""
        began = time.perf_counter()
        result = stage()
        self.times.setdefault(name, []).append((time.perf_counter() - began) * 1e3)
        return result

    def lines(self) -> list[str]:
        """Return a line per stage: the median, and the stage's share of all."""
        medians = {name: statistics.median(times) for name, times in self.times.items()}
        total = sum(medians.values())
        rows = [f"  {name:<34}{value:>8.1f} ms{value / total:>7.0%}" for name, value in medians.items()]
        slow, fast = (f"{seconds * 1e3 / total:.0f}" for seconds in PAPER_SECONDS[::-1])
        return [
            *rows,
            f"  {'file to report':<34}{total:>8.1f} ms   (published: 15 to 25 s, {fast} to {slow} times as long)",
        ]


def one_reading(payload: Payload, router: CardRouter, stages: Stages) -> Report:
    """Do by hand what service.pipeline does, stage by stage."""
    (recording,) = stages.run("read (DICOM)", lambda: read(payload))
    windows = stages.run("canonicalise", lambda: canonicalise(recording.waveform))
    quality = stages.run("assess", lambda: assess(windows, recording.waveform))
    measurements = stages.run("measure", lambda: measure(windows, recording))
    arm = stages.run("route", lambda: router.route(windows, recording, quality))
    prediction = stages.run("predict", lambda: arm.predict(windows, quality))
    explanations = stages.run("explain", lambda: arm.explain(windows, prediction))
    reading = Reading(windows, quality, prediction, explanations, measurements)
    said = sentences(recording, reading)
    papers = Papers(reading.shown)
    drawn = stages.run("draw pictures (PNG)", lambda: pictures(reading, papers))
    known_as = report_id(recording, models=prediction.choice.models, release=RELEASE)
    pdf = stages.run(
        "draw pages (PDF)", lambda: draw_pages(Content(known_as, recording, reading, papers, said, ISSUED))
    )
    report = Report(known_as, 1, RELEASE, recording, reading, said, drawn, pdf, ISSUED)
    stages.run("encode (FHIR)", lambda: encode(report))
    return report


def eager_router(directory: Path) -> CardRouter:
    """Return the shipped models with thresholds so low that every finding is explained."""
    models = []
    for weights in WEIGHTS.glob("*.safetensors"):
        (directory / weights.name).symlink_to(weights)
    for path in sorted(WEIGHTS.glob("*.json")):
        card = json.loads(path.read_text())
        for finding in card["findings"]:
            finding["threshold"] = 1e-6
        (directory / path.name).write_text(json.dumps(card))
        models.append(load(directory / path.name))
    return router_of(models)


def router_of(models: Sequence[NetworkClassifier]) -> CardRouter:
    """Return the router of the service over these models."""
    ordered = sorted(models, key=lambda each: preference(each.card))
    return CardRouter([(model.card.arm, model) for model in ordered], load_guards())


def bench(title: str, payload: Payload, router: CardRouter) -> None:
    """Warm up, measure, check against the pipeline itself, print."""
    report = one_reading(payload, router, Stages())
    stages = Stages()
    for _ in range(REPEATS):
        one_reading(payload, router, stages)
    assert interpret(report.recording, router=router, issued=ISSUED).pdf == report.pdf, (
        "the stages are not the pipeline"
    )
    print(f"{title}: {len(report.reading.prediction.asserted)} findings explained, median of {REPEATS}, warm")
    print(*stages.lines(), sep="\n")


def cold_start(file: str) -> float:
    """Return the seconds of `twelvelead read` as a process of its own, the best of three."""
    times = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as out:
            command = [sys.executable, "-m", "service.cli", "read", file, "--out", out]
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Bench everything."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    use_threads(1)
    file = str(get_testdata_file("waveform_ecg.dcm"))
    payload = Payload(Path(file).read_bytes())
    bench("Sample ECG", payload, router_of([load(path) for path in WEIGHTS.glob("*.json")]))
    with tempfile.TemporaryDirectory() as directory:
        bench("Sample ECG, every finding explained", payload, eager_router(Path(directory)))
    print(f"Cold start, `twelvelead read` as a process: {cold_start(file):.2f} s (best of 3)")
    own, child = (resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"Peak memory: {own:.0f} MB in this process, {child:.0f} MB in `twelvelead read`")


if __name__ == "__main__":
    main()
