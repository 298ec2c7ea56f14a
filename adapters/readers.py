"""Every reader there is, and the one way to read a payload."""

from typing import Final

from adapters.dicom.waveform import WaveformReader
from adapters.fhir.reader import ObservationReader
from ecg.errors import EcgError, MalformedPayload, UnknownFormat
from ecg.payload import Payload
from ecg.ports import Reader
from ecg.recording import Recording

READERS: Final[tuple[Reader, ...]] = (WaveformReader(), ObservationReader())


def read(payload: Payload) -> tuple[Recording, ...]:
    """Read every ECG in the payload with the one reader that claims it.

    Raises:
        UnknownFormat: no reader claims it.
        PayloadError: the reader's verdict; whatever else a foreign parser raises on foreign bytes is a
            MalformedPayload.
    """
    reader = next((each for each in READERS if each.claims(payload)), None)
    if reader is None:
        raise UnknownFormat(f"No reader claims these {len(payload.data)} bytes.")
    try:
        return reader.read(payload)
    except EcgError:
        raise
    except (
        Exception
    ) as error:  # MemoryError and RecursionError among them. Its text may hold values: name the type only.
        raise MalformedPayload(f"{reader.name}: the payload breaks the format ({type(error).__name__}).") from error
