"""`twelvelead echo`: a C-ECHO for supervisors, since a bare TCP probe leaves an association half-open."""

from ipaddress import ip_address

from adapters.dicom.echo import Echo, answers
from service.listening import tls_files
from service.settings import Settings


def listener_answers(settings: Settings, calling: str) -> bool:
    """Say whether the DICOM listener of these settings answers.

    Raises:
        SetupError: its TLS files are not in order.
    """
    host = settings.dicom_host
    if host != "localhost" and ip_address(host).is_unspecified:  # every address: so this machine's own
        host = "::1" if ":" in host else "127.0.0.1"
    return answers(
        Echo(host, settings.dicom_port, settings.ae_title, calling or settings.ae_title, tls_files(settings))
    )
