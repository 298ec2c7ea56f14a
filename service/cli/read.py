"""`twelvelead read`: one file in, its report as files and as a summary on the terminal."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import typer

from adapters.fhir.frame import FhirSettings
from ecg.errors import UnknownFormat
from ecg.payload import Payload
from ecg.reading import Score
from ecg.report import Report
from service.archive import PDF
from service.intake import recordings
from service.pipeline import interpret
from service.renderings import BUNDLE, renderings
from service.sentences import percent
from service.settings import load_settings

BAR: Final = 16  # characters


def read_file(file: Path, out: Path, issued: datetime) -> None:
    """Read a file, write the renderings of each ECG in it to `out`, and print the summary.

    Raises:
        PayloadError: the file cannot be read as an ECG.
        SetupError: settings or models are not in order.
    """
    settings = load_settings()
    if file.stat().st_size > settings.max_payload_mb * 1_000_000:
        raise UnknownFormat(f"The file has more than {settings.max_payload_mb} MB (TWELVELEAD_MAX_PAYLOAD_MB).")
    found = recordings(Payload(file.read_bytes()), settings)
    from service.wiring import build_router  # late: a file that is refused need not wait for torch

    router = build_router(settings)
    for recording in found:
        report = interpret(recording, router=router, issued=issued)
        directory = out if len(found) == 1 else out / str(report.id)
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in renderings(report, FhirSettings(settings.patient_systems)).items():
            (directory / name).write_bytes(data)
        for line in _summary(report, directory):
            typer.echo(line)


def _summary(report: Report, directory: Path) -> Iterator[str]:
    waveform, prediction = report.recording.waveform, report.reading.prediction
    source = report.recording.provenance.reader
    yield f"{len(waveform.leads)} leads, {waveform.fs:g} Hz, {waveform.seconds:.1f} s ({source})"
    yield from report.recording.provenance.notes
    yield prediction.choice.why
    if prediction.scores:
        yield ""
        yield f"{'pattern of':<54}{'probability':>11}  {'':<{BAR}}  threshold"
        yield from (_line(score) for score in prediction.scores)
    yield ""
    yield from (sentence.text for sentence in report.sentences)
    yield ""
    yield f"report    {directory / PDF}"
    yield f"bundle    {directory / BUNDLE}"
    for picture in report.pictures:
        yield f"picture   {directory / picture.name}.png"


def _line(score: Score) -> str:
    filled, tick = round(BAR * score.probability), min(round(BAR * score.threshold), BAR - 1)
    bar = "".join("|" if at == tick else "#" if at < filled else "." for at in range(BAR))
    reached = "  reached" if score.asserted else ""
    name = f"{score.finding.name} ({score.finding.code})"
    return f"{name:<54}{percent(score.probability):>11}  {bar}  {percent(score.threshold)}{reached}"
