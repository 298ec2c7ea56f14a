"""TLS as a listener speaks it, for DICOM associations and for HTTP."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecg.errors import SetupError

# PS3.15 B.9 (BCP 195, RFC 9325 4.2): forward secrecy and authenticated encryption. TLS 1.3 has no others.
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM"


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: our certificate and its key, and the CA that signs the callers', who need one where it is given."""

    certificate: Path
    key: Path
    ca: Path | None = None


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context of a listener: TLS 1.2 or newer.

    Raises:
        SetupError: a file is missing, or is not what it must be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    try:
        context.load_cert_chain(files.certificate, files.key)
        if files.ca is not None:
            context.load_verify_locations(files.ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:  # ssl.SSLError among them
        raise SetupError("A listener's TLS certificate, key or clients' CA cannot be loaded, or do not fit.") from error
    return context


def probe_context(files: TlsFiles) -> ssl.SSLContext:
    """Return the context by which a supervisor asks its own listener: it trusts that certificate and no other.

    Raises:
        SetupError: a file is missing, or is not what it must be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The certificate itself is the anchor, so the name by which the probe reaches it says no more.
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(files.certificate)
        context.load_cert_chain(files.certificate, files.key)
    except OSError as error:
        raise SetupError("The TLS certificate or key of the DICOM listener cannot be loaded.") from error
    return context
