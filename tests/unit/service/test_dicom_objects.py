"""DICOM objects that are no recording are acknowledged, and what is none of the twelve leads still gets a report."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pypdfium2
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE

from adapters.dicom.listener import Listener, ListenerSettings
from adapters.dicom.results import encapsulated_pdf, part10, secondary_capture
from adapters.readers import read
from ecg.leads import LEADS
from ecg.payload import Payload
from ecg.reading import Choice
from ecg.recording import Recording
from models.card import Limits
from models.limits import first_broken_limit
from models.router import Abstaining
from service.audit import Audit
from service.dicom_door import DicomDoor
from service.intake import Intake
from service.pipeline import interpret
from service.settings import Settings
from service.store import Store
from tests.golden import reports
from tests.golden.dicom_files import multiplex_group, square_wave, to_bytes, twelve_lead_dataset, waveform_dataset

ISSUED = datetime(2026, 1, 1, tzinfo=UTC)
PDF, CAPTURE = "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.7"


class AbstainingRouter:
    """Lets no model read, for the first limit that a card of twelve leads has."""

    digest = "0" * 64

    def route(self, windows: Any, recording: Recording, quality: Any) -> Any:
        abstention = first_broken_limit(Limits(), recording, quality)
        assert abstention is not None
        return Abstaining(abstention, Choice(abstention.reason, self.digest))


@contextmanager
def door(directory: Path, audited: list[tuple[str, ...]], queued: list[Any] | None = None) -> Iterator[Listener]:
    """Listen with an intake whose trail is a list; without a list of what is `queued`, that there is any fails."""

    def accept(wanted: list[Any], keep: Any, *_: object) -> list[Any]:
        assert queued is not None or not wanted
        if queued is not None:
            queued.extend(wanted)
            keep(wanted)
        return wanted

    row = SimpleNamespace(execute=lambda statement, values: audited.append(values))
    database = cast(Any, SimpleNamespace(transaction=lambda: nullcontext(row)))
    ledger = cast(Any, SimpleNamespace(check=None, database=database, accept=accept))
    intake = Intake(Store(directory), ledger, Settings(data=directory))
    with Listener(ListenerSettings(port=0), DicomDoor(intake, Audit(database)).accept) as listener:
        yield listener


def stored(listener: Listener, data: bytes) -> int:
    dataset = dcmread(BytesIO(data))
    caller = AE("PACS")
    caller.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = caller.associate("127.0.0.1", listener.port, ae_title="TWELVELEAD")
    try:
        return int(association.send_c_store(dataset).Status)
    finally:
        association.release()


def page(sop_class: str) -> Dataset:
    ds = twelve_lead_dataset(square_wave(2.5))
    del ds.WaveformSequence
    ds.SOPClassUID = sop_class
    if sop_class == PDF:
        ds.EncapsulatedDocument = b"%PDF-1.7 "[:8]
    else:
        ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.BitsAllocated, ds.BitsStored, ds.HighBit = 4, 4, 1, 8, 8, 7
        ds.PhotometricInterpretation, ds.PixelRepresentation = "MONOCHROME2", 0
        ds.add_new("PixelData", "OB", bytes(16))
    return ds


@pytest.mark.parametrize("sop_class", [PDF, CAPTURE])
def test_a_page_is_acknowledged_kept_and_queued_unread(sop_class: str, tmp_path: Path) -> None:
    queued: list[Any] = []
    with door(tmp_path, [], queued) as listener:
        assert stored(listener, to_bytes(page(sop_class))) == 0x0000
    (job,) = queued
    assert job.state == "waiting" and list((tmp_path / "payloads").rglob(job.payload_sha256))


def test_a_broken_page_is_refused(tmp_path: Path) -> None:
    ds = page(PDF)
    ds.EncapsulatedDocument = b"no page!"
    with door(tmp_path, []) as listener:
        assert stored(listener, to_bytes(ds)) == 0xA900


@pytest.mark.parametrize("make", [encapsulated_pdf, secondary_capture])
def test_a_page_of_ours_is_acknowledged_and_dropped(make: Any, tmp_path: Path) -> None:
    audited: list[tuple[str, ...]] = []
    with door(tmp_path, audited) as listener:
        assert stored(listener, part10(make(reports.report(asserted=("MI",))))) == 0x0000
    assert "drop own output" in str(audited)


@pytest.mark.parametrize(
    ("leads", "seconds"),
    [(("II",), 2.5), (("I", "II", "V5"), 10), (("V1",), 10), ((*LEADS[:11], "V3R", "V4R", "V7", "V9"), 60)],
)
def test_any_number_of_leads_and_seconds_gets_a_report_that_abstains(leads: tuple[str, ...], seconds: float) -> None:
    raw = np.random.default_rng(1).integers(-500, 500, (int(seconds * 500), len(leads))).astype(np.int16)
    (recording,) = read(Payload(to_bytes(waveform_dataset([multiplex_group(raw, leads=leads)]))))
    report = interpret(recording, router=cast(Any, AbstainingRouter()), issued=ISSUED)
    assert report.reading.prediction.abstention is not None
    assert report.reading.prediction.abstention.code == ("placement-right" if "V3R" in leads else "leads-missing")
    assert report.pdf.startswith(b"%PDF-") and report.pictures


def test_the_recorders_words_are_shown_as_its_own_and_many_do_not_break_the_page() -> None:
    raw = np.random.default_rng(1).integers(-500, 500, (5000, 3)).astype(np.int16)
    (recording,) = read(Payload(to_bytes(waveform_dataset([multiplex_group(raw, leads=("I", "II", "V5"))]))))
    said = ("Sinus rhythm", "QRS Duration 92 ms", "word " * 200, *(f"statement {each}" for each in range(40)))
    report = interpret(replace(recording, statements=said), router=cast(Any, AbstainingRouter()), issued=ISSUED)
    document = pypdfium2.PdfDocument(report.pdf)
    text = " ".join(document[1].get_textpage().get_text_bounded().split())
    assert "Statements of the recorder: not checked, not used by any model" in text
    assert "\u201cQRS Duration 92 ms\u201d" in text and "and 23 more" in text and "statement 16" in text
