"""The picture of a finding's strongest lead: what it shows, in which colours, and when there is none."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from ecg.canonical import SAMPLES
from ecg.findings import MI
from ecg.leads import LEADS
from ecg.reading import Explanation, MapCheck, Reading
from ecg.report import Picture
from service.drawing.paper import Papers
from service.drawing.pictures import pictures
from service.drawing.strongest import hot, rd_yl_bu_r, strongest
from tests.golden import reports

RED = np.array([165, 0, 38])


def reading(*explanations: Explanation) -> Reading:
    return replace(reports.report(asserted=("MI",)).reading, explanations=explanations)


def along(method: str, row: int = 7, **changed: object) -> Explanation:
    """Return a map that is high in one lead, in the seconds from 4 to 5."""
    relevance = np.zeros((12, SAMPLES), np.float32)
    relevance[row, 2000:2500] = 1.0
    return replace(Explanation(MI, method, relevance, 2.5, "log-odds/s"), **changed)


def by_lead(lead: str = "V2") -> Explanation:
    row = np.array([float(each == lead) for each in LEADS], np.float32)
    return Explanation(MI, "Lead ablation", row, 1.2, "log-odds")


def drawn(*explanations: Explanation) -> list[Picture]:
    made = reading(*explanations)
    return [each for each in pictures(made, Papers(made.shown)) if each.name.startswith("lead-")]


def reddest(png: bytes) -> np.ndarray:
    """Return where the picture is of the colour that stands for the map's largest value: (rows, columns)."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    return np.argwhere(np.abs(pixels - RED).sum(axis=2) < 40)


def test_the_lead_is_that_of_ablation_and_the_map_is_named() -> None:
    (picture,) = drawn(along("Saliency"), along("Gradient times input"), by_lead())
    assert picture.name == "lead-MI" and picture.finding == "MI" and picture.method == "Gradient times input"
    assert picture.title == "MI: Gradient times input, over leads and time; Lead ablation on top: V2"


def test_what_is_high_is_red_at_its_time_in_all_leads_and_in_the_lead() -> None:
    (picture,) = drawn(along("Gradient times input"), by_lead())
    rows, columns = reddest(picture.png).T
    width = Image.open(io.BytesIO(picture.png)).width
    inside = columns < 0.7 * width  # the scale stands to the right of it
    at = (columns[inside] / 4 - 16) / 25  # seconds: 4 pixels a millimetre, 25 mm/s from 16 mm on
    assert inside.sum() > 500 and at.min() == pytest.approx(4, abs=0.1) and at.max() == pytest.approx(5, abs=0.1)
    assert np.ptp(rows) > 100  # in the map over all leads, and on the lead below


def test_without_a_map_that_attributes_there_is_no_picture() -> None:
    failed = MapCheck("deletion", 0.0, 1.0, "log-odds")
    withheld = Explanation(MI, "Saliency", np.zeros((0, SAMPLES), np.float32), 1.0, "log-odds/mV", checks=(failed,))
    assert drawn(withheld, by_lead()) == [] and drawn(along("Gradient times input")) == []


def test_saliency_that_was_withheld_leaves_no_strip() -> None:
    (one,) = strongest(reading(along("Saliency"), along("Gradient times input"), by_lead()))
    (other,) = strongest(reading(along("Gradient times input"), by_lead()))
    assert one.saliency is not None and other.saliency is None and one.size[1] > other.size[1]


def test_colours_are_those_of_their_names() -> None:
    assert [round(255 * each) for each in rd_yl_bu_r(0)] == [49, 54, 149]
    assert [round(255 * each) for each in rd_yl_bu_r(0.5)] == [255, 255, 191]
    assert [round(255 * each) for each in rd_yl_bu_r(1)] == [165, 0, 38]
    assert hot(0) == (0, 0, 0) and hot(1) == (1, 1, 1) and hot(0.4)[0] == 1 and hot(0.4)[2] == 0
