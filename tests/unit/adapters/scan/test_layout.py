"""Which lead is where: layouts, labels, Einthoven, and refusals."""

import dataclasses

import numpy as np
import pytest

from adapters.scan.columns import gap_around
from adapters.scan.layout import place
from adapters.scan.nouns import Curve, Scale, Strip, Word
from adapters.scan.plans import plans
from adapters.scan.rows import rows_of
from ecg.errors import UnreadablePage
from ecg.leads import LEADS
from tests.unit.adapters.scan.drawn import COLUMNS_3X4, Printer, leads_at, sheet, word

SIX_BY_TWO = (LEADS[:6], LEADS[6:])
FOUR_BY_THREE = (LEADS[:4], LEADS[4:8], LEADS[8:])
CABRERA = (("aVL", "I", "-aVR"), ("II", "aVF", "III"), *COLUMNS_3X4[2:])
CABRERA_6X2 = (("aVL", "I", "-aVR", "II", "aVF", "III"), LEADS[6:])
PRINTERS = {
    "3x4": Printer(rhythms=()),
    "3x4+1": Printer(),
    "3x4+1, pulse at the end": Printer(pulse="end"),
    "3x4+1, no pulse": Printer(pulse=""),
    "3x4+2": Printer(rhythms=("V1", "II")),
    "3x4+3": Printer(rhythms=("V1", "II", "V5")),
    "3x4+1, gaps": Printer(gap=1.2),
    "3x4+1, wide gaps in which time passes": Printer(gap=2.2),
    "3x4+1, 50 mm/s": Printer(speed=50),
    "6x2": Printer(columns=SIX_BY_TWO, rhythms=(), seconds=5, spacing=22),
    "6x2+1": Printer(columns=SIX_BY_TWO, rhythms=("II",), seconds=5, spacing=22),
    "12x1": Printer(columns=(LEADS,), rhythms=(), seconds=10, spacing=16),
    "4x3": Printer(columns=FOUR_BY_THREE, rhythms=(), seconds=3.3),
    "3x4 Cabrera": Printer(columns=CABRERA, rhythms=("II",)),
    "6x2 Cabrera": Printer(columns=CABRERA_6X2, rhythms=(), seconds=5, spacing=22),
    "12x1 Cabrera": Printer(columns=((*CABRERA_6X2[0], *LEADS[6:]),), rhythms=(), seconds=10, spacing=16),
}


def scale_of(printer: Printer) -> Scale:
    return Scale(printer.speed, printer.gain, printer.chest_gain or printer.gain, "pulse", "pulse", "pulse")


def placed(printer: Printer, words: tuple[Word, ...] | None = None) -> tuple[Strip, ...]:
    return place(printer.curves(), printer.words() if words is None else words, scale_of(printer), sheet())


def worst_difference(strips: tuple[Strip, ...], printer: Printer) -> float:
    """In mV, by the best shift of the whole page, but for 1.5 mm at both ends of a strip where flanks of others lie."""
    return min(max(difference(strip, printer, shift) for strip in strips) for shift in np.arange(-25, 26) * 0.002)


def difference(strip: Strip, printer: Printer, shift: float) -> float:
    seconds = strip.begins + (strip.curve.x - strip.curve.x[0]) / printer.speed
    inner = (strip.curve.x > strip.curve.x[0] + 1.5) & (strip.curve.x < strip.curve.x[-1] - 1.5)
    got = (strip.zero - strip.curve.y) / printer.gain
    inner &= np.isfinite(got)
    return float(np.percentile(np.abs(got - leads_at(seconds + shift)[strip.lead])[inner], 95))


@pytest.mark.parametrize("name", PRINTERS)
def test_every_layout_gives_its_leads_in_time_and_height(name: str) -> None:
    printer = PRINTERS[name]
    strips = placed(printer)
    leads = [strip.lead for strip in strips]
    assert sorted(leads) == sorted([*LEADS, *printer.rhythms])
    assert worst_difference(strips, printer) < 0.1
    begins = {strip.lead: strip.begins for strip in strips[:12]}
    for number, column in enumerate(printer.columns):
        for lead in column:
            assert begins[lead.removeprefix("-")] == pytest.approx(number * printer.seconds, abs=0.05)


@pytest.mark.parametrize(("name", "seconds"), [("3x4+1", 2.5), ("6x2", 5.0)])
def test_a_trace_away_from_labels_is_whole(name: str, seconds: float) -> None:
    for strip in placed(PRINTERS[name]):
        assert np.isfinite(strip.curve.y).mean() > 0.98
        assert len(strip.curve.x) * 0.2 / 25 == pytest.approx(10.0 if len(strip.curve.x) > 1000 else seconds, abs=0.05)


