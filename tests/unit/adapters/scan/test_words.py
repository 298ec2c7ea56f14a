"""Print on a sheet, found in its ink and read."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adapters.scan.labels import lead_of
from adapters.scan.nouns import Sheet
from adapters.scan.stated import stated
from adapters.scan.words import read_upright, read_words
from ecg.leads import LEADS

PX = 6.0  # pixels per mm
COLUMN = 62.5


@pytest.fixture(scope="module")
def printed() -> Sheet:
    """A page with a red grid, four traces, their labels above them, and a line below."""
    page = Image.new("RGB", (round(280 * PX), round(160 * PX)), "white")
    pen = ImageDraw.Draw(page)
    for mm in range(0, 281, 5):
        pen.line([(mm * PX, 0), (mm * PX, page.height)], fill=(250, 200, 200))
        pen.line([(0, mm * PX), (page.width, mm * PX)], fill=(250, 200, 200))
    font = ImageFont.load_default(size=round(4 * PX))
    for number, lead in enumerate(LEADS):
        column, row = divmod(number, 3)
        pen.text(((12 + column * COLUMN) * PX, (18 + row * 35) * PX), lead, fill="black", font=font)
    for row in range(4):
        x = np.arange(10 * PX, 260 * PX, 2.0)
        y = (30 + row * 35) * PX - 8 * PX * np.exp(-((((x / PX) % 20) - 15) ** 2))
        pen.line(list(zip(x, y, strict=True)), fill="black", width=2)
    pen.text((10 * PX, 150 * PX), "25 mm/s   10 mm/mV   0.05-150 Hz", fill="black", font=font)
    return Sheet(np.asarray(page), PX, np.eye(3), 1.0)


def test_labels_speed_and_gain_are_read_where_they_stand(printed: Sheet) -> None:
    words = read_words(printed)
    found = {lead_of(word.text): word for word in words}
    assert set(LEADS[3:]) <= set(found)
    for lead in LEADS[3:]:
        column, row = divmod(LEADS.index(lead), 3)
        left, top, _, _ = found[lead].box
        assert left == pytest.approx(12 + column * COLUMN, abs=2.5)
        assert top == pytest.approx(19 + row * 35, abs=2.5)
    said = stated(words)
    assert (said.speeds, said.gains) == ({25.0}, {10.0})


def test_a_page_upside_down_is_turned(printed: Sheet) -> None:
    upside_down = Sheet(np.ascontiguousarray(printed.pixels[::-1, ::-1]), PX, np.eye(3), 1.0)
    sheet, words = read_upright(upside_down)
    np.testing.assert_array_equal(sheet.pixels, printed.pixels)
    assert set(LEADS[3:]) <= {lead_of(word.text) for word in words}
    corner = sheet.homography @ [0.0, 0.0, 1.0]
    assert corner[:2] == pytest.approx([printed.pixels.shape[1] - 1, printed.pixels.shape[0] - 1])


def test_a_blank_page_has_no_words() -> None:
    assert read_words(Sheet(np.full((600, 900, 3), 255, np.uint8), 5.0, np.eye(3), 1.0)) == ()
