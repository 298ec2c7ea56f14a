"""`twelvelead read`: one file in, its report as files and as a summary on the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import Final

import typer

from adapters.archive import packed
from adapters.declared import DECLARABLE, as_said
from adapters.fhir.frame import FhirSettings
from adapters.readers import unwrapped
from ecg.errors import InvalidQuery, TooLarge
from ecg.payload import Declared, Payload
from ecg.reading import Score
from ecg.report import Report
from service.archive import PDF
from service.intake import recordings
from service.pipeline import interpret
from service.renderings import BUNDLE, BUNDLE_R5, renderings
from service.sentences import percent
from service.settings import load_settings

BAR: Final = 16  # characters
HEADER: Final = ".hea"  # WFDB: it names its signal files, which lie beside it


def read_files(
    files: Sequence[Path], out: Path, issued: datetime, declared: Declared, chosen: Mapping[str, str]
) -> None:
    """Read files that belong together, write the renderings of each ECG in them to `out`, and print the summary.

    `chosen` are settings that come before all others.

    Raises:
        PayloadError: they cannot be read as ECGs.
        SetupError: settings or models are not in order.
    """
    settings = load_settings(**chosen)
    payload = Payload(gathered(files, settings.max_payload_mb), declared=declared)
    found = [each for inner in unwrapped(payload) for each in recordings(inner, settings)]
    from service.wiring import build_router  # late: a file that is refused need not wait for torch

    router = build_router(settings)
    for recording in found:
        report = interpret(recording, router=router, issued=issued, style=settings.style)
        directory = out if len(found) == 1 else out / str(report.id)
        directory.mkdir(parents=True, exist_ok=True)
        made = renderings(report, FhirSettings(settings.patient_systems), settings.style, r5=True)
        for name, data in made.items():
            (directory / name).write_bytes(data)
        for line in _summary(report, directory):
            typer.echo(line)


def declared(words: Sequence[str]) -> Declared:
    """Return what is declared by words such as 'fs=500'.

    Raises:
        InvalidQuery: a word is no such thing.
    """
    said = dict(word.partition("=")[::2] for word in words)
    if len(said) < len(words) or not said.keys() <= set(DECLARABLE) or not all("=" in word for word in words):
        raise InvalidQuery(f"What is declared is NAME=VALUE, once each of {', '.join(DECLARABLE)}.")
    return as_said(said)


def gathered(files: Sequence[Path], most_mb: float) -> bytes:
    """Return the bytes of a file, or those of several files as one zip. A WFDB header brings what lies beside it.

    Raises:
        TooLarge: they are larger than the settings allow.
    """
    wanted = list(dict.fromkeys(each for file in files for each in _belonging(file)))
    if sum(each.stat().st_size for each in wanted) > most_mb * 1_000_000:
        raise TooLarge(f"That is more than {most_mb:g} MB (TWELVELEAD_MAX_PAYLOAD_MB).")
    if len(wanted) == 1:
        return wanted[0].read_bytes()
    folders = list(dict.fromkeys(each.parent for each in wanted))  # told apart in the zip, and not named in it
    return packed({f"{folders.index(each.parent)}/{each.name}": each.read_bytes() for each in wanted})


def _belonging(file: Path) -> list[Path]:
    if file.suffix != HEADER:
        return [file]
    return sorted(each for each in file.parent.glob(f"{escape(file.stem)}.*") if each.is_file()) or [file]


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
    yield f"in R5     {directory / BUNDLE_R5}"
    for picture in report.pictures:
        yield f"picture   {directory / picture.name}.png"


def _line(score: Score) -> str:
    filled, tick = round(BAR * score.probability), min(round(BAR * score.threshold), BAR - 1)
    bar = "".join("|" if at == tick else "#" if at < filled else "." for at in range(BAR))
    reached = "  reached" if score.asserted else ""
    name = f"{score.finding.name} ({score.finding.code})"
    return f"{name:<54}{percent(score.probability):>11}  {bar}  {percent(score.threshold)}{reached}"
