"""One recording in, one report out. Start reading here."""

from datetime import datetime

from ecg.canonical import canonicalise
from ecg.measure.measures import measure
from ecg.ports import Router
from ecg.quality import assess
from ecg.reading import Reading
from ecg.recording import Recording
from ecg.report import Amendment, Report
from service.compose import compose
from service.style import DEFAULT, Style


def interpret(
    recording: Recording,
    *,
    router: Router,
    issued: datetime,
    amendment: Amendment | None = None,
    style: Style = DEFAULT,
) -> Report:
    """Read one recording and report on it, or amend the report on it. Does no I/O, reads no clock.

    The same recording, models, `issued`, amendment and style give the same report, byte for byte.
    """
    windows = canonicalise(recording.waveform)  # one or more windows of 10 s
    # NumPy and SciPy, independent of the networks
    quality, measurements = assess(windows, recording.waveform), measure(windows, recording)
    arm = router.route(windows, recording, quality)  # a model and why, or an abstention and why
    prediction = arm.predict(windows, quality)
    explanations = arm.explain(windows, prediction)  # for findings at or above their threshold
    reading = Reading(windows, quality, prediction, explanations, measurements)
    return compose(recording, reading, issued, amendment, style)
