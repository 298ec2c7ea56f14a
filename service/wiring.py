"""Puts the parts together by the settings: models, store, database, ledger, destinations, queue.

Each part's libraries are loaded when it is first asked for: a listener's process needs no models, a worker's no routes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecg.errors import ModelRefused, SetupError
from service.audit import Audit
from service.blobs import Blobs
from service.certificates import expiries
from service.commitments import DatabaseInbox
from service.database import Database
from service.destinations import Named, Site, read_destinations
from service.gauges import Gauges
from service.intake import Intake
from service.jobs import Jobs
from service.keys import Keys
from service.metrics import Metrics
from service.readiness import Readiness, check_workers
from service.schema import check_schema, migrate
from service.settings import Settings
from service.store import Store
from service.tracing import Tracing, tracing_to

if TYPE_CHECKING:
    from procrastinate import App

    from adapters.dicom.listener import Listener
    from models.router import CardRouter
    from service.retention import Retention


def digests(settings: Settings) -> list[tuple[str, str]]:
    """Return arm and digest of each model card, then kind and digest of each guard's, without what the cards name.

    Raises:
        ModelRefused: a card is not in order.
    """
    from models.card import read_card
    from models.guards import read_guard_cards
    from models.router import preference

    cards = sorted(map(read_card, _cards(settings)), key=lambda each: preference(each.card))
    guards = [(card.kind, digest) for card, digest in read_guard_cards()]
    return [*((each.card.arm, each.digest) for each in cards), *guards]


def check_models(settings: Settings) -> None:
    """Look whether the models are those that the settings name, in a process of any role.

    Raises:
        ModelRefused: they are others.
    """
    if not settings.models_digest:
        return
    from models.router import combined

    found = combined(digest for _, digest in digests(settings))
    if found != settings.models_digest:
        raise ModelRefused(f"TWELVELEAD_MODELS_DIGEST names other models than those that are here: {found}.")


def _cards(settings: Settings) -> list[Path]:
    """Return the cards of the arms that may read."""
    from models.card import WEIGHTS, read_card

    arm_of = {path: read_card(path).card.arm for path in sorted((settings.weights or WEIGHTS).glob("*.json"))}
    if missing := set(settings.arms) - set(arm_of.values()):
        raise ModelRefused(
            f"TWELVELEAD_ARMS names {', '.join(sorted(missing))}; there is {', '.join(arm_of.values())}. "
            "Name some of these, or nothing for all."
        )
    return [path for path, arm in arm_of.items() if not settings.arms or arm in settings.arms]


def build_router(settings: Settings) -> "CardRouter":
    """Load every model whose card lies in the weights directory, and the guards that stand before all of them.

    Raises:
        ModelRefused: there is none, or one is not what its card says.
    """
    from models.guards import load_guards
    from models.network import load, use_threads
    from models.router import CardRouter, preference

    use_threads(settings.threads)
    models = sorted((load(path) for path in _cards(settings)), key=lambda each: preference(each.card))
    if not models:
        raise ModelRefused("The weights directory holds no model card.")
    return CardRouter([(model.card.arm, model) for model in models], load_guards())


def place_of(settings: Settings) -> Path | Blobs:
    """Return where the store is: the data directory, or a bucket.

    Raises:
        SetupError: the bucket's settings are wrong.
    """
    if not settings.store:
        return settings.data
    from service.bucket import BucketSettings, S3Blobs

    if bool(settings.s3_access_key) != bool(settings.s3_secret_key_file):
        raise SetupError("TWELVELEAD_S3_ACCESS_KEY and TWELVELEAD_S3_SECRET_KEY_FILE go together.")
    try:
        secret = settings.s3_secret_key_file.read_text(encoding="utf-8").strip() if settings.s3_secret_key_file else ""
    except (OSError, ValueError) as error:
        raise SetupError("TWELVELEAD_S3_SECRET_KEY_FILE cannot be read.") from error
    chosen = (settings.store, settings.s3_endpoint, settings.s3_region, settings.s3_access_key, secret)
    return S3Blobs(BucketSettings(*chosen))


@dataclass(frozen=True)
class Service:
    """All parts of a running service, each made when it is first asked for.

    Raises, on asking:
        SetupError: the part's settings are wrong, or what it needs is not there.
    """

    settings: Settings
    prepare: Callable[[Any], object] | None = None  # what is done to the database's schema; None: what the settings say

    @property
    def works(self) -> bool:
        """Whether this process interprets and delivers, or only listens."""
        return "work" in self.settings.roles

    @cached_property
    def store(self) -> Store:
        """Where payloads and reports are kept."""
        return Store(place_of(self.settings))

    @cached_property
    def database(self) -> Database:
        """The database, its schema up to date."""
        try:
            self.settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise SetupError(f"TWELVELEAD_DATA is no directory that can be used: {error.strerror}.") from error
        prepare = self.prepare or (migrate if self.settings.migrate else check_schema)
        return Database(self.settings.database, self.settings.data / "postgres", prepare)

    @cached_property
    def jobs(self) -> Jobs:
        """The ledger."""
        return Jobs(self.database)

    @cached_property
    def retention(self) -> "Retention":
        """What erases."""
        from service.retention import Policy, Retention

        policy = Policy(self.settings.retain_payloads_days, self.settings.retain_reports_days)
        return Retention(self.jobs, self.store, policy)

    @cached_property
    def intake(self) -> Intake:
        """What every listener hands its payloads to."""
        return Intake(self.store, self.jobs, self.settings, self.metrics)

    @cached_property
    def metrics(self) -> Metrics:
        """What this process counts, with what a scrape asks of the database."""
        metrics = Metrics(self.tracing)
        metrics.registry.register(Gauges(self.database, self.readiness, self.settings.data))
        for name, expires in expiries(self.settings).items():
            metrics.certificate(name, expires)
        return metrics

    @cached_property
    def tracing(self) -> Tracing:
        """Where spans go."""
        return tracing_to(self.settings.traces_endpoint, self.settings.traces_ratio)

    @cached_property
    def readiness(self) -> Readiness:
        """Whether this process can take work, and do it where it is one that works."""
        checks = {"store": self.store.check, "database": self.jobs.check}
        if not self.works:
            return Readiness(checks)
        return Readiness({**checks, "queue": lambda: check_workers(self.database)}, awaited=["model"])

    @cached_property
    def commitments(self) -> DatabaseInbox:
        """Where a PACS's word on storage commitment arrives, by whichever association and process."""
        return DatabaseInbox(self.database)

    @cached_property
    def destinations(self) -> tuple[Named, ...]:
        """The site's destinations, on or off."""
        from adapters.fhir.frame import FhirSettings

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
    def listener(self) -> "Listener":
        """The DICOM listener, not started."""
        from service.dicom_door import build_listener

        return build_listener(self.intake, self.commitments)

    @cached_property
    def router(self) -> "CardRouter":
        """The models, warm."""
        router = build_router(self.settings)
        router.warm()
        return router

    @cached_property
    def queue(self) -> "App":
        """The queue with its tasks, models warm."""
        from service.retention import schedule
        from service.worker import Workshop, build_queue

        for arm, model in self.router.arms:
            self.metrics.model(arm, model.digest)
        self.readiness.reached("model")
        workshop = Workshop(self.router, self.store, self.jobs, self.settings, self.metrics)
        queue = build_queue(workshop, {each.name: each.destination for each in self.destinations}, self.database.url)
        schedule(queue, self.retention)
        return queue
