"""What a curve shows where labels stand, read or not, is no trace."""

import numpy as np

from adapters.scan.layout import place
from adapters.scan.lettering import without_letters
from adapters.scan.nouns import Curve, Scale, Strip, Word
from tests.unit.adapters.scan.drawn import Printer, sheet

ON_TRACES = 8.0  # mm by which labels are printed lower than usual
SCALE = Scale(25.0, 10.0, 10.0, "pulse", "pulse", "pulse")


def lowered(word: Word, text: str) -> Word:
    left, top, right, bottom = word.box
    left = right - (right - left) * len(text) / len(word.text)
    return Word(text, (left, top + ON_TRACES, right, bottom + ON_TRACES), word.surety)


def hidden(strip: Strip, left: float, right: float) -> bool:
    """Whether nothing is known of a strip between two places."""
    return bool(np.isnan(strip.curve.y[(strip.curve.x > left) & (strip.curve.x < right)]).all())


def test_letters_of_a_label_that_were_not_read_are_no_trace() -> None:
    printer = Printer()
    words = tuple(lowered(w, "VF" if w.text == "aVF" else w.text) for w in printer.words())
    strips = {strip.lead: strip for strip in place(printer.curves(), words, SCALE, sheet())[:12]}
    left = printer.begin + printer.width + 1.5
    assert hidden(strips["aVF"], left, left + 2.0)


def test_the_label_of_a_rhythm_strip_that_was_not_read_is_no_trace() -> None:
    printer = Printer()
    words = tuple(lowered(w, w.text) for w in printer.words() if w.box[1] < 20 + 2.5 * printer.spacing)
    strip = place(printer.curves(), words, SCALE, sheet())[12]
    assert strip.lead == "II" and hidden(strip, printer.begin + 1.5, printer.begin + 4.0)


def test_strokes_that_lead_to_a_letter_are_its_own() -> None:
    x = np.arange(0.0, 20.0, 0.05)
    y = 50 - np.clip(6 * (1 - np.abs(x - 10.0) / 0.5), 0, None)  # up to a letter and back
    box = (8.0, 43.0, 12.0, 47.0)
    left = without_letters(x, y, [box])
    assert np.isnan(left[np.abs(x - 10.0) < 0.45]).all()
    assert np.isfinite(left[np.abs(x - 10.0) > 1.0]).all() and np.nanmin(left) > 49.0


def test_a_label_that_was_not_read_stands_on_the_line_of_its_row() -> None:
    printer = Printer()
    left = printer.begin + 2 * printer.width
    curves = list(printer.curves())
    x, y = curves[2].x, curves[2].y
    # V3 stands 4 mm lower than the other leads of its row, on its label.
    curves[2] = Curve(x, np.where((x >= left) & (x < left + printer.width), y, y - 4.0), curves[2].surety)
    words = tuple(lowered(w, w.text) for w in printer.words() if w.text != "V3")
    strips = {strip.lead: strip for strip in place(curves, words, SCALE, sheet())[:12]}
    assert hidden(strips["V3"], left + 1.5, left + 4.0)


def test_a_label_that_was_not_read_stands_below_its_columns_others() -> None:
    printer = Printer()
    left = printer.begin + 2 * printer.width
    words = []
    for each in (lowered(w, w.text) for w in printer.words() if w.text != "V1"):
        further = 5.0 * (left < each.box[0] < left + printer.width)  # the labels of V1, V2 and V3
        box = (each.box[0] + further, each.box[1], each.box[2] + further, each.box[3])
        words.append(Word(each.text, box, each.surety))
    strips = {strip.lead: strip for strip in place(printer.curves(), words, SCALE, sheet())[:12]}
    assert hidden(strips["V1"], left + 6.5, left + 11.0)
