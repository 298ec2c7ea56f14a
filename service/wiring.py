"""Puts the parts together by the settings: models, store, database, ledger, destinations, queue."""

from dataclasses import dataclass
from functools import cached_property

from procrastinate import App

from adapters.dicom.commitment import MemoryInbox
from adapters.dicom.listener import Listener
from adapters.fhir.frame import FhirSettings
from ecg.errors import ModelRefused
from models.network import WEIGHTS, load, use_threads
from models.router import CardRouter
from service.audit import Audit
from service.database import Database
from service.destinations import Named, Site, read_destinations
from service.dicom_door import build_listener
from service.intake import Intake
from service.jobs import Jobs
from service.keys import Keys
from service.settings import Settings
from service.store import Store
from service.worker import Workshop, build_queue


def build_router(settings: Settings) -> CardRouter:
    """Load every model whose card lies in the weights directory.

    Raises:
        ModelRefused: there is none, or one is not what its card says.
    """
    directory = settings.weights or WEIGHTS
    use_threads(settings.threads)
    models = [load(path) for path in sorted(directory.glob("*.json"))]
    if not models:
        raise ModelRefused("The weights directory holds no model card.")
    return CardRouter([(model.card.arm, model) for model in models])


@dataclass(frozen=True)
class Service:
    """All parts of a running service, each made when it is first asked for.

    Raises, on asking:
        SetupError: the part's settings are wrong, or what it needs is not there.
    """

    settings: Settings

    @cached_property
    def store(self) -> Store:
        """Where payloads and reports are kept."""
        return Store(self.settings.data)

    @cached_property
    def database(self) -> Database:
        """The database, migrated."""
        self.settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Database(self.settings.database, self.settings.data / "postgres")

    @cached_property
    def jobs(self) -> Jobs:
        """The ledger."""
        return Jobs(self.database)

    @cached_property
    def intake(self) -> Intake:
        """What every listener hands its payloads to."""
        return Intake(self.store, self.jobs, self.settings)

    @cached_property
    def commitments(self) -> MemoryInbox:
        """Where a PACS's word on storage commitment arrives, by whichever association."""
        return MemoryInbox()

    @cached_property
    def destinations(self) -> tuple[Named, ...]:
        """The site's destinations, on or off."""
        site = Site(self.settings.ae_title, FhirSettings(self.settings.patient_systems), self.commitments)
        return read_destinations(self.settings.destination, site)

    @cached_property
    def keys(self) -> Keys:
        """The API keys of devices."""
        return Keys(self.database)

    @cached_property
    def audit(self) -> Audit:
        """The audit trail."""
        return Audit(self.database)

    @cached_property
    def listener(self) -> Listener:
        """The DICOM listener, not started."""
        return build_listener(self.intake, self.commitments)

    @cached_property
    def queue(self) -> App:
        """The queue with its tasks, models warm."""
        workshop = Workshop(build_router(self.settings), self.store, self.jobs, self.settings)
        return build_queue(workshop, {each.name: each.destination for each in self.destinations}, self.database.url)