def test_few_labels_suffice_where_einthoven_agrees() -> None:
    printer = Printer()
    words = tuple(word for word in printer.words() if word.text in ("aVR", "V4"))
    strips = placed(printer, words)
    assert [strip.lead for strip in strips] == [lead for column in COLUMNS_3X4 for lead in column] + ["II"]
    assert {strip.lead for strip in strips if strip.named_by == "print"} == {"aVR", "V4"}


def test_without_labels_it_is_refused() -> None:
    with pytest.raises(UnreadablePage, match="told from each other"):
        placed(Printer(labels=False, rhythms=()))


def test_labels_that_contradict_every_layout_are_refused() -> None:
    names = {"V1": "V4R", "V2": "V8", "V3": "V9", "aVR": "V3", "aVL": "V1", "V5": "V7"}
    words = tuple(dataclasses.replace(w, text=names.get(w.text, w.text)) for w in Printer().words())
    with pytest.raises(UnreadablePage, match="told from each other"):
        placed(Printer(), words)


def test_rows_in_an_order_that_breaks_einthoven_are_refused() -> None:
    printer = Printer()
    first, second, third, rhythm = printer.curves()
    moved = [Curve(c.x, c.y + dy, c.surety) for c, dy in ((second, -30.0), (third, -30.0), (first, 60.0))]
    with pytest.raises(UnreadablePage, match="do not add up"):
        place([*moved, rhythm], printer.words(), scale_of(printer), sheet())


def test_two_rows_are_no_layout() -> None:
    printer = Printer()
    with pytest.raises(UnreadablePage, match="told from each other"):
        place(printer.curves()[:2], printer.words(), scale_of(printer), sheet())


def test_a_single_strip_is_named_by_its_label_alone() -> None:
    printer = Printer(columns=(), rhythms=("II",), seconds=10)
    assert [(strip.lead, strip.begins) for strip in placed(printer)] == [("II", 0.0)]
    with pytest.raises(UnreadablePage, match="told from each other"):
        placed(printer, ())


def test_a_rhythm_strip_without_label_is_named_by_its_likeness() -> None:
    printer = Printer(rhythms=("V1", "II", "V5"))
    words = tuple(word for word in printer.words() if word.box[1] < 20 + 2.5 * printer.spacing)
    strips = placed(printer, words)
    assert [strip.lead for strip in strips[12:]] == ["V1", "II", "V5"]
    assert {strip.named_by for strip in strips[12:]} == {"layout"}


def test_long_columns_without_a_rhythm_strip_show_the_same_time() -> None:
    printer = Printer(columns=SIX_BY_TWO, rhythms=(), seconds=10, spacing=22, together=True)
    strips = placed(printer)
    assert max(strip.begins for strip in strips) < 0.05
    assert worst_difference(strips, printer) < 0.08


def test_ink_of_a_label_is_no_trace() -> None:
    printer = Printer()
    words = tuple(dataclasses.replace(w, box=(w.box[0], w.box[1] + 8, w.box[2], w.box[3] + 8)) for w in printer.words())
    strips = placed(printer, words)
    avr = next(strip for strip in strips if strip.lead == "aVR")
    under = (avr.curve.x > printer.begin + 62.5 + 1.6) & (avr.curve.x < printer.begin + 62.5 + 4)
    assert np.isnan(avr.curve.y[under]).any()


def test_less_than_two_seconds_is_too_short() -> None:
    printer = Printer(seconds=0.45)
    with pytest.raises(UnreadablePage):
        placed(printer)


def test_every_layout_on_file_is_valid_and_named_once() -> None:
    names = [plan.name for plan in plans()]
    assert len(names) == len(set(names)) >= 8
    for plan in plans():
        if plan.columns:
            assert sorted(lead.removeprefix("-") for column in plan.columns for lead in column) == sorted(LEADS)


def test_a_frame_above_the_rows_is_left_out() -> None:
    printer = Printer(rhythms=())
    curves = printer.curves()
    frame = Curve(curves[0].x, np.full(len(curves[0].x), 8.0), curves[0].surety)
    strips = place((frame, *curves), printer.words(), scale_of(printer), sheet())
    assert [strip.lead for strip in strips] == [lead for column in COLUMNS_3X4 for lead in column]
    assert worst_difference(strips, printer) < 0.1


