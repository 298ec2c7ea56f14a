"""The product's own way through a page, for the benchmark."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapters.readers import read
from ecg.errors import EcgError, UnreadablePage
from ecg.leads import LEADS
from ecg.payload import Payload
from ecg.recording import Waveform


@dataclass(frozen=True, eq=False)
class ReadPage:
    """What the door made of a page.

    Attributes:
        signal: float32 (12, samples), mV at 500 Hz, NaN where not printed; None where the page was refused.
        reason: why it was refused; '' where it was not.
        scaled: whether the scale was read rather than assumed.
    """

    signal: NDArray[np.float32] | None
    reason: str
    scaled: bool


def read_page(data: bytes) -> ReadPage:
    """Read a page as anybody's payload is read."""
    try:
        recording = read(Payload(data))[0]
    except UnreadablePage as refusal:
        return ReadPage(None, refusal.reason, scaled=False)
    except EcgError as refusal:
        return ReadPage(None, refusal.code, scaled=False)
    return ReadPage(in_order(recording.waveform), "", scaled=not recording.provenance.scale_assumed)


def in_order(waveform: Waveform) -> NDArray[np.float32]:
    """Return float32 (12, samples) in the order of LEADS, NaN where a lead is not there."""
    made = np.full((len(LEADS), waveform.signal.shape[1]), np.nan, np.float32)
    for lead, row in zip(waveform.leads, waveform.signal, strict=True):
        if lead in LEADS:
            made[LEADS.index(lead)] = row
    return made
