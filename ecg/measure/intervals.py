"""The measurements of the whole recording, from one delineated window: rate, rhythm, intervals and axes."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ecg.canonical import FS
from ecg.leads import LEADS
from ecg.measure.amplitudes import AXIS_LEADS, axis, chord_level, onset_level
from ecg.measure.beatwise import agreement, likeness_between
from ecg.measure.delineate import Delineation
from ecg.measure.overall import Boundaries
from ecg.measure.rhythm import IRREGULAR, bazett, framingham, fridericia, intervals, rate, variation
from ecg.measurement import GLOBAL_UNITS, Measurement

LEAST_INTERVALS: Final = 2  # RR intervals for a rate
LEAST_FOR_VARIATION: Final = 4
LEAST_ALIKE: Final = 0.5  # share of the beats that must have one of their kind: less is noise, or no beats at all
LEAST_AGREEMENT: Final = 0.4  # below that the beats do not agree
LEAST_WITH_P: Final = 0.5  # share of the commonest beats that must have a P wave
P_CODES: Final = ("p-duration", "pr", "axis-p")
QT_CODES: Final = ("qt", "qtc-bazett", "qtc-fridericia", "qtc-framingham")


def none_of(why: str) -> Iterator[Measurement]:
    """Yield every measurement of the recording as absent."""
    return (Measurement(code, absent=why) for code in GLOBAL_UNITS)


def of_recording(found: Delineation, bounds: Boundaries, beats: NDArray[np.float64]) -> Iterator[Measurement]:
    """Yield every measurement of the recording; `beats` are those of the commonest kind, (beats, 12, 600)."""
    yield from _rhythm(found)
    yield from _p(found, bounds)
    yield from _qrs(found, bounds)
    yield from _qt(found, bounds, beats)


def no_beats(found: Delineation) -> str | None:
    """Return why nothing can be measured at all, or None: no beats, or beats that are like no other."""
    if not len(found.beats.at):
        return "no-beats"
    if len(found.beats.at) < 2:
        return "too-few-beats"
    return None if float((found.beats.likeness > 0).mean()) >= LEAST_ALIKE else "too-noisy"


def is_paced(found: Delineation) -> bool:
    """Tell whether a pacemaker's spikes stand at every third beat, or oftener."""
    return len(found.spikes) >= max(2, len(found.beats.at) / 3)


def _measured(code: str, value: float, confidence: float) -> Measurement:
    return Measurement(code, value, min(max(confidence, 0.0), 1.0))


def _rhythm(found: Delineation) -> Iterator[Measurement]:
    rr, confidence = intervals(found.beats.at), agreement(found.beats.likeness)
    if len(rr) < LEAST_INTERVALS:
        yield Measurement("heart-rate", absent="too-few-beats")
    else:
        yield _measured("heart-rate", rate(rr), confidence)
    if len(rr) < LEAST_FOR_VARIATION:
        yield Measurement("rr-variation", absent="too-few-beats")
    else:
        yield _measured("rr-variation", variation(rr), confidence)


def _p(found: Delineation, bounds: Boundaries) -> Iterator[Measurement]:
    members = found.shapes[0].median.members
    why = _without_p(found, bounds)
    if why is not None or bounds.p_on is None or bounds.p_off is None:
        yield from (Measurement(code, absent=why or "p-not-found") for code in P_CODES)
        return
    confidence = agreement(found.p_likeness[members])
    yield _measured("p-duration", _ms(bounds.p_off - bounds.p_on), confidence)
    yield _measured("pr", _ms(bounds.qrs_on - bounds.p_on), confidence)
    level = chord_level(found.shapes[0], bounds.p_on, bounds.p_off)
    yield _axis("axis-p", found, (bounds.p_on, bounds.p_off), level, confidence)


def _without_p(found: Delineation, bounds: Boundaries) -> str | None:
    """Return why there is no PR interval: none is ever measured to a wave that the beats do not share."""
    if is_paced(found):
        return "paced"
    if found.flutter:
        return "flutter-like"
    members = found.shapes[0].median.members
    if bounds.p_on is not None and float(found.has_p[members].mean()) >= LEAST_WITH_P:
        return None
    rr = intervals(found.beats.at)
    return "irregular-without-p" if len(rr) >= LEAST_FOR_VARIATION and variation(rr) >= IRREGULAR else "p-not-found"


def _qrs(found: Delineation, bounds: Boundaries) -> Iterator[Measurement]:
    shape = found.shapes[0]
    confidence = agreement(found.beats.likeness[shape.median.members])
    if confidence < LEAST_AGREEMENT:
        yield from (Measurement(code, absent="too-noisy") for code in ("qrs", "axis-qrs"))
        return
    yield _measured("qrs", _ms(bounds.qrs_off - bounds.qrs_on), confidence)
    level = onset_level(shape.median.signal, bounds)
    yield _axis("axis-qrs", found, (bounds.qrs_on, bounds.qrs_off), level, confidence)


def _qt(found: Delineation, bounds: Boundaries, beats: NDArray[np.float64]) -> Iterator[Measurement]:
    shape, rr = found.shapes[0], intervals(found.beats.at)
    if bounds.t_off is None or shape.t is None:
        yield from (Measurement(code, absent="t-not-found") for code in (*QT_CODES, "axis-t"))
        return
    confidence = likeness_between(beats, shape.median.usable, bounds.qrs_off, bounds.t_off)
    if confidence < LEAST_AGREEMENT:
        yield from (Measurement(code, absent="too-noisy") for code in (*QT_CODES, "axis-t"))
        return
    qt = _ms(bounds.t_off - bounds.qrs_on)
    yield _measured("qt", qt, confidence)
    for code, corrected in zip(QT_CODES[1:], (bazett, fridericia, framingham), strict=True):
        if len(rr) < LEAST_INTERVALS:
            yield Measurement(code, absent="too-few-beats")
        else:
            yield _measured(code, corrected(qt, float(rr.mean())), confidence)
    span = (float(shape.t.overall[0]), bounds.t_off)
    yield _axis("axis-t", found, span, onset_level(shape.median.signal, bounds), confidence)


def _axis(
    code: str, found: Delineation, span: tuple[float, float], level: NDArray[np.float64], confidence: float
) -> Measurement:
    median = found.shapes[0].median
    if not all(median.usable[LEADS.index(lead)] for lead in AXIS_LEADS):
        return Measurement(code, absent="lead-missing")
    direction = axis(median.signal, span[0], span[1], level)
    return Measurement(code, absent="no-direction") if direction is None else _measured(code, direction, confidence)


def _ms(samples: float) -> float:
    return samples / FS * 1000
