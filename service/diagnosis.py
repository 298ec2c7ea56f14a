"""Looks over an installation: everything that its settings name, found as it should be or told of."""

import os
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from adapters.dicom.commitment import MemoryInbox
from adapters.dicom.tls import TlsFiles, server_context
from adapters.fhir.frame import FhirSettings
from ecg.errors import DeliveryError, EcgError, SetupError
from service.callers import build_verifier, open_doors
from service.database import Database
from service.destinations import Named, Site, build_destination
from service.keys import Keys
from service.listening import listener_settings
from service.schema import check_schema, migrate
from service.settings import Settings

# Settings that go together: certificate, key, and the CA of those who call.
TLS: Final = (
    ("tls_certificate", "tls_key", "tls_client_ca"),
    ("dicom_tls_certificate", "dicom_tls_key", "dicom_tls_ca"),
)


@dataclass(frozen=True)
class Diagnosis:
    """What was found, with what to do. `wrong`: the service would not run as it is told to."""

    text: str
    wrong: bool = True


def diagnose(settings: Settings, *, offline: bool) -> Iterator[Diagnosis]:
    """Yield all that is wrong with an installation; `offline` asks no peer.

    The database is opened as every command opens it, so migrated where the settings say so; an embedded one that was
    never started is left alone.
    """
    yield from _data(settings)
    yield from _weights(settings)
    yield from _tls(settings)
    yield from _failure(lambda: listener_settings(settings))
    yield from _database(settings)
    yield from _hosts(settings)
    yield from _port("TWELVELEAD_PORT", settings.host, settings.port)
    yield from _port("TWELVELEAD_DICOM_PORT", settings.dicom_host, settings.dicom_port)
    yield from _provider(settings, offline)
    yield from _destinations(settings, offline)


def _failure(what: Callable[[], object]) -> Iterator[Diagnosis]:
    try:
        what()
    except EcgError as error:
        yield Diagnosis(str(error))


def _data(settings: Settings) -> Iterator[Diagnosis]:
    at = settings.data
    if not at.exists():
        above = next(each for each in at.absolute().parents if each.exists())
        if not os.access(above, os.W_OK):
            yield Diagnosis(
                "TWELVELEAD_DATA is not there and cannot be made: choose another place, or make it for the service."
            )
        return
    if not at.is_dir() or not os.access(at, os.R_OK | os.W_OK | os.X_OK):
        yield Diagnosis("TWELVELEAD_DATA is no directory that this account can write to: give it to the service.")
    elif stat.S_IMODE(at.stat().st_mode) & 0o077:
        yield Diagnosis("TWELVELEAD_DATA is open to other accounts, and holds patients' data: chmod 700 it.")


def _weights(settings: Settings) -> Iterator[Diagnosis]:
    if settings.weights is not None and not settings.weights.is_dir():
        yield Diagnosis("TWELVELEAD_WEIGHTS is no directory: name that of the model cards, or leave it empty.")
        return
    from service.wiring import build_router  # late: torch

    try:
        build_router(settings)
    except (EcgError, OSError) as error:
        what = str(error) if isinstance(error, EcgError) else type(error).__name__
        yield Diagnosis(f"TWELVELEAD_WEIGHTS: {what} Install the release's models again.")


def _tls(settings: Settings) -> Iterator[Diagnosis]:
    for names in TLS:
        yield from _readable(settings, names)
        certificate, key, ca = (getattr(settings, name) for name in names)
        if certificate and key:
            yield from _failure(partial(server_context, TlsFiles(certificate, key, ca)))
    yield from _readable(settings, ("oidc_ca_file",))


def _readable(settings: Settings, names: Sequence[str]) -> Iterator[Diagnosis]:
    for name in names:
        file = getattr(settings, name)
        if file is not None and not os.access(file, os.R_OK):
            yield Diagnosis(f"TWELVELEAD_{name.upper()}: the file is missing or cannot be read by this account.")
        elif file is not None and name.endswith("key") and stat.S_IMODE(file.stat().st_mode) & 0o077:
            yield Diagnosis(f"TWELVELEAD_{name.upper()} is readable by other accounts: chmod 600 it.", wrong=False)


def _database(settings: Settings) -> Iterator[Diagnosis]:
    """Look whether the database answers, and whether there is a credential where one is needed."""
    there = bool(settings.database) or (settings.data / "postgres").exists()
    if not there:
        yield from map(Diagnosis, open_doors(settings, lambda: False))
        return
    try:
        prepare = migrate if settings.migrate else check_schema
        database = Database(settings.database, settings.data / "postgres", prepare)
    except SetupError as error:
        yield Diagnosis(f"TWELVELEAD_DATABASE: {error} Start it, or mend its URL.")
        yield from map(Diagnosis, open_doors(settings, lambda: True))
        return
    try:
        yield from map(Diagnosis, open_doors(settings, Keys(database).any_counts))
    finally:
        database.close()


def _hosts(settings: Settings) -> Iterator[Diagnosis]:
    if settings.guarded and settings.hosts == Settings.model_fields["hosts"].default and settings.host != "127.0.0.1":
        yield Diagnosis(
            "TWELVELEAD_HOSTS names loopback alone: add the names by which clients call this machine.", wrong=False
        )


def _port(name: str, host: str, port: int) -> Iterator[Diagnosis]:
    if not port:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        why = error.strerror or type(error).__name__
        yield Diagnosis(
            f"{name}: {port} of {host} cannot be had ({why}): choose another, or stop what listens there, "
            "unless it is this service."
        )


def _provider(settings: Settings, offline: bool) -> Iterator[Diagnosis]:
    try:
        verifier = build_verifier(settings)
    except SetupError as error:
        yield Diagnosis(f"TWELVELEAD_OIDC_ISSUER, TWELVELEAD_OIDC_AUDIENCE: {error}")
        return
    if verifier is not None and not offline:
        try:
            verifier.check()
        except EcgError as error:
            yield Diagnosis(f"TWELVELEAD_OIDC_ISSUER gives no keys now: {error}.", wrong=False)


def _destinations(settings: Settings, offline: bool) -> Iterator[Diagnosis]:
    site = Site(settings.ae_title, FhirSettings(settings.patient_systems), MemoryInbox())
    built: list[Named] = []
    for table in settings.destination:
        try:
            built.append(build_destination(table, site))
        except SetupError as error:
            yield Diagnosis(str(error))
    for name in sorted({each.name for each in built if sum(each.name == other.name for other in built) > 1}):
        yield Diagnosis(f"Destination {name}: there are several of that name; name them apart.")
    for each in built:
        ask: Any = getattr(each.destination, "check", None)
        if ask is None or offline:
            continue
        try:
            ask()
        except DeliveryError as error:
            yield Diagnosis(f"Destination {each.name} cannot be reached as it should be: {error}", wrong=False)
