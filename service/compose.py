"""Puts a reading into a report: words, pictures, pages and ids. Does no I/O, reads no clock."""

from datetime import datetime

from ecg.reading import Reading
from ecg.recording import Recording
from ecg.report import Report, report_id
from service.drawing.pages import Content, draw_pages
from service.drawing.paper import Papers
from service.drawing.pictures import pictures
from service.release import RELEASE
from service.sentences import sentences


def compose(recording: Recording, reading: Reading, issued: datetime) -> Report:
    """Compose the preliminary report of a reading; `issued` needs a zone."""
    known_as = report_id(recording, models=reading.prediction.choice.models, release=RELEASE)
    said = sentences(recording, reading)
    papers = Papers(reading.shown)
    return Report(
        id=known_as,
        version=1,
        release=RELEASE,
        recording=recording,
        reading=reading,
        sentences=said,
        pictures=pictures(reading, papers),
        pdf=draw_pages(Content(known_as, recording, reading, papers, said, issued)),
        issued=issued,
    )
