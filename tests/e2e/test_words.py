"""What no rendering may conclude, and that an ECG no model covers still gets its report."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pdfplumber
import pytest

from adapters.dicom.results import encoded
from adapters.fhir.check import problems
from ecg.findings import FINDINGS
from ecg.leads import LEADS
from ecg.payload import Payload
from ecg.report import Amendment, Report
from models.router import CardRouter
from service.archive import archived, told
from service.compose import compose, withdraw
from service.intake import recordings
from service.pipeline import interpret
from service.plain_words import for_patient
from service.sentences import SAID, written
from service.settings import Settings
from tests.conftest import ISSUED
from tests.golden import reports as golden
from tests.golden.conclusions import concluded
from tests.golden.dicom_files import Who, square_wave, to_bytes, twelve_lead_dataset

ReportOn = Callable[..., Report]
FilesOf = Callable[[Report], dict[str, bytes]]


def strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and text of each string in JSON, without what is encoded."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from strings(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each, path)
    elif isinstance(value, str) and not path.endswith(".data"):
        yield path, value


def pdf_text(report: Report) -> str:
    with pdfplumber.open(io.BytesIO(report.pdf)) as pdf:
        return "\n".join(page.extract_text() for page in pdf.pages)


def composed(**made: Any) -> Report:
    """Return a report with all that it can say of what was made: words, pages, measurements."""
    plain = golden.measured(golden.report(**made), absent=("pr", "st-j"))
    return compose(plain.recording, plain.reading, plain.issued)


EVERY_FINDING = tuple(code for code, finding in FINDINGS.items() if finding.asserted)
REPORTS: dict[str, Callable[[], Report]] = {
    "every finding": lambda: composed(asserted=EVERY_FINDING),
    "normality alone": lambda: composed(asserted=("NORM",)),
    "nothing": composed,
    "abstained": lambda: composed(abstained=True),
    "of a picture": lambda: composed(
        asserted=("MI",), provenance=replace(golden.recording().provenance, digitised=True)
    ),
    "withdrawn": lambda: golden.withdrawn(composed(asserted=("MI",))),
}


@pytest.fixture(scope="module", params=REPORTS.values(), ids=list(REPORTS))
def any_report(request: pytest.FixtureRequest) -> Report:
    report: Report = request.param()
    return report


def named(text: str) -> str:
    """Return a text without the name of the score of normality, as scores are named."""
    return re.sub(r"(?i)(probability|ECG pattern) of (an )?(ECG pattern of )?a normal ECG", "", text)


def test_no_rendering_of_any_report_concludes(any_report: Report, files_of: FilesOf) -> None:
    files = files_of(any_report)
    assert concluded(pdf_text(any_report)) == []
    for name in ("bundle.json", "report.json"):
        for path, text in strings(json.loads(files[name])):
            assert path == "prediction.scores.name" or concluded(named(text)) == [], f"{name}: {path}"
    for each in any_report.pictures:
        assert concluded(each.title) == []


def test_no_dicom_object_of_any_report_concludes(any_report: Report) -> None:
    seen = 0
    for dataset in encoded(any_report):
        for element in dataset.iterall():
            if element.VR in {"LO", "SH", "ST", "LT", "UT", "UC", "PN"}:
                seen += 1
                assert concluded(named(str(element.value))) == [], element.tag
    assert seen > 10 or any_report.withdrawn


def test_no_word_to_a_patient_concludes(any_report: Report) -> None:
    said = for_patient(told(archived(any_report)))
    assert len(said) >= 4 and concluded(" ".join(each.text for each in said)) == []


def test_the_pdf_says_what_the_sentences_say(any_report: Report) -> None:
    with pdfplumber.open(io.BytesIO(any_report.pdf)) as pdf:  # letter by letter, as they were written
        text = re.sub(r"\s", "", "".join(each["text"] for page in pdf.pages for each in page.chars))
    shown = {f"measurement:{code}" for code in SAID}  # in the table beside the impression, in other words
    for each in any_report.sentences:
        if not each.about or not shown.issuperset(each.about):
            assert re.sub(r"\s", "", each.text) in text, each.text
    for each in any_report.reading.measurements.measured if not any_report.withdrawn else ():
        assert str(written(each)) in text, each.id


@pytest.mark.parametrize("text", ["Normal ECG.", "No infarction.", "Low risk", "no acute infarction was seen"])
def test_the_search_finds_a_conclusion(text: str) -> None:
    assert concluded(text)


def test_the_bundle_of_an_ecg_without_findings_holds_no_code_of_one(read_sample: Report, files_of: FilesOf) -> None:
    assert not read_sample.reading.prediction.asserted, "this ECG was taken because the model finds nothing in it"
    bundle = files_of(read_sample)["bundle.json"]
    assert b"164865005" not in bundle and b"164861001" not in bundle and b"22298006" not in bundle


def test_the_document_concludes_nothing(read_sample: Report) -> None:
    assert concluded(pdf_text(read_sample)) == []


def test_the_bundle_concludes_nothing(read_sample: Report, files_of: FilesOf) -> None:
    for path, text in strings(json.loads(files_of(read_sample)["bundle.json"])):
        naming = re.sub(r"(?i)probability of (an )?(ECG pattern of )?a normal ECG", "", text)
        assert concluded(naming) == [], path


def test_the_summary_concludes_nothing(read_sample: Report, files_of: FilesOf) -> None:
    for path, text in strings(json.loads(files_of(read_sample)["report.json"])):
        assert path == "prediction.scores.name" or concluded(text) == [], path


def test_the_terminal_concludes_nothing(sample: Path, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("twelvelead")), "read", str(sample), "--out", str(tmp_path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "NORM" in printed and concluded(printed) == []


def six_leads() -> bytes:
    leads = ("I", "II", "V1", "V2", "V3", "V4")
    return to_bytes(twelve_lead_dataset(square_wave(leads=6), leads=leads))


def of_a_child() -> bytes:
    return to_bytes(twelve_lead_dataset(square_wave(), who=Who(birth_date=date(2014, 6, 1))))


def of_five_minutes() -> bytes:
    return to_bytes(twelve_lead_dataset(square_wave(seconds=300)))


def flat() -> bytes:
    raw = square_wave()
    raw[:, LEADS.index("V3")] = 0
    return to_bytes(twelve_lead_dataset(raw))


@pytest.mark.parametrize(
    "ecg, code",
    [
        (six_leads, "leads-missing"),
        (of_a_child, "age-below-limit"),
        (of_five_minutes, "too-long"),
        (flat, "lead-flat"),
    ],
)
def test_an_ecg_that_no_model_covers_gets_a_report_without_a_score(
    ecg: Callable[[], bytes], code: str, report_on: ReportOn, files_of: FilesOf
) -> None:
    report = report_on(ecg())
    files = files_of(report)
    summary, bundle = json.loads(files["report.json"]), files["bundle.json"]
    assert summary["prediction"]["abstention"]["code"] == code
    assert summary["prediction"]["scores"] == [] and [each["file"] for each in summary["pictures"]] == ["ecg.png"]
    assert f"[{code}]" in report.sentences[0].text and f"abstention:{code}" in report.sentences[0].about
    text = " ".join(pdf_text(report).split())
    assert code in text and "threshold reached" not in text and "Probability" not in text
    assert problems(bundle) == () and code.encode() in bundle
    scored = [each for each in json.loads(bundle)["entry"] if "robability" in str(each["resource"].get("code"))]
    assert not [each for each in scored if "valueQuantity" in each["resource"]]
    assert np.isfinite(report.reading.shown.signal).all() and concluded(text) == []


def test_a_withdrawn_report_is_a_notice_and_nothing_else(read_sample: Report, files_of: FilesOf) -> None:
    last = withdraw(read_sample, 2, read_sample.issued, "wrong-patient")
    files, text = files_of(last), " ".join(pdf_text(last).split())
    assert text.count("WITHDRAWN") >= 3 and "NOT TO BE USED" in text and "[wrong-patient]" in text
    assert "threshold" not in text and "mm/mV" not in text and "probability" not in text.lower()
    assert not [name for name in files if name.endswith(".png")] and problems(files["bundle.json"]) == ()
    assert read_sample.reading.measurements.measured
    assert not last.reading.measurements.values and b"measurement:" not in files["report.json"]
    with pdfplumber.open(io.BytesIO(last.pdf)) as pdf:
        (page,) = pdf.pages
        assert len(page.curves) == 1 and not page.images, "the badge: no trace, no picture"
    assert withdraw(read_sample, 2, read_sample.issued, "wrong-patient").pdf == last.pdf


def test_an_amended_report_says_on_each_page_which_version_it_is(
    sample: Path, router: CardRouter, settings: Settings, files_of: FilesOf
) -> None:
    (recording,) = recordings(Payload(sample.read_bytes()), settings)
    amendment = Amendment(UUID(int=7), 3)
    report = interpret(recording, router=router, issued=ISSUED, amendment=amendment)
    assert (report.id, report.version, report.status) == (UUID(int=7), 3, "amended")
    with pdfplumber.open(io.BytesIO(report.pdf)) as pdf:
        assert all(f"{UUID(int=7)}, version 3" in page.extract_text() for page in pdf.pages)
        assert "version 3: it replaces every earlier one" in pdf.pages[0].extract_text()
    assert "PRELIMINARY" in pdf_text(report) and concluded(pdf_text(report)) == []
    assert problems(files_of(report)["bundle.json"]) == ()
