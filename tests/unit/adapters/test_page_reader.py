"""Pages become recordings with their proof, or are refused by a code; whose they are is what the sender says."""

import importlib.util
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw
from pydicom.data import get_testdata_file

from adapters.readers import PAGES, read, unwrapped
from adapters.scan.nouns import Word
from adapters.scan.printed import patient_ids
from adapters.scan.reader import PageReader, page_digest
from adapters.scan.sandbox import Sandbox
from adapters.scan.wire import TOO_HARD, gathered, packed, parted, unpacked
from benchmarks.pages.cost import MEASURED, cost
from ecg.canonical import canonicalise
from ecg.errors import PayloadError, TooLarge, UnreadablePage
from ecg.leads import LEADS
from ecg.payload import Declared, Payload
from ecg.reading import Abstention, Choice
from ecg.reasons import PAGES as REASONS
from ecg.recording import Order, Patient, Recording
from ecg.report import identity
from models.card import Limits
from models.limits import first_broken_limit
from models.router import Abstaining
from service.pages import known_by
from service.pipeline import interpret
from service.settings import Settings
from tests.golden.page_files import beats, encoded, pdf, picture, png_of, twelve_lead_pdf

PRINTS = Path(__file__).parents[4] / "shared" / "samples" / "prints"
WHO = Declared(patient=Patient(id="4711", name="Example^Eve"), order=Order(accession_number="A1"))


def one(data: bytes, declared: Declared = WHO) -> Recording:
    (recording,) = read(Payload(data, declared=declared))
    return recording


@pytest.fixture(scope="module")
def recording() -> Recording:
    return one(twelve_lead_pdf(patient_id="0004711"))


def noise_ratio(truth: np.ndarray, found: np.ndarray) -> float:
    seen = np.isfinite(found[: len(truth)])
    off = (found[: len(truth)] - truth[: len(found)])[seen]  # each is about a zero of its own
    return float(10 * np.log10(truth[: len(found)][seen].var() / off.var()))


def test_a_vector_page_gives_its_leads_exactly(recording: Recording) -> None:
    waveform = recording.waveform
    assert len(waveform.leads) == 12 and waveform.fs == 500 and waveform.seconds == pytest.approx(10, abs=0.1)
    found = waveform.signal[waveform.leads.index("II")].astype(float)
    assert noise_ratio(beats(60), found) > 30
    chest = waveform.signal[waveform.leads.index("V2")]
    assert np.isnan(chest[:2400]).all() and np.isfinite(chest[2520:3700]).all()  # the third column of four


def test_it_says_how_it_came_and_how_well(recording: Recording) -> None:
    provenance = recording.provenance
    assert provenance.digitised and not provenance.scale_assumed and provenance.reader == "Page"
    assert provenance.page is not None
    assert provenance.page.overlay.startswith(b"\x89PNG") and provenance.page.layout == "3x4+1"
    assert "25 mm/s" in provenance.page.scale and "10 mm/mV" in provenance.page.scale


def test_whose_it_is_the_sender_says(recording: Recording) -> None:
    assert (recording.patient, recording.order) == (WHO.patient, WHO.order)
    assert not recording.provenance.contradicted  # leading zeros make no other patient
    assert one(twelve_lead_pdf(patient_id="4712")).provenance.contradicted
    assert one(twelve_lead_pdf(patient_id="4712"), Declared()).patient == Patient()


def test_it_is_known_by_its_bytes_before_it_is_read(recording: Recording) -> None:
    payload = Payload(twelve_lead_pdf(patient_id="0004711"), declared=WHO)
    assert recording.provenance.content == page_digest(payload, 0)
    assert known_by(payload, Settings())[0] == identity(recording)


def test_every_page_of_a_document_is_read_and_its_letters_are_not() -> None:
    found = read(Payload(twelve_lead_pdf(pages=2)))
    assert len(found) == 2 and len({identity(each) for each in found}) == 2


def test_our_own_report_is_read_by_a_test_alone(one_report: bytes) -> None:
    with pytest.raises(UnreadablePage) as caught:
        read(Payload(one_report))
    assert caught.value.reason == "own-report"
    own = PageReader(own=True)
    (found,) = own.read(Payload(one_report))
    own.sandbox.close()
    path = get_testdata_file("waveform_ecg.dcm", download=False)
    (digital,) = read(Payload(Path(str(path)).read_bytes()))
    truth = canonicalise(digital.waveform)[0].signal
    levels = [
        noise_ratio(truth[LEADS.index(lead)].astype(float), signal.astype(float))
        for lead, signal in zip(found.waveform.leads, found.waveform.signal, strict=True)
    ]
    assert len(levels) == 12 and min(levels) > 30  # dB


@pytest.fixture(scope="module")
def one_report() -> bytes:
    path = get_testdata_file("waveform_ecg.dcm", download=False)
    (digital,) = read(Payload(Path(str(path)).read_bytes()))
    return interpret(digital, router=AbstainingRouter(), issued=datetime(2026, 1, 1, tzinfo=UTC)).pdf


class AbstainingRouter:
    """Lets no model read."""

    def route(self, windows: Any, recording: Recording, quality: Any) -> Any:
        abstention = first_broken_limit(Limits(), recording, quality) or Abstention("too-long", "It is.")
        return Abstaining(abstention, Choice(abstention.reason, "0" * 64))


