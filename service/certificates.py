"""When the certificates end by which we are known and know others: those that this process has loaded."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.x509 import load_pem_x509_certificates

from service.settings import Settings

FILES: Final = ("tls_certificate", "tls_client_ca", "dicom_tls_certificate", "dicom_tls_ca", "oidc_ca_file")
OF_DESTINATIONS: Final = ("tls_certificate", "tls_ca", "ca_file")


def expiries(settings: Settings) -> dict[str, datetime]:
    """Return the end of the first certificate to end in each file that the settings name, by the setting's name.

    Files of a destination are called by its name and the key: pacs.tls_ca. One that cannot be read is left out: whoever
    needs it says so.
    """
    found = {}
    for name, file in _files(settings):
        try:
            certificates = load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError):
            continue
        found[name] = min(each.not_valid_after_utc for each in certificates)
    return found


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name in FILES:
        if (file := getattr(settings, name)) is not None:
            yield name, file
    for table in settings.destination:
        for key in OF_DESTINATIONS:
            if table.get(key):
                yield f"{table.get('name', '')}.{key}", Path(str(table[key]))
