"""The scale of a sheet: pulses, print, and what is assumed. None is silently wrong."""

import numpy as np
import pytest

from adapters.scan.nouns import Curve, Scale
from adapters.scan.pulses import pulse_of
from adapters.scan.scale import measure_scale
from ecg.errors import UnreadablePage
from ecg.leads import LEADS
from tests.unit.adapters.scan.drawn import Printer, sheet, word


def measured(printer: Printer, *texts: str) -> Scale:
    words = [*printer.words(), *(word(text, 20, 190 + 5 * n) for n, text in enumerate(texts))]
    return measure_scale(printer.curves(), words, sheet())


@pytest.mark.parametrize("gain", [2.5, 5.0, 10.0, 20.0])
@pytest.mark.parametrize("speed", [25.0, 50.0])
@pytest.mark.parametrize("pulse", ["start", "end"])
def test_pulses_tell_gain_and_speed(gain: float, speed: float, pulse: str) -> None:
    scale = measured(Printer(gain=gain, speed=speed, pulse=pulse, spacing=45))
    assert (scale.mm_per_mv, scale.mm_per_s) == (gain, speed)
    assert (scale.gain_from, scale.speed_from) == ("pulse", "pulse")


@pytest.mark.parametrize(("gain", "speed"), [(5.0, 25.0), (20.0, 50.0), (10.0, 50.0)])
def test_print_tells_them_where_there_is_no_pulse(gain: float, speed: float) -> None:
    scale = measured(Printer(gain=gain, speed=speed, pulse=""), f"{speed:g}mm/s {gain:g}mm/mV")
    assert (scale.mm_per_mv, scale.mm_per_s) == (gain, speed)
    assert (scale.gain_from, scale.speed_from, scale.assumed) == ("print", "print", False)


@pytest.mark.parametrize("gain", [5.0, 20.0])
def test_with_neither_the_scale_is_assumed_and_said_to_be(gain: float) -> None:
    scale = measured(Printer(gain=gain, pulse=""))
    assert (scale.gain_from, scale.speed_from, scale.assumed) == ("assumed", "assumed", True)


def test_print_that_pulses_belie_is_refused() -> None:
    with pytest.raises(UnreadablePage, match="different things"):
        measured(Printer(gain=5), "25mm/s 10mm/mV")
    with pytest.raises(UnreadablePage, match="different things"):
        measured(Printer(speed=50), "25mm/s 10mm/mV")


@pytest.mark.parametrize("said", [("25mm/s 10mm/mV",), ()])
def test_pulses_of_one_height_that_no_gain_has_belie_the_grid(said: tuple[str, ...]) -> None:
    with pytest.raises(UnreadablePage, match="different things"):
        measured(Printer(gain=8), *said)


def test_two_gains_in_print_without_saying_whose_are_refused() -> None:
    with pytest.raises(UnreadablePage, match="different things"):
        measured(Printer(pulse=""), "25mm/s 10mm/mV 5mm/mV")


def test_chest_leads_have_the_gain_that_print_gives_them() -> None:
    scale = measured(Printer(chest_gain=5), "25 mm/sec Limb: 10 mm/mV Chest: 5 mm/mV")
    assert (scale.mm_per_mv, scale.chest_mm_per_mv, scale.gain_from) == (10, 5, "pulse")
    scale = measured(Printer(chest_gain=5, pulse=""), "25 mm/sec Limb: 10 mm/mV Chest: 5 mm/mV")
    assert (scale.mm_per_mv, scale.chest_mm_per_mv, scale.gain_from) == (10, 5, "print")


def test_pulses_of_rows_that_chest_leads_share_do_not_tell_their_gain() -> None:
    assert measured(Printer(chest_gain=5)).chest_from == "assumed"
    assert measured(Printer(chest_gain=5, pulse="end")).chest_from == "assumed"
    assert measured(Printer(), "25mm/s 10mm/mV").chest_from == "print"
    assert measured(Printer(columns=(LEADS,), rhythms=(), seconds=10, spacing=14)).chest_from == "pulse"


def test_chest_leads_below_have_the_gain_of_their_pulses() -> None:
    printer = Printer(columns=(LEADS,), rhythms=(), seconds=10, chest_gain=5, spacing=14)
    scale = measured(printer)
    assert (scale.mm_per_mv, scale.chest_mm_per_mv, scale.gain_from) == (10, 5, "pulse")


def test_a_pulse_that_may_be_of_either_speed_tells_none() -> None:
    scale = measured(Printer(pulse_seconds=0.3))
    assert (scale.mm_per_mv, scale.gain_from, scale.speed_from) == (10, "pulse", "assumed")


def shelved(curve: Curve) -> Curve:
    """The curve as it is followed where strokes are as wide as lines: their middles half as high as the pulse."""
    x = np.arange(curve.x[0], curve.x[-1], 0.05)
    y = curve.y[np.searchsorted(curve.x, x, side="right") - 1]
    for place in np.flatnonzero(np.abs(np.diff(y)) > 4):
        y[place + 1 : place + 7] = (y[place] + y[place + 1]) / 2
    return Curve(x, y, np.ones(len(x), np.float32))


def test_the_middle_of_an_upright_stroke_is_no_foot() -> None:
    curves = [shelved(curve) for curve in Printer().curves()]
    scale = measure_scale(curves, (), sheet())
    assert (scale.mm_per_mv, scale.gain_from) == (10, "pulse")


def test_one_low_wave_among_many_rows_is_no_pulse() -> None:
    printer = Printer(pulse="", columns=(LEADS,), rhythms=(), seconds=10, spacing=14)
    curves = list(printer.curves())
    x = curves[6].x
    flat = float(np.nanmedian(curves[6].y))
    end = x[np.isfinite(curves[6].y)][-1]
    wave = np.where((x > end - 9) & (x < end - 5), flat - 2.4, np.where(x > end - 14, flat, curves[6].y))
    curves[6] = Curve(x, np.where(x <= end, wave, np.nan), curves[6].surety)
    scale = measure_scale(curves, [*printer.words(), word("25mm/s 10mm/mV", 20, 250)], sheet())
    assert (scale.mm_per_mv, scale.gain_from) == (10, "print")


def test_a_row_that_begins_level_before_an_s_wave_begins_with_no_pulse() -> None:
    x = np.arange(10.0, 200.0, 0.05)
    y = (
        50
        + 6 * np.clip(1 - np.abs((x - 20) % 22 - 0.0) / 0.8, 0, 1)
        + 6 * np.clip(1 - (22 - (x - 20) % 22) / 0.8, 0, 1)
    )
    y[np.abs(x - 20) < 0.2] = 56.0
    assert pulse_of(Curve(x, y, np.ones(len(x), np.float32))) is None


@pytest.mark.parametrize("at", ["start", "end"])
def test_a_lead_need_not_stand_on_the_foot_of_its_pulse(at: str) -> None:
    x = np.arange(0.0, 60.0, 0.05)
    y = np.where(x < 1.0, 50.0, np.where(x < 6.0, 40.0, 47.0 - 0.2 * x + 3.0 * np.sin(x)))
    curve = Curve(x, y if at == "start" else y[::-1], np.ones(len(x), np.float32))
    found = pulse_of(curve)
    assert found is not None and found.whole and found.at == at
    assert found.height == pytest.approx(10.0, abs=0.2)
