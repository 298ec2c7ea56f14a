"""What the recorder says of an ECG is kept as its own words, readable, and apart from what is measured here."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from adapters.readers import read
from ecg.payload import Payload
from tests.golden.dicom_files import SYNTAXES, code, square_wave, to_bytes, twelve_lead_dataset

RAW = square_wave(3)
ALL, V2, NOWHERE = [1, 0], [1, 8], [7, 1]


def annotation(
    text: str | None = None,
    name: str | None = None,
    number: Sequence[float] | float | None = None,
    unit: str | None = None,
    value: str | None = None,
) -> Dataset:
    item = Dataset()
    item.ReferencedWaveformChannels = ALL
    if text is not None:
        item.UnformattedTextValue = text
    if name is not None:
        item.ConceptNameCodeSequence = [code("x", "99X", name)]
    if number is not None:
        item.NumericValue = number
    if unit is not None:
        item.MeasurementUnitsCodeSequence = [code(unit, "UCUM", "unit")]
    if value is not None:
        item.ConceptCodeSequence = [code("y", "99X", value)]
    return item


def said(*annotations: Dataset, syntax: str = SYNTAXES[1]) -> tuple[str, ...]:
    ds = twelve_lead_dataset(RAW)
    ds.WaveformAnnotationSequence = list(annotations)
    (recording,) = read(Payload(to_bytes(ds, syntax)))
    return recording.statements


def test_the_samples_own_words_and_measurements_are_read() -> None:
    data = Path(str(get_testdata_file("waveform_ecg.dcm", download=False))).read_bytes()
    (recording,) = read(Payload(data))
    assert recording.statements[:2] == ("RITMO SINUSALE", "ECG NORMALE")
    assert {"QRS Duration 75 ms", "QT Interval 368 ms", "P Axis 74 deg"} <= set(recording.statements)
    assert not any("Onset" in each or "Fiducial" in each for each in recording.statements)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (annotation(name="QRS Duration", number=92, unit="ms"), "QRS Duration 92 ms"),
        (annotation(name="QRS Axis", number=-30.5, unit="deg"), "QRS Axis -30.5 deg"),
        (annotation(name="Beats", number=7, unit="1"), "Beats 7"),
        (annotation(name="RR", number=[800, 810], unit="ms"), "RR 800, 810 ms"),
        (annotation(name="Rhythm", value="Sinus rhythm"), "Rhythm: Sinus rhythm"),
        (annotation(name="Pacemaker present"), "Pacemaker present"),
        (annotation(" Sinus \r\n rhythm\0", name="Interpretation"), "Sinus rhythm"),
    ],
)
def test_each_kind_is_words(given: Dataset, words: str) -> None:
    assert said(given) == (words,)


def test_a_mark_on_the_signal_is_no_statement() -> None:
    mark = annotation(name="P Onset")
    mark.TemporalRangeType, mark.ReferencedSamplePositions = "POINT", 120
    assert said(mark, annotation()) == ()


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_is_said_of_one_lead_names_it(syntax: str) -> None:
    one, all_, none = (annotation(name="ST", number=each, unit="uV") for each in (1, 2, 3))
    one.ReferencedWaveformChannels, none.ReferencedWaveformChannels = V2, NOWHERE
    assert said(one, all_, none, syntax=syntax) == ("ST 1 uV (V2)", "ST 2 uV", "ST 3 uV")


def test_sentences_come_first_and_nothing_twice() -> None:
    measured = annotation(name="PR", number=150, unit="ms")
    assert said(measured, annotation("Sinus rhythm"), measured) == ("Sinus rhythm", "PR 150 ms")


def test_no_statement_shows_in_a_repr() -> None:
    ds = twelve_lead_dataset(RAW)
    ds.WaveformAnnotationSequence = [annotation("Planted words")]
    assert "Planted" not in repr(read(Payload(to_bytes(ds))))
