"""Every wrapper and every reader there is, and the one way to read a payload."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from adapters.csv.reader import TableReader
from adapters.dicom.documents import DicomDocumentWrapper
from adapters.dicom.waveform import WaveformReader
from adapters.fhir.documents import FhirDocumentWrapper
from adapters.fhir.reader import ObservationReader
from adapters.hl7v3.reader import AnnotatedEcgReader
from adapters.scan.reader import PageReader
from adapters.scp.reader import ScpReader
from adapters.sierra.reader import SierraReader
from adapters.wfdb.reader import RecordReader
from adapters.zipped import ArchiveWrapper
from ecg.errors import EcgError, MalformedPayload, UnknownFormat
from ecg.payload import Payload
from ecg.ports import Reader, Wrapper
from ecg.recording import Recording

WRAPPERS: Final[tuple[Wrapper, ...]] = (ArchiveWrapper(), DicomDocumentWrapper(), FhirDocumentWrapper())
PAGES: Final = PageReader()
READERS: Final[tuple[Reader, ...]] = (
    WaveformReader(),
    ObservationReader(),
    AnnotatedEcgReader(),
    SierraReader(),
    ScpReader(),
    TableReader(),
    RecordReader(),
    PAGES,
)
DEPTH: Final = 3  # wrappings, one in the other


def unwrapped(payload: Payload, depth: int = DEPTH) -> tuple[Payload, ...]:
    """Take every wrapping off a payload; one that has none is what it was.

    Raises:
        PayloadError: as `read` does; MalformedPayload also for more than DEPTH wrappings, one in the other.
    """
    wrapper = next((each for each in WRAPPERS if each.claims(payload)), None)
    if wrapper is None:
        return (payload,)
    if not depth:
        raise MalformedPayload(f"There are more than {DEPTH} wrappings, one in the other.")
    with _guarded(wrapper.name):
        inner = wrapper.unwrap(payload)
    return tuple(bare for each in inner for bare in unwrapped(each, depth - 1))


def read(payload: Payload) -> tuple[Recording, ...]:
    """Read every ECG in a payload without wrappings, with the one reader that claims it.

    Raises:
        UnknownFormat: no reader claims it.
        PayloadError: the reader's verdict; whatever else a foreign parser raises on foreign bytes is a
            MalformedPayload.
    """
    reader = next((each for each in READERS if each.claims(payload)), None)
    if reader is None:
        raise UnknownFormat(f"No reader claims these {len(payload.data)} bytes.")
    with _guarded(reader.name):
        return reader.read(payload)


@contextmanager
def _guarded(name: str) -> Iterator[None]:
    try:
        yield
    except EcgError:
        raise
    except (
        Exception
    ) as error:  # MemoryError and RecursionError among them. Its text may hold values: name the type only.
        raise MalformedPayload(f"{name}: the payload breaks the format ({type(error).__name__}).") from error
