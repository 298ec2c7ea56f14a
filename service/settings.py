"""Every setting: from the command line, else the environment (TWELVELEAD_...), else one TOML file; nowhere else."""

import json
import os
import tomllib
from datetime import tzinfo
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, InitSettingsSource, SettingsConfigDict
from pydantic_settings.sources import PydanticBaseSettingsSource

from ecg.errors import SetupError
from ecg.findings import FINDINGS
from service.style import BandScheme, LayoutName, PageSize, Style
from service.wording import ENGLISH, texts

PREFIX: Final = "TWELVELEAD_"
CONFIG: Final = f"{PREFIX}CONFIG"
SECRETS: Final = f"{PREFIX}SECRETS"
RATE_OFF_LOOPBACK: Final = 600  # requests a minute and caller, where the settings say nothing

Role = Literal["http", "dicom", "work"]


def _address(host: str) -> str:
    try:
        if host != "localhost":
            ip_address(host)
    except ValueError as error:
        raise ValueError("give an IP address to listen on, such as 127.0.0.1, or localhost") from error
    return host


def is_loopback(host: str) -> bool:
    """Say whether an address to listen on is reached from this machine alone."""
    return host == "localhost" or ip_address(host).is_loopback


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key if name else name
    except (LookupError, OSError) as error:
        raise ValueError("no time zone of that name is known") from error


def _known_language(language: str) -> str:
    return texts(language).language


def _known_prevalence(value: dict[str, float]) -> dict[str, float]:
    if unknown := [code for code in value if code not in FINDINGS]:
        raise ValueError(f"no findings: {', '.join(unknown)}; there are {', '.join(FINDINGS)}")
    if not all(0 < each < 1 for each in value.values()):
        raise ValueError("a prevalence lies between 0 and 1")
    return value


