"""Every setting, read from the environment (TWELVELEAD_...) and nowhere else."""

from datetime import tzinfo
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from ecg.errors import SetupError

Role = Literal["http", "dicom", "work"]


def _loopback(host: str) -> str:
    if host != "localhost" and not ip_address(host).is_loopback:
        raise ValueError("only a loopback address can be served: there is no authentication yet")
    return host


def _address(host: str) -> str:
    if host != "localhost":
        ip_address(host)
    return host


def _known_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key if name else name
    except (LookupError, OSError) as error:
        raise ValueError("no time zone of that name is known") from error


class Settings(BaseSettings):
    """What an operator may set. Each field is the environment variable TWELVELEAD_<FIELD> in capitals."""

    model_config = SettingsConfigDict(env_prefix="TWELVELEAD_", extra="forbid", frozen=True)

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
    host: Annotated[str, AfterValidator(_loopback)] = Field(
        default="127.0.0.1", description="Address of the HTTP listener; loopback only."
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
    threads: int = Field(default=1, ge=1, le=64, description="Threads that the network may use for one ECG.")
    max_payload_mb: int = Field(default=64, ge=1, le=1024, description="Largest payload that is taken, in MB.")
    least_free_mb: int = Field(default=500, ge=0, description="Below this much free disk nothing is accepted, in MB.")
    database: str = Field(
        default="",
        description="URL of a PostgreSQL server; empty: the embedded one, in the data directory.",
        repr=False,
    )
    destinations: Path | None = Field(
        default=None, description="TOML file of the destinations; see docs/destinations.md."
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
        description="A loopback port for /metrics alone, beside the HTTP listener's; 0: none.",
    )
    weights: Path | None = Field(default=None, description="Directory of model cards; empty: those of the release.")

    @cached_property
    def zone(self) -> tzinfo | None:
        """The site's zone, or None."""
        return ZoneInfo(self.site_zone) if self.site_zone else None


def load_settings(**chosen: str | int | list[str]) -> Settings:
    """Read the settings; what is `chosen` on the command line comes before the environment.

    Raises:
        SetupError: one of them is wrong; the message names it and says why.
    """
    try:
        return Settings(**chosen)  # type: ignore[arg-type]  # pydantic checks them
    except SettingsError as error:  # its text names the field, and no value
        raise SetupError(f"A setting is not the JSON that it must be: {error}.") from error
    except ValidationError as error:
        wrong = "; ".join(f"TWELVELEAD_{str(each['loc'][0]).upper()}: {each['msg']}" for each in error.errors())
        raise SetupError(f"These settings are wrong: {wrong}") from error
