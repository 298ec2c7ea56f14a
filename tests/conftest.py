"""What tests of several packages share: shipped models, an ECG as a file, a service in parts, and their scheduler."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file

from adapters.fhir.frame import FhirSettings
from ecg.payload import Payload
from ecg.report import Report
from models.router import CardRouter
from service.database import Database
from service.intake import Intake, recordings
from service.jobs import Jobs
from service.pipeline import interpret
from service.renderings import renderings
from service.settings import Settings, load_settings
from service.store import Store
from service.wiring import build_router
from service.worker import Workshop
from tests.scheduling import scheduler

ISSUED = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Say how tests are shared out; asked where there is more than one process (`pytest -n 2`)."""
    return scheduler(config, log)


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings()


@pytest.fixture(scope="session")
def router(settings: Settings) -> CardRouter:
    return build_router(settings)


@pytest.fixture(scope="session")
def sample() -> Path:
    """Return pydicom's 12-lead ECG."""
    return Path(str(get_testdata_file("waveform_ecg.dcm", download=False)))


@pytest.fixture(scope="session")
def report_on(router: CardRouter, settings: Settings) -> Callable[..., Report]:
    """Return a function: the bytes of one ECG, and perhaps another time of issue, to its report."""

    def report(data: bytes, issued: datetime = ISSUED) -> Report:
        (recording,) = recordings(Payload(data), settings)
        return interpret(recording, router=router, issued=issued)

    return report


@pytest.fixture(scope="session")
def files_of() -> Callable[[Report], dict[str, bytes]]:
    """Return a function: a report to name and bytes of its renderings."""
    return lambda report: renderings(report, FhirSettings(), r5=True)


@pytest.fixture(scope="session")
def read_sample(sample: Path, report_on: Callable[..., Report]) -> Report:
    """Return the report on pydicom's ECG."""
    return report_on(sample.read_bytes())


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Give an embedded database, new for each module."""
    made = Database("", tmp_path_factory.mktemp("db") / "postgres")
    yield made
    made.close()


@pytest.fixture(scope="module")
def jobs(database: Database) -> Jobs:
    """Give a ledger with one destination, `ward`, that is live."""
    made = Jobs(database)
    made.set_live("ward", True)
    return made


@pytest.fixture
def intake(jobs: Jobs, tmp_path: Path) -> Intake:
    """Give an intake with a store of its own."""
    return Intake(Store(tmp_path / "data"), jobs, Settings(data=tmp_path / "data"))


@pytest.fixture
def workshop(intake: Intake, router: CardRouter) -> Workshop:
    """Give a worker of that intake's jobs, with the shipped models."""
    return Workshop(router, intake.store, intake.jobs, intake.settings)
