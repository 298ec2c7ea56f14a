"""Puts a reading into a report: words, pictures, pages and ids. Does no I/O, reads no clock."""

from dataclasses import replace
from datetime import datetime

from ecg.measurement import NONE_MEASURED
from ecg.reading import Abstention, Prediction, Reading
from ecg.recording import Recording
from ecg.report import AMENDED, PRELIMINARY, WITHDRAWN, Amendment, Report, report_id
from service.drawing.found import page_picture
from service.drawing.pages import draw_notice, draw_pages
from service.drawing.paper import Papers
from service.drawing.pictures import pictures
from service.drawing.sheets import Content
from service.release import RELEASE
from service.sentences import sentences, withdrawal
from service.style import DEFAULT, Style


def compose(
    recording: Recording,
    reading: Reading,
    issued: datetime,
    amendment: Amendment | None = None,
    style: Style = DEFAULT,
) -> Report:
    """Compose the preliminary report of a reading, or its next version; `issued` needs a zone."""
    models = reading.prediction.choice.models
    first = Amendment(report_id(recording, models=models, release=RELEASE, settings=style.settings), 1)
    known_as = amendment or first
    said = sentences(recording, reading, known_as.version, style)
    papers = Papers(reading.shown)
    content = Content(known_as.report_id, recording, reading, papers, said, issued, known_as.version, style)
    return Report(
        id=known_as.report_id,
        version=known_as.version,
        release=RELEASE,
        recording=recording,
        reading=reading,
        sentences=said,
        pictures=(*pictures(reading, papers), *page_picture(recording.provenance)),
        pdf=draw_pages(content),
        issued=issued,
        status=AMENDED if amendment else PRELIMINARY,
    )


def withdraw(former: Report, version: int, issued: datetime, reason: str, style: Style = DEFAULT) -> Report:
    """Compose the last version of a report: a notice that it was withdrawn, when and why, and nothing that it said.

    Raises:
        ValueError: that is none of the reasons.
    """
    said = withdrawal(former.version, issued, reason, style.language)
    abstention = Abstention("withdrawn", said[0].text)
    prediction = Prediction(former.reading.prediction.choice, abstention=abstention)
    reading = replace(former.reading, prediction=prediction, explanations=(), measurements=NONE_MEASURED)
    papers = Papers(reading.shown)
    content = Content(former.id, former.recording, reading, papers, said, issued, version, style)
    return Report(
        id=former.id,
        version=version,
        release=RELEASE,
        recording=former.recording,
        reading=reading,
        sentences=said,
        pictures=(),
        pdf=draw_notice(content),
        issued=issued,
        status=WITHDRAWN,
        reason=reason,
    )
