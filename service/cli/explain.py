"""`twelvelead explain`: why a model scored an ECG as it did, with all checks, on the terminal and as files."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import typer

from adapters.readers import unwrapped
from ecg.canonical import canonicalise
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.quality import assess
from ecg.reading import Explanation, Prediction
from ecg.recording import Recording
from service.cli.read import gathered
from service.intake import recordings
from service.settings import load_settings

EXPLANATIONS: Final = "explanations.json"


def explain_files(files: Sequence[Path], out: Path | None, declared: Declared) -> None:
    """Explain each ECG in files that belong together, thoroughly; write maps and checks to `out`, if it is said.

    Raises:
        PayloadError: they cannot be read as ECGs.
        SetupError: settings or models are not in order.
    """
    settings = load_settings()
    payload = Payload(gathered(files, settings.max_payload_mb), declared=declared)
    found = [each for inner in unwrapped(payload) for each in recordings(inner, settings)]
    from service.wiring import build_router  # late: a file that is refused need not wait for torch

    router = build_router(settings)
    for number, recording in enumerate(found, start=1):
        windows = canonicalise(recording.waveform)
        quality = assess(windows, recording.waveform)
        arm = router.route(windows, recording, quality)
        prediction = arm.predict(windows, quality)
        explanations = arm.explain(windows, prediction, thorough=True)
        for line in _told(recording, prediction, explanations):
            typer.echo(line)
        if out is not None:
            _write(out if len(found) == 1 else out / str(number), explanations)


def _told(recording: Recording, prediction: Prediction, explanations: Sequence[Explanation]) -> Iterator[str]:
    yield f"{len(recording.waveform.leads)} leads, {recording.waveform.seconds:.1f} s"
    yield prediction.choice.why
    if not explanations:
        yield "No finding reached its threshold, so there is nothing to explain."
    for score in prediction.asserted:
        yield ""
        yield f"{score.finding.name} ({score.finding.code})"
        for each in (each for each in explanations if each.finding == score.finding):
            yield f"  {each.method:<36} {'withheld' if each.withheld else 'shown'}"
            for check in each.checks:
                verdict = "passed" if check.passed else "FAILED"
                yield f"    {check.name:<12}{check.value:>8.2f}  against {check.least:.2f} {check.unit}: {verdict}"
            yield from _by_lead(each)
    yield ""
    yield "Research and evaluation only. None of this shows a cause, and none is a measurement: docs/explanations.md."


def _by_lead(explanation: Explanation) -> Iterator[str]:
    if explanation.relevance.ndim == 1:
        lost = explanation.peak * explanation.relevance
        yield "    " + "  ".join(f"{lead} {value:+.2f}" for lead, value in zip(LEADS, lost, strict=True))
        flips = " and ".join(explanation.flips)
        yield f"    falls below its threshold without {flips}" if flips else "    no leads were found that flip it"


def _write(out: Path, explanations: Sequence[Explanation]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for each in explanations:
        file = None if each.withheld else f"{_slug(each.method)}-{each.finding.code}.npy"
        if file:
            np.save(out / file, each.relevance)
        rows.append(
            {
                "finding": each.finding.code,
                "method": each.method,
                "relevance": file,
                "peak": each.peak,
                "unit": each.unit,
                "window": each.window,
                "withheld": each.withheld,
                "checks": [asdict(check) | {"passed": check.passed} for check in each.checks],
                "flips": list(each.flips),
            }
        )
    (out / EXPLANATIONS).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    typer.echo(f"maps      {out / EXPLANATIONS}")


def _slug(method: str) -> str:
    """Return a method's name as it stands in the names of files: its first words, such as 'grad-cam'."""
    return "-".join(re.split(r"[,(]", method.lower())[0].split())
