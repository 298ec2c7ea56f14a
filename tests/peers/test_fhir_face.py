"""Independent FHIR programs find no fault in what the FHIR face answers: google-fhir, and Medplum's validator."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from adapters.fhir.bundle import encode
from ecg.report import identity
from service.api.app import build_app
from service.archive import PDF
from service.database import Database
from service.intake import Intake
from service.jobs import Job, Jobs
from service.renderings import BUNDLE
from service.search import Index
from service.settings import Settings
from service.store import Store
from service.worker import resources
from tests.golden.fhir_files import bundle
from tests.golden.reports import ISSUED, pdf, report
from tests.peers.fhir_judges import google, medplum, needs_google, needs_medplum

MADE = (report(asserted=("MI", "STTC")), report(abstained=True))
ASKED = {
    "capability": "/fhir/metadata",
    "reports": "/fhir/DiagnosticReport?patient:identifier=4711&_count=1",
    "observations": "/fhir/Observation?date=ge2000",
    "nothing": "/fhir/Observation?identifier=none",
    "report": f"/fhir/DiagnosticReport/{MADE[0].id}",
    "document": f"/fhir/Binary/{MADE[0].id}?_format=json",
    "refusal": "/fhir/Observation?color=red",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Return what is answered to each question, in files."""
    at = tmp_path_factory.mktemp("face")
    database = Database("", at / "postgres")
    intake = Intake(Store(at / "data"), Jobs(database), Settings(data=at / "data"))
    for made in MADE:
        (job,) = intake.jobs.accept(
            [Job(uuid4(), identity(made.recording), "ab" * 32, 0, ISSUED, "waiting", None, None)]
        )
        held = intake.store.put_report(made.id, 1, {BUNDLE: encode(made), PDF: pdf()}, resources)
        intake.jobs.interpreted(job.id, made.id, Index(database, UTC).rows(made.id, 1, held))
    app = build_app(intake)

    async def ask() -> dict[str, bytes]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return {name: (await client.get(path)).content for name, path in ASKED.items()}

    files = {}
    for name, content in asyncio.run(ask()).items():
        files[name] = at / f"{name}.json"
        files[name].write_bytes(content)
    yield files
    database.close()


@needs_medplum
def test_medplum_finds_no_fault_in_any_answer(answers: dict[str, Path]) -> None:
    found = medplum("validate", *answers.values())
    assert len(found) == len(ASKED) and {file: said for file, said in found.items() if said} == {}


@needs_google
def test_google_fhir_finds_no_fault_in_any_answer(answers: dict[str, Path], tmp_path: Path) -> None:
    files = []
    for name, file in answers.items():
        told = json.loads(file.read_bytes())  # google-fhir is asked of Bundles, so that all else goes in one
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(told if told["resourceType"] == "Bundle" else bundle(told)))
    assert {fault for fault in google(*files).values() if fault} == set()
