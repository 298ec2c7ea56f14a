"""Measures a recording: every measurement once, with its confidence or with the reason why it is absent."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ecg.canonical import CanonicalEcg
from ecg.measure import intervals, leadwise
from ecg.measure.allowed import forbidden
from ecg.measure.beatwise import stacked
from ecg.measure.delineate import delineate
from ecg.measure.overall import boundaries
from ecg.measurement import NONE_MEASURED, Measurement, Measurements
from ecg.recording import Recording

LEAST_QRS: Final = 10  # samples (20 ms): what is over sooner is an edge or a spike, no beat of a heart
MOST_WINDOWS: Final = 6  # a minute; of a longer recording as many windows, evenly spread


def measure(windows: Sequence[CanonicalEcg], recording: Recording) -> Measurements:
    """Measure each window by itself and return the medians over the windows, as far as the recording allows.

    Everything is looked for: what has no value says why. The result does not depend on any network.
    """
    if not windows:
        return NONE_MEASURED
    chosen = np.unique(np.linspace(0, len(windows) - 1, MOST_WINDOWS).round().astype(int))
    measured = [_of_window(windows[index]) for index in chosen]
    return Measurements(
        tuple(_allowed(_median([each[place] for each in measured]), recording) for place in range(len(measured[0])))
    )


def _of_window(window: CanonicalEcg) -> tuple[Measurement, ...]:
    found = delineate(window)
    why = intervals.no_beats(found)
    if why is not None:
        return (*intervals.none_of(why), *leadwise.none_of(why))
    bounds, beats = boundaries(found.shapes[0]), stacked(found)
    if bounds.qrs_off - bounds.qrs_on < LEAST_QRS:
        return (*intervals.none_of("no-beats"), *leadwise.none_of("no-beats"))
    everything = (*intervals.of_recording(found, bounds, beats), *leadwise.of_leads(found, bounds, beats))
    held = {each.id: each for each in everything}
    return tuple(held[each.id] for each in (*intervals.none_of("no-beats"), *leadwise.none_of("no-beats")))


def _median(found: Sequence[Measurement]) -> Measurement:
    """Return the window's measurement that lies in the middle; what most windows do not show is absent."""
    held = [each for each in found if each.value is not None]
    if 2 * len(held) < len(found):
        reasons = [each.absent for each in found if each.absent is not None]
        return next(each for each in found if each.absent == max(reasons, key=reasons.count))
    return sorted(held, key=lambda each: each.value or 0.0)[(len(held) - 1) // 2]


def _allowed(one: Measurement, recording: Recording) -> Measurement:
    why = forbidden(recording, one)
    return one if why is None else Measurement(one.code, absent=why, lead=one.lead)
