"""Names of Latin, Greek and Cyrillic letters come out of a page as they went in; what cannot be drawn is seen."""

import io
import unicodedata
from dataclasses import replace

import pdfplumber
import pytest

from ecg.recording import Patient
from service.compose import compose
from service.drawing.fonts import drawable, is_drawable
from tests.golden import reports

NAMES = (
    "Nguyễn^Thị Ánh",
    "Tryggvadóttir^Þorgerður",
    "Łukasiewicz^Żaneta",
    "Şahin^Işıl Ğül",
    "Παπαδοπούλου^Ἀθηνᾶ",
    "Щербакова^Ёлка",
    "Ђорђевић^Љубица",
    "O’Brien-Åström^Zoë",
)


def first_page(name: str) -> str:
    made = reports.report(patient=Patient(id="1", name=name))
    pdf = compose(made.recording, replace(made.reading, explanations=()), made.issued).pdf
    with pdfplumber.open(io.BytesIO(pdf)) as opened:
        fonts = {each["fontname"] for each in opened.pages[0].chars}
        assert all("+Roboto" in font for font in fonts), "embedded, as subsets"
        return " ".join(opened.pages[0].extract_text().split())


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_on_the_page_as_it_is(name: str) -> None:
    assert name.replace("^", ", ") in first_page(name)


@pytest.mark.parametrize("name", NAMES)
def test_letters_with_their_marks_apart_are_drawn_as_letters_that_have_them(name: str) -> None:
    apart = unicodedata.normalize("NFD", name)
    assert drawable(apart) == name and is_drawable(apart)


@pytest.mark.parametrize(
    "name, shown", [("王^小", "[U+738B], [U+5C0F]"), ("Wang王", "Wang[U+738B]"), ("שר", "[U+05E9][U+05E8]")]
)
def test_what_the_fonts_lack_is_shown_by_its_number_and_not_as_nothing(name: str, shown: str) -> None:
    assert shown in first_page(name)


def test_of_a_name_in_several_scripts_the_one_that_can_be_drawn_is_shown() -> None:
    text = first_page("Wang^XiaoDong=王^小東")
    assert "Wang, XiaoDong" in text and "U+" not in text
    assert "Wang, XiaoDong" in first_page("=王^小東=Wang^XiaoDong")


def test_white_space_is_a_space_and_brackets_are_brackets() -> None:
    assert drawable("a\tb\nc\u00a0d") == "a b c d" and is_drawable("[U+1] x")


def test_a_long_name_is_on_the_page_to_its_end() -> None:
    text = first_page(
        "Wolfeschlegelsteinhausenbergerdorff-von-und-zu-Hohenlohe-Langenb^Hubertus Maximilian Konstantin Alexander"
    )
    assert "Konstantin Alexander" in text and "Langenb" in text and "\N{HORIZONTAL ELLIPSIS}" not in text
