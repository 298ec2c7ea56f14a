"""What is measured lies near what the recorder's own program states of the same ECG."""

import pytest

from adapters.readers import read
from ecg.canonical import canonicalise
from ecg.measure.measures import measure
from ecg.payload import Payload
from tests.golden.vendors import STATED, Stated

# How far programs may lie apart on one ECG; where a QRS begins and ends they differ most (docs/measurements.md).
APART = {"heart-rate": 3, "pr": 20, "qrs": 30, "qt": 25, "axis-p": 10, "axis-qrs": 15, "axis-t": 10}


@pytest.mark.parametrize("stated", STATED, ids=lambda each: each.name)
def test_measured_as_the_vendor_states(stated: Stated) -> None:
    if not stated.file().is_file():
        pytest.skip("the sample is not in ../shared/samples")
    (recording,) = read(Payload(stated.file().read_bytes()))
    found = measure(canonicalise(recording.waveform), recording)
    for code, value in stated.values.items():
        measured = found.get(code)
        assert measured is not None and measured.value is not None, code
        assert measured.value == pytest.approx(value, abs=APART[code]), code
