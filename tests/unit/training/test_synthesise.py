"""The generator of pages: the same seed draws the same, and what it says is printed is where the ink is."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg.canonical import canonicalise
from ecg.leads import LEADS
from tests.golden.reports import waveform
from training.synthesise.canvas import PX_PER_MM
from training.synthesise.layouts import CABRERA, LAYOUTS
from training.synthesise.page import _zero, draw_page
from training.synthesise.style import SEEN, UNSEEN, Paper, Style, draw_style
from training.synthesise.write import Order, one_page

WHITE = Paper((255, 255, 255), (255, 255, 255), (255, 255, 255))


def signal() -> NDArray[np.float32]:
    return canonicalise(waveform())[0].signal


def plain(name: str) -> Style:
    """Return a style of a layout on white paper with nothing but traces."""
    (layout,) = (each for each in LAYOUTS if each.name == name)
    drawn = draw_style(np.random.default_rng(1))
    return replace(
        drawn, layout=layout, paper=WHITE, ink=(0, 0, 0), text=0.01, line=0.2, speed=25.0, gain=10.0, pulse=False,
        stated=False, separators="none", header=0, size=(297.0, 210.0),
    )  # fmt: skip


@pytest.mark.parametrize("quality", ["clean", "scan"])
def test_the_same_seed_writes_the_same_file_and_another_seed_another(quality: str) -> None:
    one, other = (one_page(signal(), 5, Order(1, quality)) for _ in range(2))
    assert one[0] == other[0] and one[2] == other[2]
    np.testing.assert_array_equal(one[1].truth, other[1].truth)
    assert one_page(signal(), 5, Order(2, quality))[0] != one[0]


@pytest.mark.parametrize("name", [each.name for each in LAYOUTS])
def test_the_truth_is_where_the_ink_is(name: str) -> None:
    style = plain(name)
    flat = np.linspace(-0.2, 0.2, 12, dtype=np.float32)[:, None] * np.ones((1, 5000), np.float32)
    page = draw_page(flat, style, np.random.default_rng(1))
    dark = page.pixels.min(axis=2) < 128
    for piece in style.layout.pieces:
        row = LEADS.index(piece.lead)
        middle = (piece.column + 0.5) / piece.columns
        assert page.truth[row, round(middle * 5000)] == flat[row, 0]
        column = round(((297 - 250) / 2 + 2.5 + middle * 250) * PX_PER_MM)
        sign = -1 if piece.inverted else 1
        expected = (_zero(piece.row, style) - sign * flat[row, 0] * style.gain) * PX_PER_MM
        ink = np.flatnonzero(dark[:, column])
        assert np.abs(ink - expected).min() <= 2, piece


@pytest.mark.parametrize("name", [each.name for each in LAYOUTS])
def test_every_lead_is_printed_for_its_share_of_the_time(name: str) -> None:
    style = plain(name)
    shown = np.isfinite(draw_page(signal(), style, np.random.default_rng(1)).truth).sum(axis=1)
    for row, lead in enumerate(LEADS):
        assert shown[row] == (5000 if lead in style.layout.strips else 5000 // style.layout.columns)


def test_cabreras_order_holds_every_lead_and_turns_avr_about() -> None:
    (layout,) = (each for each in LAYOUTS if each.cabrera)
    assert set(CABRERA) == set(LEADS) and [each.lead for each in layout.pieces if each.inverted] == ["aVR"]


def test_the_pools_share_nothing_and_every_page_tells_its_scale() -> None:
    assert not set(SEEN.papers) & set(UNSEEN.papers) and not set(SEEN.fonts) & set(UNSEEN.fonts)
    assert not set(SEEN.inks) & set(UNSEEN.inks)
    rng = np.random.default_rng(2)
    styles = [draw_style(rng, UNSEEN) for _ in range(300)]
    assert all(each.pulse or each.stated for each in styles)
    assert {each.gain for each in styles} == {5, 10, 20} and {each.speed for each in styles} == {25, 50}
    assert {each.layout.name for each in styles} == {each.name for each in LAYOUTS}


@pytest.mark.parametrize(("speed", "wide"), [(25.0, 7.0), (50.0, 12.0)])
def test_a_pulse_lasts_a_fifth_of_a_second(speed: float, wide: float) -> None:
    style = replace(plain("12x1"), speed=speed)
    with_it, without = (
        draw_page(signal(), replace(style, pulse=each), np.random.default_rng(1)).pixels for each in (True, False)
    )
    columns = np.flatnonzero((with_it != without).any(axis=(0, 2)))
    assert np.ptp(columns) / PX_PER_MM == pytest.approx(wide, abs=0.5), "a millimetre of foot on either side"
