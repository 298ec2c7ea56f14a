"""A page by another program becomes the leads that were printed; what is none is refused."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file
from scipy.signal import butter, lfilter

from adapters.scan.digitise import digitise
from adapters.scan.nouns import Digitised, Picture
from adapters.scan.overlay import MOST_BYTES
from ecg.errors import UnreadablePage
from ecg.leads import LEADS

PRINTS = [each for root in Path(__file__).parents if (each := root / "shared" / "samples" / "prints").is_dir()]
COLUMNS = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))
pytestmark = pytest.mark.skipif(not PRINTS, reason="no ../shared/samples/prints")


@pytest.fixture(scope="module")
def printed() -> Digitised:
    picture = np.array(Image.open(PRINTS[0] / "anonymous_ecg_3x4_1.png").convert("RGB"))
    return digitise(Picture(picture))


@pytest.fixture(scope="module")
def truth() -> NDArray[np.float64]:
    """What the program printed: pydicom's sample through its 40 Hz filter, mV, 500 Hz."""
    samples = pydicom.dcmread(str(get_testdata_file("waveform_ecg.dcm"))).waveform_array(0) / 1000
    return np.asarray(lfilter(*butter(2, 40, fs=1000), samples, axis=0)[::2].T)


def signal_to_noise(found: NDArray[np.float32], true: NDArray[np.float64]) -> float:
    """In dB, at the best of all shifts within 0.05 s, offset aside, where both are known."""
    best = -np.inf
    for shift in range(-25, 26):
        moved = np.roll(found, shift)
        both = np.isfinite(moved) & np.isfinite(true)
        error, wanted = (moved - true)[both], true[both]
        best = max(best, 10 * np.log10(wanted.var() / error.var()))
    return float(best)


def test_a_print_gives_back_the_leads_it_shows(printed: Digitised, truth: NDArray[np.float64]) -> None:
    assert printed.leads == LEADS and not printed.scale_assumed
    ratios = []
    for column, leads in enumerate(COLUMNS):
        part = slice(column * 1250 + 30, (column + 1) * 1250 - 60)
        ratios += [
            signal_to_noise(printed.signal[LEADS.index(lead)][part], truth[LEADS.index(lead)][part]) for lead in leads
        ]
    assert np.median(ratios) > 18 and min(ratios) > 12


def test_a_lead_is_known_where_it_is_printed_and_nowhere_else(printed: Digitised) -> None:
    known = np.isfinite(printed.signal)
    assert known[LEADS.index("II")].mean() > 0.95  # the rhythm strip
    assert known[LEADS.index("V1"), 2550:3700].mean() > 0.95 and not known[LEADS.index("V1"), :2400].any()


def test_the_evidence_says_how_it_was_read(printed: Digitised) -> None:
    page = printed.evidence
    assert page.layout == "3x4+1" and page.scale.startswith("25 mm/s") and "10 mm/mV" in page.scale
    assert page.einthoven is not None and page.einthoven < 0.15
    assert page.on_ink > 0.95 and page.explained > 0.8
    assert [lead for lead, _ in page.confidence] == list(LEADS) and min(sure for _, sure in page.confidence) > 0.5
    assert page.overlay.startswith(b"\x89PNG") and len(page.overlay) <= MOST_BYTES


def test_blank_paper_is_refused() -> None:
    with pytest.raises(UnreadablePage):
        digitise(Picture(np.full((800, 1200, 3), 250, np.uint8), dpi=150))
