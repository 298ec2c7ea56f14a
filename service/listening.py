"""The DICOM listener by the settings, and how its own supervisor reaches it."""

from adapters.dicom.associations import Bounds
from adapters.dicom.listener import ListenerSettings
from adapters.dicom.tls import TlsFiles
from ecg.errors import SetupError
from service.settings import Settings


def listener_settings(settings: Settings) -> ListenerSettings:
    """Return what the listener needs to know.

    Raises:
        SetupError: it would be open to more than the settings allow, or they contradict each other.
    """
    bounds = Bounds(
        most_associations=settings.dicom_associations,
        most_bytes=settings.max_payload_mb * 1_000_000,
        max_pdu=settings.dicom_max_pdu,
        acse_seconds=settings.dicom_acse_seconds,
        dimse_seconds=settings.dicom_dimse_seconds,
        idle_seconds=settings.dicom_idle_seconds,
    )
    try:
        return ListenerSettings(
            host=settings.dicom_host,
            port=settings.dicom_port,
            ae_title=settings.ae_title,
            callers=settings.dicom_callers,
            bounds=bounds,
            tls=tls_files(settings),
            plain_off_loopback=settings.dicom_plain_off_loopback,
            share_port=settings.share_ports,
        )
    except ValueError as error:
        raise SetupError(f"These settings are wrong: {error}") from error


def tls_files(settings: Settings) -> TlsFiles | None:
    """Return the files of the listener's TLS; None for plain DICOM.

    Raises:
        SetupError: only some of them are set.
    """
    certificate, key, ca = settings.dicom_tls_certificate, settings.dicom_tls_key, settings.dicom_tls_ca
    if certificate is None and key is None and ca is None:
        return None
    if certificate is None or key is None:
        raise SetupError("TLS for DICOM needs TWELVELEAD_DICOM_TLS_CERTIFICATE and TWELVELEAD_DICOM_TLS_KEY.")
    return TlsFiles(certificate, key, ca)
