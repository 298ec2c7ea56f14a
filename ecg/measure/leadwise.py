"""The measurements of each lead, from one delineated window: ST, T, and the waves of the QRS."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ecg.leads import LEADS
from ecg.measure.allowed import ST_CODES
from ecg.measure.amplitudes import AFTER_J, level_at, onset_level, qrs_waves
from ecg.measure.beatwise import NOISY, confidence, standard_error
from ecg.measure.delineate import Delineation
from ecg.measure.intervals import is_paced
from ecg.measure.overall import Boundaries
from ecg.measurement import LEAD_UNITS, Measurement


def none_of(why: str) -> Iterator[Measurement]:
    """Yield every measurement of every lead as absent."""
    return (Measurement(code, absent=why, lead=lead) for lead in LEADS for code in LEAD_UNITS)


def of_leads(found: Delineation, bounds: Boundaries, beats: NDArray[np.float64]) -> Iterator[Measurement]:
    """Yield every measurement of every lead; `beats` are those of the commonest kind, (beats, 12, 600)."""
    shape = found.shapes[0]
    level = onset_level(shape.median.signal, bounds)
    peaks = np.full(len(LEADS), np.nan) if shape.t is None else shape.t.leads[:, 1]
    points = {
        "st-j": np.full(len(LEADS), bounds.qrs_off),
        "st-j60": np.full(len(LEADS), bounds.qrs_off + AFTER_J),
        "t-amplitude": peaks,
    }
    values = {code: level_at(shape.median.signal, at) - level for code, at in points.items()}
    errors = {code: standard_error(beats, at, bounds) for code, at in points.items()}
    paced = is_paced(found)
    for row, lead in enumerate(LEADS):
        if not shape.median.usable[row]:
            yield from (Measurement(code, absent="lead-missing", lead=lead) for code in LEAD_UNITS)
            continue
        for code in points:
            error, count = errors[code][0][row], int(errors[code][1][row])
            if code in ST_CODES and paced:
                yield Measurement(code, absent="paced", lead=lead)
            else:
                yield _amplitude(code, lead, float(values[code][row]), (float(error), count))
        yield from _qrs(found, bounds, row, (float(errors["st-j"][0][row]), int(errors["st-j"][1][row])))


def _amplitude(code: str, lead: str, value: float, told: tuple[float, int]) -> Measurement:
    error, count = told
    if np.isnan(value):
        return Measurement(code, absent="t-not-found", lead=lead)
    if count < 2:
        return Measurement(code, absent="too-few-beats", lead=lead)
    if error > NOISY:
        return Measurement(code, absent="too-noisy", lead=lead)
    return Measurement(code, value, confidence(error), lead=lead)


def _qrs(found: Delineation, bounds: Boundaries, row: int, told: tuple[float, int]) -> Iterator[Measurement]:
    waves = qrs_waves(found.shapes[0].median.signal, bounds, row)
    values = {
        "q-amplitude": waves.q,
        "q-duration": waves.q_ms,
        "r-amplitude": waves.r,
        "s-amplitude": waves.s,
    }
    for code, value in values.items():
        if value is None:
            yield Measurement(code, absent="no-such-wave", lead=LEADS[row])
        else:
            yield _amplitude(code, LEADS[row], value, told)
