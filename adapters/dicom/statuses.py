"""The one table from errors to DIMSE statuses."""

from collections.abc import Mapping
from typing import Final

from pydicom.dataset import Dataset

from ecg.errors import AmbiguousPayload, EcgError, MalformedPayload, Overloaded, PayloadError, UnknownFormat

SUCCESS: Final = 0x0000  # PS3.7 C.1
# PS3.7 9.1.1.1.9, 10.1.1.1.8 and annex C.
PROCESSING_FAILURE: Final = 0x0110
NO_SUCH_INSTANCE: Final = 0x0112
NO_SUCH_EVENT: Final = 0x0113
INVALID_ARGUMENT: Final = 0x0115
CLASS_NOT_SUPPORTED: Final = 0x0122
# PS3.4 B.2.3, table B.2-1: A7xx, A9xx, Cxxx. The low digits are the implementation's.
OUT_OF_RESOURCES: Final = 0xA700
DOES_NOT_MATCH_CLASS: Final = 0xA900
CANNOT_UNDERSTAND: Final = 0xC000
FAILED: Final = 0xC001
# PS3.18 table 10.5.3-1, by which STOW-RS tells the same; CLASS_NOT_SUPPORTED is in both.
SYNTAX_NOT_SUPPORTED: Final = 0xC122

# The nearest base class wins. A well-formed object that is no ECG is a success: a failure would hold up the forward
# queue of a PACS. 0x0110, Processing Failure, is not among the statuses of a C-STORE (PS3.7 9.1.1.1.9): what fails for
# no reason in the payload is a Cxxx of its own.
STATUSES: Final[Mapping[type[BaseException], int]] = {
    UnknownFormat: SUCCESS,
    MalformedPayload: DOES_NOT_MATCH_CLASS,
    AmbiguousPayload: CANNOT_UNDERSTAND,
    PayloadError: CANNOT_UNDERSTAND,
    Overloaded: OUT_OF_RESOURCES,
    EcgError: FAILED,
}


def status_of(error: BaseException) -> int:
    """Return the status of a C-STORE that ended in `error`."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), FAILED)


def answer(status: int, comment: str = "") -> Dataset:
    """Return a status with its Error Comment (0000,0902), PS3.7 C.4.2: one of our own words, never of the payload."""
    dataset = Dataset()
    dataset.Status = status
    if comment:
        dataset.ErrorComment = comment
    return dataset
