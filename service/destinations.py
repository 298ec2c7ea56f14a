"""The destinations of a site, from its TOML file. Each kind's libraries are loaded only where it is used."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from adapters.dicom.commitment import CommitmentInbox
from adapters.fhir.frame import FhirSettings
from ecg.errors import SetupError
from ecg.ports import Destination

if TYPE_CHECKING:
    from adapters.dicom.pacs import PacsDestination
    from adapters.oauth import TokenSource


@dataclass(frozen=True)
class Site:
    """What destinations share: our AE title, FHIR's view of the site, and where storage commitments arrive."""

    ae_title: str
    fhir: FhirSettings
    inbox: CommitmentInbox


@dataclass(frozen=True)
class Named:
    """A destination under the name by which the operator turns it on."""

    name: str
    kind: str
    destination: Destination


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)


class Folder(_Table):
    """Reports as files: report.pdf, bundle.json and pictures, a folder each."""

    kind: Literal["folder"]
    directory: Path

    def build(self, site: Site) -> Destination:
        """Build the destination."""
        from adapters.folder import FolderDestination

        return FolderDestination(self.directory, self.name, site.fhir)


class _Client(_Table):
    """A destination that may ask for access tokens."""

    client_id: str = ""
    secret_file: Path | None = None
    key_file: Path | None = None
    key_id: str = ""
    algorithm: Literal["RS384", "ES384"] = "RS384"
    token_url: str = ""

    def tokens(self, base_url: str, scopes: tuple[str, ...]) -> "TokenSource | None":
        """Return where access tokens come from; None where nobody asks for one.

        Raises:
            ValueError: there is nothing by which the client could prove itself.
        """
        from adapters.oauth import ClientCredentials, ClientKey, ClientSecret, OAuthSettings

        if not self.client_id:
            return None
        if self.key_file is not None:
            proof: ClientKey | ClientSecret = ClientKey(self.key_file.read_bytes(), self.key_id, self.algorithm)
        elif self.secret_file is not None:
            proof = ClientSecret(self.secret_file.read_text(encoding="utf-8").strip())
        else:
            raise ValueError("client_id needs a key_file (SMART Backend Services) or a secret_file")
        return ClientCredentials(OAuthSettings(self.client_id, proof, base_url, self.token_url, scopes))


class Pacs(_Client):
    """The report as Encapsulated PDF and its ECG as Secondary Capture, into the study of the recording.

    By C-STORE, or by STOW-RS where there is a `url`; commitment is asked for by DIMSE in both cases.
    """

    kind: Literal["pacs"]
    host: str = ""
    port: int = 0
    ae_title: str = ""
    commitment: bool = True
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    url: str = ""
    scope: str = ""

    def build(self, site: Site) -> Destination:
        """Build the destination."""
        if not self.url:
            return self._dimse(site)
        from adapters.dicom.web import WebDestination, WebSettings
        from adapters.exchange import Wire

        if self.client_id and not self.token_url:
            raise ValueError("client_id needs a token_url")
        tokens = self.tokens(self.url, tuple(self.scope.split()))
        settings = WebSettings(self.url, Wire(ca_file=self.tls_ca))
        return WebDestination(self.name, settings, tokens, self._dimse(site) if self.commitment else None)

    def _dimse(self, site: Site) -> "PacsDestination":
        from adapters.dicom.pacs import PacsDestination, PacsSettings, tls_context

        if not (self.host and self.port and self.ae_title):
            raise ValueError("host, port and ae_title are needed, unless there is a url and commitment = false")
        tls = tls_context(self.tls_ca, self.tls_certificate, self.tls_key) if self.tls_ca else None
        settings = PacsSettings(self.host, self.port, self.ae_title, site.ae_title, commitment=self.commitment, tls=tls)
        return PacsDestination(self.name, settings, site.inbox)


class Ehr(_Client):
    """A FHIR R4 server that takes transactions, or single creates."""

    kind: Literal["ehr"]
    base_url: str
    transaction: bool = True

    def build(self, site: Site) -> Destination:
        """Build the destination."""
        from adapters.fhir.ehr import EhrDestination, EhrSettings
        from adapters.oauth import SCOPES

        settings = EhrSettings(self.name, self.base_url, site.fhir, transaction=self.transaction)
        return EhrDestination(settings, self.tokens(self.base_url, SCOPES))


KINDS = TypeAdapter[Folder | Pacs | Ehr](Annotated[Folder | Pacs | Ehr, Field(discriminator="kind")])


def read_destinations(file: Path | None, site: Site) -> tuple[Named, ...]:
    """Read the destinations; none where there is no file.

    Raises:
        SetupError: the file cannot be read, or a destination in it is wrong; the message names it.
    """
    if file is None:
        return ()
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8")).get("destination", [])
    except (OSError, ValueError) as error:
        raise SetupError(f"TWELVELEAD_DESTINATIONS cannot be read as TOML ({type(error).__name__}).") from error
    named = tuple(_named(table, site) for table in tables)
    if len({each.name for each in named}) != len(named):
        raise SetupError("Two destinations have the same name.")
    return named


def _named(table: Any, site: Site) -> Named:
    name = table.get("name", "without a name") if isinstance(table, dict) else "without a table"
    try:
        made = KINDS.validate_python(table)
        return Named(made.name, made.kind, made.build(site))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))} {each['msg']}" for each in error.errors())
        raise SetupError(f"Destination {name}: {wrong}") from error
    except (OSError, ValueError) as error:
        raise SetupError(f"Destination {name}: {error}") from error
