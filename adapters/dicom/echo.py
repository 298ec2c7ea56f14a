"""A C-ECHO: whether a DICOM listener answers (PS3.4 annex A)."""

import ssl
from dataclasses import dataclass
from typing import Final

from pynetdicom import AE

from adapters.dicom.statuses import SUCCESS
from adapters.dicom.tls import TlsFiles, probe_context

VERIFICATION: Final = "1.2.840.10008.1.1"  # PS3.4 A.4


@dataclass(frozen=True)
class Echo:
    """Whom to ask.

    Attributes:
        host, port: its address.
        called, calling: AE titles, the listener's and ours.
        tls: the listener's own files, by which it is known and which stand for us too; None for plain DICOM.
        seconds: limit of each wait.
    """

    host: str
    port: int
    called: str
    calling: str
    tls: TlsFiles | None = None
    seconds: float = 5.0


def answers(echo: Echo) -> bool:
    """Say whether the listener takes an association, answers C-ECHO with Success, and lets go in order.

    Raises:
        SetupError: a TLS file cannot be loaded.
    """
    context: ssl.SSLContext | None = None if echo.tls is None else probe_context(echo.tls)
    entity = AE(echo.calling)
    entity.connection_timeout = entity.acse_timeout = echo.seconds
    entity.dimse_timeout = entity.network_timeout = echo.seconds
    entity.add_requested_context(VERIFICATION)
    tls = None if context is None else (context, echo.host)
    try:
        association = entity.associate(echo.host, echo.port, ae_title=echo.called, tls_args=tls)
    except OSError:  # a host name that cannot be resolved
        return False
    if not association.is_established:
        return False
    try:
        return bool(association.send_c_echo().get("Status") == SUCCESS)
    except RuntimeError:  # there is no association any more
        return False
    finally:
        association.release()
