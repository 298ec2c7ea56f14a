"""Who asks over HTTP: on loopback anyone on this machine, elsewhere the bearer of a key or of a token that counts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from adapters.exchange import Wire
from adapters.oidc import Bearer, Provider, Verifier
from ecg.errors import InvalidCredential, Unauthenticated
from service.database import Database
from service.keys import MARK, Keys
from service.scopes import MOST_SCOPES, OPERATE
from service.settings import Settings, is_loopback


@dataclass(frozen=True)
class Caller:
    """Who asks, as the audit trail names them, and the scopes of their credential."""

    who: str
    scopes: tuple[str, ...] = ()


LOOPBACK: Final = Caller("loopback", ("system/*.*", OPERATE))
NOBODY: Final = Caller("nobody")


@dataclass(frozen=True)
class Gate:
    """Tells callers by what they show. Where nothing is `guarded`, nobody is asked to show anything.

    `verify` gives the bearer of a token; None where no provider is known.
    """

    guarded: bool
    keys: Keys
    verify: Callable[[str], Bearer] | None = None

    def caller(self, authorization: str, api_key: str) -> Caller:
        """Return who shows these headers; '' for one that is missing. May ask the database and the provider.

        Raises:
            Unauthenticated: nothing is shown.
            InvalidCredential: what is shown does not count.
            Overloaded: it cannot be told now.
        """
        if not self.guarded:
            return LOOPBACK
        scheme, _, token = authorization.partition(" ")
        shown = token.strip() if scheme.lower() == "bearer" else ""  # RFC 9110, 11.1: the scheme is of any case
        if shown and api_key:
            raise InvalidCredential("Send one credential, not two.")
        if api_key or shown.startswith(MARK):
            return self._device(api_key or shown)
        if not shown:
            raise Unauthenticated
        if self.verify is None:
            raise InvalidCredential
        bearer = self.verify(shown)
        return Caller(f"oidc:{bearer.subject}", bearer.scopes[:MOST_SCOPES])

    def _device(self, key: str) -> Caller:
        found = self.keys.found(key)
        if found is None:
            raise InvalidCredential
        return Caller(f"key:{found.name}", tuple(found.scopes))


def build_gate(settings: Settings, database: Database, *, guarded: bool) -> Gate:
    """Build the gate that the settings ask for, of a door that is `guarded` or not.

    Raises:
        SetupError: the provider's settings are wrong.
    """
    verifier = build_verifier(settings)
    return Gate(guarded, Keys(database), verifier.verify if verifier else None)


def build_verifier(settings: Settings) -> Verifier | None:
    """Build what verifies the provider's tokens; None without a provider.

    Raises:
        SetupError: the provider's settings are wrong.
    """
    if not settings.oidc_issuer:
        return None
    wire = Wire(connect_seconds=5, answer_seconds=10, ca_file=settings.oidc_ca_file)
    return Verifier(Provider(settings.oidc_issuer, settings.oidc_audience, wire))


def open_doors(settings: Settings, any_key: Callable[[], bool]) -> list[str]:
    """Return what must be done before the doors may open, a sentence each; nothing where all is guarded."""
    missing = []
    elsewhere = not is_loopback(settings.host)
    if elsewhere and not (settings.tls_certificate and settings.tls_key):
        missing.append("TWELVELEAD_HOST is not loopback: set TWELVELEAD_TLS_CERTIFICATE and TWELVELEAD_TLS_KEY.")
    if settings.metrics_port and not is_loopback(settings.metrics_host) and not settings.tls_certificate:
        missing.append(
            "TWELVELEAD_METRICS_HOST is not loopback: set TWELVELEAD_TLS_CERTIFICATE and TWELVELEAD_TLS_KEY."
        )
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        missing.append("TWELVELEAD_TLS_CERTIFICATE and TWELVELEAD_TLS_KEY go together: set both.")
    if settings.tls_client_ca and not settings.tls_certificate:
        missing.append("TWELVELEAD_TLS_CLIENT_CA is for TLS: set TWELVELEAD_TLS_CERTIFICATE and TWELVELEAD_TLS_KEY.")
    guarded = settings.guarded or (settings.metrics_port and settings.metrics_guarded)
    if guarded and not settings.oidc_issuer and not any_key():
        missing.append(
            "No credential would open anything: make one with `twelvelead keys create`, or set TWELVELEAD_OIDC_ISSUER."
        )
    pair = (settings.dicom_tls_certificate, settings.dicom_tls_key)
    if any(pair) != all(pair) or (settings.dicom_tls_ca and not any(pair)):
        missing.append("TWELVELEAD_DICOM_TLS_CERTIFICATE and TWELVELEAD_DICOM_TLS_KEY go together: set both.")
    known = settings.dicom_plain_off_loopback or (all(pair) and settings.dicom_tls_ca)
    if not is_loopback(settings.dicom_host) and not (known and settings.dicom_callers):
        missing.append(
            "TWELVELEAD_DICOM_HOST is not loopback: set TWELVELEAD_DICOM_TLS_CERTIFICATE, TWELVELEAD_DICOM_TLS_KEY, "
            "TWELVELEAD_DICOM_TLS_CA and TWELVELEAD_DICOM_CALLERS; or TWELVELEAD_DICOM_PLAIN_OFF_LOOPBACK and "
            "TWELVELEAD_DICOM_CALLERS, where plain DICOM among named callers is meant."
        )
    return missing
