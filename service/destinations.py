"""The destinations of a site, from the tables of its settings. Each kind's libraries are loaded where it is used."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from adapters.dicom.commitment import CommitmentInbox
from adapters.fhir.frame import FhirSettings
from ecg.errors import SetupError
from ecg.ports import Destination

if TYPE_CHECKING:
    from adapters.dicom.pacs import PacsDestination
    from adapters.exchange import Wire
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
    """A destination over HTTP that may ask for access tokens."""

    client_id: str = ""
    secret_file: Path | None = None
    key_file: Path | None = None
    key_id: str = ""
    algorithm: Literal["RS384", "ES384"] = "RS384"
    token_url: str = ""
    secret_method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"  # noqa: S105
    scopes: tuple[str, ...] = ()
    connect_seconds: float = Field(default=10.0, gt=0)

    def tokens(self, base_url: str, scopes: tuple[str, ...], wire: "Wire") -> "TokenSource | None":
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
            proof = ClientSecret(self.secret_file.read_text(encoding="utf-8").strip(), self.secret_method)
        else:
            raise ValueError("client_id needs a key_file (SMART Backend Services) or a secret_file")
        asked = OAuthSettings(self.client_id, proof, base_url, self.token_url, self.scopes or scopes)
        return ClientCredentials(asked, wire)


class Pacs(_Client):
    """The report as Encapsulated PDF and structured report, its ECG as Secondary Capture, into the recording's study.

    By C-STORE, or by STOW-RS where there is a `url`; commitment is asked for by DIMSE in both cases.
    """

    kind: Literal["pacs"]
    host: str = ""
    port: int = 0
    ae_title: str = ""
    commitment: bool = True
    objects: tuple[Literal["pdf", "picture", "sr"], ...] = Field(default=("pdf", "picture", "sr"), min_length=1)
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    url: str = ""
    associate_seconds: float = Field(default=10.0, gt=0)
    response_seconds: float = Field(default=60.0, gt=0)
    commitment_seconds: float = Field(default=60.0, gt=0)
    linger_seconds: float = Field(default=2.0, ge=0)

    def build(self, site: Site) -> Destination:
        """Build the destination."""
        if not self.url:
            return self._dimse(site)
        from adapters.dicom.web import WebDestination, WebSettings
        from adapters.exchange import Wire

        if self.client_id and not self.token_url:
            raise ValueError("client_id needs a token_url")
        wire = Wire(self.connect_seconds, self.response_seconds, self.tls_ca)
        tokens = self.tokens(self.url, (), wire)
        dimse = self._dimse(site) if self.commitment else None
        return WebDestination(self.name, WebSettings(self.url, wire, self.objects), tokens, dimse)

    def _dimse(self, site: Site) -> "PacsDestination":
        from adapters.dicom.pacs import PacsDestination, PacsSettings, Timeouts, tls_context

        if not (self.host and self.port and self.ae_title):
            raise ValueError("host, port and ae_title are needed, unless there is a url and commitment = false")
        if (self.tls_certificate or self.tls_key) and not self.tls_ca:
            raise ValueError("tls_certificate and tls_key need a tls_ca: the CA of the PACS's own certificate")
        timeouts = Timeouts(
            self.connect_seconds,
            self.associate_seconds,
            self.response_seconds,
            self.commitment_seconds,
            self.linger_seconds,
        )
        tls = tls_context(self.tls_ca, self.tls_certificate, self.tls_key) if self.tls_ca else None
        settings = PacsSettings(
            self.host,
            self.port,
            self.ae_title,
            site.ae_title,
            timeouts,
            commitment=self.commitment,
            tls=tls,
            parts=self.objects,
        )
        return PacsDestination(self.name, settings, site.inbox)


class Ehr(_Client):
    """A FHIR server, R4 or R5, that takes transactions, or single creates."""

    kind: Literal["ehr"]
    base_url: str
    transaction: bool = True
    fhir_version: Literal["R4", "R5"] = "R4"
    preliminary: Literal["preliminary", "partial"] | None = None
    number_systems: dict[Literal["encounter", "accession", "placer", "filler"], str] = {}
    ca_file: Path | None = None
    answer_seconds: float = Field(default=60.0, gt=0)

    def build(self, site: Site) -> Destination:
        """Build the destination."""
        from adapters.exchange import Wire
        from adapters.fhir.ehr import EhrDestination, EhrSettings
        from adapters.oauth import SCOPES, SCOPES_R5

        fhir = replace(site.fhir, version=self.fhir_version)
        fhir = replace(fhir, preliminary=self.preliminary) if self.preliminary else fhir
        scopes = SCOPES_R5 if self.fhir_version == "R5" else SCOPES
        wire = Wire(self.connect_seconds, self.answer_seconds, self.ca_file)
        settings = EhrSettings(self.name, self.base_url, fhir, self.number_systems, self.transaction, wire)
        return EhrDestination(settings, self.tokens(self.base_url, scopes, wire))


KINDS = TypeAdapter[Folder | Pacs | Ehr](Annotated[Folder | Pacs | Ehr, Field(discriminator="kind")])


def read_destinations(tables: Sequence[Any], site: Site) -> tuple[Named, ...]:
    """Build the destinations of the settings' tables.

    Raises:
        SetupError: one of them is wrong; the message names it.
    """
    named = tuple(build_destination(table, site) for table in tables)
    if len({each.name for each in named}) != len(named):
        raise SetupError("Two destinations have the same name.")
    return named


def build_destination(table: Any, site: Site) -> Named:
    """Build the destination of one table.

    Raises:
        SetupError: it is wrong; the message names it.
    """
    name = table.get("name", "without a name") if isinstance(table, dict) else "without a table"
    try:
        made = KINDS.validate_python(table)
        return Named(made.name, made.kind, made.build(site))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'][1:]))} {each['msg']}" for each in error.errors())
        raise SetupError(f"Destination {name}: {wrong}") from error
    except OSError as error:  # its text would hold a file's name
        raise SetupError(f"Destination {name}: a file of it cannot be used ({_why(error)}).") from error
    except (ValueError, SetupError) as error:
        raise SetupError(f"Destination {name}: {error}") from error


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