def cat() -> Image.Image:
    image = Image.new("RGB", (900, 700), (120, 150, 90))
    pen = ImageDraw.Draw(image)
    pen.ellipse((250, 250, 650, 600), fill=(90, 70, 60))
    pen.polygon([(280, 330), (300, 170), (400, 280)], fill=(90, 70, 60))
    pen.polygon([(500, 280), (600, 170), (620, 330)], fill=(90, 70, 60))
    for eye in (370, 530):
        pen.ellipse((eye - 30, 370, eye + 30, 430), fill=(230, 220, 60))
    for y in (480, 500, 520):
        pen.line((100, y - 20, 400, y), fill="white", width=3)
        pen.line((500, y, 800, y - 20), fill="white", width=3)
    return image


def captured(name: str) -> bytes:
    (page,) = unwrapped(Payload(Path(str(get_testdata_file(name, download=False))).read_bytes()))
    return page.data


def slices(name: str) -> bytes:
    """Return a picture of pydicom's samples as it would be shown on a screen."""
    values = pydicom.dcmread(str(get_testdata_file(name, download=False))).pixel_array.astype(float)
    grey = Image.fromarray(np.uint8(255 * (values - values.min()) / np.ptp(values)))
    return encoded(grey.resize((6 * grey.width, 6 * grey.height)), "PNG")


def portrait() -> bytes:
    """Return matplotlib's sample of a photograph."""
    (home,) = importlib.util.find_spec("matplotlib").submodule_search_locations  # type: ignore[union-attr, misc]
    return Path(home, "mpl-data", "sample_data", "grace_hopper.jpg").read_bytes()


def noise() -> bytes:
    return encoded(Image.fromarray(np.random.default_rng(0).integers(0, 255, (3000, 4000, 3), np.uint8)), "JPEG")


def squared_paper() -> bytes:
    lines = np.arange(2400) % 40 < 3
    return encoded(Image.fromarray(np.where(lines[:, None] | lines, 90, 240).astype(np.uint8)), "PNG")


def shadow() -> bytes:
    across, down = np.meshgrid(np.linspace(-1, 1, 900), np.linspace(-1, 1, 1100))
    bones = 90 + 60 * np.exp(-(across**2) / 0.02) + 50 * np.sin(12 * down) ** 2 * (np.abs(across) > 0.2)
    return encoded(Image.fromarray(np.clip(bones, 0, 255).astype(np.uint8)), "PNG")


HOSTILE = {
    "bomb": png_of(20_000, 20_000),
    "wide": png_of(20_000, 200),
    "one pixel": png_of(1, 1),
    "cut short": encoded(picture(), "JPEG")[:900],
    "malformed": b"%PDF-1.7\nnot much of a page\n%%EOF",
    "encrypted": pdf(password="secret"),
    "huge page": pdf(size=(14_400, 14_400)),
    "many pages": pdf(500),
    "blank": encoded(Image.new("RGB", (1600, 1200), "white"), "PNG"),
    "text": pdf(text="Dear colleague, there is no ECG here."),
    "cat": encoded(cat(), "JPEG"),
    "X-ray": shadow(),
    "small capture": captured("SC_rgb_small_odd.dcm"),
    "CT": slices("CT_small.dcm"),
    "MR": slices("MR_small.dcm"),
    "portrait": portrait(),
    "noise": noise(),
    "squared paper": squared_paper(),
}


@pytest.fixture(scope="module")
def measured() -> Iterator[Sandbox]:
    made = Sandbox(MEASURED)
    yield made
    made.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_by_a_code_within_10_s_and_1_gb(name: str, measured: Sandbox) -> None:
    taken = cost(measured, HOSTILE[name])
    assert taken is not None and taken.reason in REASONS
    assert taken.seconds < 10 and taken.beyond < 1000
    with pytest.raises(UnreadablePage) as caught:
        read(Payload(HOSTILE[name]))
    assert caught.value.reason == taken.reason


def test_what_is_larger_than_any_page_is_refused_at_the_door() -> None:
    with pytest.raises(TooLarge):
        known_by(Payload(b"%PDF-" + bytes(65_000_000)), Settings())


def test_what_comes_out_of_the_sandbox_is_not_trusted() -> None:
    (found,) = PAGES.digitised(Payload(twelve_lead_pdf()))
    whole = gathered((found, found))
    assert [each.leads for each in parted(whole)] == [found.leads] * 2
    assert parted(whole[:-9]) == ()
    for broken in (b"", b"\xff" * 40, packed(TOO_HARD)[:-3], (5).to_bytes(8, "big") + b"[[[[["):
        assert unpacked(broken) == TOO_HARD


def word(text: str, left: float = 0, top: float = 0, surety: float = 1.0) -> Word:
    return Word(text, (left, top, left + 2.0 * len(text), top + 3), surety)


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ([word("Patient ID: 004711")], {"4711"}),
        ([word("ID: 47-11")], {"4711"}),
        ([word("MRN"), word("4711", 20)], {"4711"}),
        ([word("MRN"), word("4711", 20, 30)], set()),
        ([word("Patient ID"), word("not stated", 40)], set()),
        ([word("ID: 4711", surety=0.6)], set()),
        ([word("Ident-No 4711")], set()),
        ([word("25 mm/s"), word("aVR")], set()),
    ],
)
def test_an_id_counts_where_it_clearly_stands(words: list[Word], ids: set[str]) -> None:
    assert patient_ids(words) == ids


@pytest.mark.skipif(not PRINTS.is_dir(), reason="no ../shared/samples/prints")
def test_a_page_of_another_program() -> None:
    waveform = one((PRINTS / "anonymous_ecg_3x4_1.pdf").read_bytes()).waveform
    assert len(waveform.leads) == 12 and waveform.seconds == pytest.approx(10, abs=0.1)


def test_every_refusal_is_one_of_the_senders() -> None:
    assert issubclass(UnreadablePage, PayloadError)