class Settings(BaseSettings):
    """What an operator may set. Each field is the variable TWELVELEAD_<FIELD> in capitals, or a key of the file.

    Raises:
        SetupError: the file cannot be read.
        ValidationError: settings are wrong.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, enable_decoding=False)

    config: Path | None = Field(
        default=None,
        description="TOML file that may hold every setting by its name in small letters, and the destinations.",
    )
    secrets: Path | None = Field(
        default=None,
        description="Directory of files that each hold one setting, by its name in small letters: mounted secrets.",
    )
    data: Path = Field(
        default=Path.home() / ".local/share/twelvelead", description="Directory in which issued reports are kept."
    )
    store: str = Field(
        default="",
        description="Bucket of payloads and reports, such as s3://bucket/prefix; empty: the data directory. "
        "See docs/retention.md.",
    )
    s3_endpoint: str = Field(default="", description="URL of the S3 server; empty: AWS, or AWS_ENDPOINT_URL.")
    s3_region: str = Field(default="", description="Region of the bucket; empty: AWS_REGION, or us-east-1.")
    s3_access_key: str = Field(
        default="", description="Access key of the bucket; empty: the usual AWS variables, or the machine's role."
    )
    s3_secret_key_file: Path | None = Field(default=None, description="File that holds the access key's secret.")
    retain_payloads_days: int = Field(
        default=0, ge=0, description="Days after which a settled ECG's payload is erased; 0: never."
    )
    retain_reports_days: int = Field(
        default=0, ge=0, description="Days after which a settled ECG's report is erased; 0: never."
    )
    host: Annotated[str, AfterValidator(_address)] = Field(
        default="127.0.0.1",
        description="Address of the HTTP listener; off loopback it needs TLS and credentials, see docs/access.md.",
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port of the HTTP listener; 0 takes a free one.")
    site_zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        default="",
        description="Time zone of recordings that name none, such as Europe/Rome; empty: they stay without a zone.",
    )
    patient_systems: dict[str, str] = Field(
        default={},
        description='FHIR identifier system of each issuer of patient ids, as JSON: {"HOSPITAL": "urn:oid:1.2.3"}.',
    )
    report_layout: LayoutName = Field(
        default="3x4+1", description="Printed format of the ECG in reports: 3x4+1, 6x2 or 12x1."
    )
    report_paper: PageSize = Field(default="A4", description="Size of a report's pages: A4 or Letter, landscape.")
    report_bands: BandScheme = Field(
        default="card",
        description="Where the bands of a score lie: card (each finding's operating points) or published (0.3, 0.6).",
    )
    report_language: Annotated[str, AfterValidator(_known_language)] = Field(
        default=ENGLISH, description="Language of reports, by its file in service/texts."
    )
    prevalence: Annotated[dict[str, float], AfterValidator(_known_prevalence)] = Field(
        default={},
        description='How frequent findings are among the ECGs of this site, as JSON: {"MI": 0.08}; it gives the '
        "predictive values in report.json; empty: none.",
    )
    threads: int = Field(default=1, ge=1, le=64, description="Threads that the network may use for one ECG.")
    max_payload_mb: int = Field(default=64, ge=1, le=1024, description="Largest payload that is taken, in MB.")
    least_free_mb: int = Field(default=500, ge=0, description="Below this much free disk nothing is accepted, in MB.")
    database: str = Field(
        default="",
        description="URL of a PostgreSQL server; empty: the embedded one, in the data directory.",
        repr=False,
    )
    migrate: bool = Field(
        default=True,
        description="Whether a start brings the database's schema up to date; else one that is too old is refused.",
    )
    destination: tuple[dict[str, Any], ...] = Field(
        default=(),
        description="Where reports go: the tables [[destination]] of the file; see docs/destinations.md.",
    )
    workers: int = Field(default=2, ge=1, le=64, description="ECGs and deliveries that a process works on at once.")
    dicom_port: int = Field(
        default=11112, ge=0, le=65535, description="Port of the DICOM listener; 0 takes a free one."
    )
    dicom_host: Annotated[str, AfterValidator(_address)] = Field(
        default="127.0.0.1",
        description="Address of the DICOM listener; off loopback it needs callers and TLS (docs/conformance/dicom.md).",
    )
    dicom_callers: dict[str, tuple[IPv4Network | IPv6Network, ...]] = Field(
        default={},
        description='AE titles that may call, and from where, as JSON: {"CART": ["10.1.0.0/16"]}; '
        "empty: anyone, on loopback.",
    )
    dicom_tls_certificate: Path | None = Field(
        default=None, description="Certificate (PEM) of the DICOM listener; empty: plain DICOM."
    )
    dicom_tls_key: Path | None = Field(default=None, description="Private key (PEM) of that certificate.")
    dicom_tls_ca: Path | None = Field(
        default=None, description="CA (PEM) that signs the callers' certificates, which they need then."
    )
    dicom_plain_off_loopback: bool = Field(
        default=False,
        description="Whether the DICOM listener may do without TLS off loopback, among callers on named networks.",
    )
    dicom_associations: int = Field(default=32, ge=1, le=1000, description="DICOM associations at once.")
    dicom_max_pdu: int = Field(default=131072, ge=4096, le=1048576, description="Largest DICOM PDU, in bytes.")
    dicom_acse_seconds: float = Field(
        default=10, gt=0, description="Seconds from a DICOM connection to its association request, TLS included."
    )
    dicom_dimse_seconds: float = Field(default=120, gt=0, description="Seconds for one DICOM message to arrive.")
    dicom_idle_seconds: float = Field(
        default=30, gt=0, description="Seconds of silence after which a DICOM association ends."
    )
    roles: tuple[Role, ...] = Field(
        default=("http", "dicom", "work"),
        min_length=1,
        description="What this process does, as JSON: any of http, dicom and work.",
    )
    share_ports: bool = Field(
        default=False,
        description="Whether several processes may listen on the same ports; the system spreads callers among them.",
    )
    ae_title: str = Field(
        default="TWELVELEAD", min_length=1, max_length=16, description="Our DICOM application entity title."
    )
    drain_seconds: int = Field(
        default=25, ge=1, le=3600, description="Time to finish what is in hand when told to stop, in seconds."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="Form of the log lines: json, text, or auto: text on a terminal, json elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is logged: debug, info, warning or error."
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="A port for metrics and health alone, in processes of every role; 0: none.",
    )
    metrics_host: Annotated[str, AfterValidator(_address)] = Field(
        default="127.0.0.1",
        description="Address of that port; off loopback it needs TLS and credentials as the HTTP listener does.",
    )
    traces_endpoint: str = Field(
        default="",
        pattern="^(https?://.+)?$",
        description="Where OpenTelemetry spans go, such as http://127.0.0.1:4318/v1/traces; empty: nowhere.",
    )
    traces_ratio: float = Field(default=1, ge=0, le=1, description="Share of ECGs that are traced.")
    weights: Path | None = Field(default=None, description="Directory of model cards; empty: those of the release.")
    arms: tuple[str, ...] = Field(
        default=(),
        description="Arms that may read, by their cards' names, as JSON; empty: all. "
        '["12-lead-fast", "image", "lead-ii", "subset"] leaves the 12-lead ECGs to the fast one.',
    )
    models_digest: str = Field(
        default="",
        pattern="^([0-9a-f]{64})?$",
        description="Digest of all models, as `twelvelead models` prints it; others are refused at start. Empty: any.",
    )
    hosts: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1", "[::1]"),
        description='Names by which HTTP clients may call the service, as JSON: ["ecg.example.org"].',
    )
    tls_certificate: Path | None = Field(default=None, description="PEM file of the HTTP listener's certificate chain.")
    tls_key: Path | None = Field(default=None, description="PEM file of that certificate's key.")
    tls_client_ca: Path | None = Field(
        default=None, description="PEM file of the CA that signs HTTP clients' certificates; given: each needs one."
    )
    require_credentials: bool = Field(
        default=False, description="Whether HTTP needs credentials on loopback too; elsewhere it always does."
    )
    public_descriptions: bool = Field(
        default=True,
        description="Whether /openapi.json and /fhir/metadata, which describe the routes, need no credential.",
    )
    oidc_issuer: str = Field(
        default="", description="URL of the OpenID provider whose tokens are taken; empty: API keys alone."
    )
    oidc_audience: str = Field(default="", description="What a token's audience must be: our name at the provider.")
    oidc_ca_file: Path | None = Field(
        default=None, description="PEM file of the CA of the provider's certificate; empty: the system's."
    )
    rate_per_minute: int | None = Field(
        default=None,
        ge=0,
        description=f"Requests that one caller may make in a minute; 0: any number; empty: any number on loopback, "
        f"{RATE_OFF_LOOPBACK} elsewhere.",
    )

    @field_validator(
        "patient_systems", "destination", "arms", "hosts", "dicom_callers", "roles", "prevalence", mode="before"
    )
    @classmethod
    def _decoded(cls, value: Any) -> Any:
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError("not the JSON that it must be") from error

    @property
    def style(self) -> Style:
        """How reports look and read."""
        prevalence = tuple(sorted(self.prevalence.items()))
        return Style(self.report_layout, self.report_paper, self.report_bands, self.report_language, prevalence)

    @property
    def guarded(self) -> bool:
        """Whether HTTP needs credentials."""
        return self.require_credentials or not is_loopback(self.host)

    @property
    def metrics_guarded(self) -> bool:
        """Whether the port for metrics needs credentials."""
        return self.require_credentials or not is_loopback(self.metrics_host)

    @property
    def rate(self) -> int:
        """Requests a minute and caller; 0 for any number."""
        if self.rate_per_minute is not None:
            return self.rate_per_minute
        return 0 if is_loopback(self.host) else RATE_OFF_LOOPBACK

    @cached_property
    def zone(self) -> tzinfo | None:
        """The site's zone, or None."""
        return ZoneInfo(self.site_zone) if self.site_zone else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: what comes first counts."""
        mounted = _Mounted(settings_cls, os.environ.get(SECRETS, ""))
        return init_settings, env_settings, mounted, _File(settings_cls, _tables(os.environ.get(CONFIG, "")))


class _Mounted(InitSettingsSource):
    """A directory of files, each called after a setting; what else lies there is not looked at."""

    def __init__(self, settings_cls: type[BaseSettings], directory: str) -> None:
        names = settings_cls.model_fields if directory else ()
        files = {name: Path(directory, name) for name in names if name not in ("config", "secrets")}
        try:
            held = {name: file.read_text(encoding="utf-8").strip() for name, file in files.items() if file.is_file()}
        except (OSError, ValueError) as error:
            raise SetupError(f"A file in {SECRETS} cannot be read ({type(error).__name__}).") from error
        super().__init__(settings_cls, held)


class _File(InitSettingsSource):
    """The file. What an earlier source names counts as a whole: tables are not merged."""

    def __call__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__call__().items() if key not in self.current_state}


def _tables(file: str) -> dict[str, Any]:
    if not file:
        return {}
    try:
        tables = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SetupError(f"The file of settings ({CONFIG}) is no TOML: {error}.") from error
    except (OSError, ValueError) as error:
        raise SetupError(f"The file of settings ({CONFIG}) cannot be read ({type(error).__name__}).") from error
    if "config" in tables:
        raise SetupError("config: a file of settings names no other; take the key out.")
    return tables


def name_config(file: Path) -> None:
    """Name the file of settings, for this process and those that it starts, as the environment would."""
    os.environ[CONFIG] = str(file)


def load_settings(**chosen: str | int | list[str]) -> Settings:
    """Read the settings; what is `chosen` on the command line comes before the environment, and that before the file.

    Raises:
        SetupError: some are wrong; the message names each and says why.
    """
    try:
        return Settings(**chosen)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise SetupError(f"These settings are wrong: {'; '.join(_told(error))}") from error


def examined() -> tuple[Settings, list[str]]:
    """Return the settings with defaults in place of those that are wrong, and what is wrong, each named with why.

    Raises:
        SetupError: the file cannot be read.
    """
    try:
        return Settings(), []
    except ValidationError as error:
        wrong = {str(each["loc"][0]) for each in error.errors()}
        defaults = {name: field.default for name, field in Settings.model_fields.items() if name in wrong}
        return _Lenient(**defaults), _told(error)


class _Lenient(Settings):
    model_config = SettingsConfigDict(extra="ignore")


def unknown_variables() -> list[str]:
    """Return the names of variables in the environment that look like settings and are none."""
    known = {f"{PREFIX}{field.upper()}" for field in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def _told(error: ValidationError) -> list[str]:
    """Name each wrong setting and say why, without its value: it may be a secret."""
    return [_line(each["loc"], each["type"], each["msg"]) for each in error.errors()]


def _line(place: tuple[int | str, ...], kind: str, why: str) -> str:
    name, why = str(place[0]), why.removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"{name}: there is no setting of that name"
    return f"{PREFIX}{name.upper()}: {why}"