def test_rows_that_lean_are_of_one_time() -> None:
    printer = Printer()
    leaning = tuple(Curve(c.x + 1.3 * n, c.y, c.surety) for n, c in enumerate(printer.curves()))
    strips = place(leaning, printer.words(), scale_of(printer), sheet())
    assert [strip.lead for strip in strips[12:]] == ["II"]
    assert worst_difference(strips, printer) < 0.15


def test_panels_apart_are_of_successive_times() -> None:
    printer = Printer(pulse="", columns=SIX_BY_TWO, rhythms=(), seconds=5, spacing=22, labels=True)
    middle = printer.begin + 125.0
    apart = []
    for curve in printer.curves():
        x = np.arange(curve.x[0], curve.x[-1] + 6.0, 0.2)
        y = np.interp(np.where(x < middle, x, x - 6.0), curve.x, curve.y)
        y[(x >= middle) & (x < middle + 6.0)] = np.nan
        apart.append(Curve(x, y, np.ones(len(x), np.float32)))
    words = tuple(
        dataclasses.replace(w, box=(w.box[0] + 6, w.box[1], w.box[2] + 6, w.box[3])) if w.text[0] == "V" else w
        for w in printer.words()
    )
    strips = place(apart, words, scale_of(printer), sheet())
    assert {round(strip.begins, 1) for strip in strips} == {0.0, 5.0}
    assert worst_difference(strips, printer) < 0.1


def test_grain_below_panels_is_no_rhythm_strip() -> None:
    printer = Printer(rhythms=())
    curves = [apart(curve, printer, 6.0) for curve in printer.curves()]
    x = curves[0].x
    grain = Curve(x, 140.0 + np.random.default_rng(1).normal(0, 0.4, len(x)).cumsum() / 20, curves[0].surety)
    words = tuple(
        dataclasses.replace(w, box=(w.box[0] + by, w.box[1], w.box[2] + by, w.box[3]))
        for w in printer.words()
        for by in [6.0 * round((w.box[0] - printer.begin) // printer.width)]
    )
    strips = place((*curves, grain), words, scale_of(printer), sheet())
    assert {round(strip.begins, 1) for strip in strips} == {0.0, 2.5, 5.0, 7.5}
    assert worst_difference(strips, printer) < 0.1


@pytest.mark.parametrize("off", [-0.3, 0.0, 0.3])
def test_a_boundary_beside_its_gap_is_in_it(off: float) -> None:
    printer = Printer(rhythms=())
    rows = rows_of(apart(curve, printer, 6.0) for curve in printer.curves())
    ends = printer.begin + printer.width, printer.begin + printer.width + 6.0
    for edge in (ends[0] - off, ends[1] + off):
        assert gap_around(rows, edge) == pytest.approx(ends, abs=0.4)


def apart(curve: Curve, printer: Printer, gap: float) -> Curve:
    """A row whose columns stand apart."""
    count = len(printer.columns)
    x = np.arange(curve.x[0], curve.x[-1] + count * gap, 0.2)
    panel = np.clip((x - printer.begin) // (printer.width + gap), 0, count - 1)
    within = x - printer.begin - panel * (printer.width + gap)
    y = np.interp(x - panel * gap, curve.x, curve.y)
    y[(within >= printer.width) & (panel < count - 1)] = np.nan
    return Curve(x, y, np.ones(len(x), np.float32))


@pytest.mark.parametrize("name", ["3x4", "3x4+1", "3x4+1, pulse at the end"])
def test_boundaries_are_where_leads_change_and_not_where_they_beat(name: str) -> None:
    printer = PRINTERS[name]
    for number, column in enumerate(printer.columns):
        begins = [strip.curve.x[0] for strip in placed(printer)[:12] if strip.lead in column]
        assert begins == pytest.approx([printer.begin + number * printer.width] * 3, abs=0.5)


def test_laws_alone_do_not_make_it_cabrera() -> None:
    printer = Printer(columns=CABRERA, rhythms=())
    words = tuple(word for word in printer.words() if word.text[0] == "V")
    with pytest.raises(UnreadablePage):
        placed(printer, words)


def test_labels_below_the_middle_of_marks_leave_columns_where_rows_begin() -> None:
    printer = PRINTERS["3x4+1"]
    strips = placed(printer, tuple(word(each.text, each.box[0] - 3.7, each.box[1]) for each in printer.words()))
    for strip, number in zip(strips[:12], np.repeat(range(4), 3), strict=True):
        assert strip.curve.x[0] == pytest.approx(printer.begin + number * printer.width, abs=0.6)
