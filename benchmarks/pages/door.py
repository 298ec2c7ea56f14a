"""The product's own way through a page, for the benchmark."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapters.scan.digitise import digitise
from adapters.scan.pictures import page
from ecg.errors import UnreadablePage
from ecg.leads import LEADS


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
    """Read the first page of a file."""
    try:
        made = digitise(page(data, 0))
    except UnreadablePage as refusal:
        return ReadPage(None, refusal.reason, scaled=False)
    signal = np.full((len(LEADS), made.signal.shape[1]), np.nan, np.float32)
    for lead, row in zip(made.leads, made.signal, strict=True):
        signal[LEADS.index(lead)] = row
    return ReadPage(signal, "", scaled=not made.scale_assumed)
