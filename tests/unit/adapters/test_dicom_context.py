"""A DICOM object's patient, order, time and statements, and what is never told of them."""

import warnings
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_charset_files
from pydicom.dataset import Dataset

from adapters.dicom import context
from adapters.dicom.elements import parse
from adapters.readers import read
from ecg.errors import MalformedPayload, PayloadError
from ecg.payload import Declared, Payload
from ecg.recording import Order, Patient, Recording, Study
from tests.golden.dicom_files import SYNTAXES, Who, square_wave, to_bytes, twelve_lead_dataset

RAW = square_wave(3)
NOTHING = Declared()
CYRILLIC = "\u0418\u0432\u0430\u043d"


def read_one(ds: Dataset, declared: Declared = NOTHING) -> Recording:
    (recording,) = read(Payload(to_bytes(ds), declared=declared))
    return recording


def acquired(text: str, offset: str | None = None) -> Recording:
    ds = twelve_lead_dataset(RAW, who=replace(Who(), acquired="20200101000000.000000+0000"))
    if offset:
        ds.TimezoneOffsetFromUTC = offset
    padded = to_bytes(ds).replace(b"20200101000000.000000+0000", text.ljust(26).encode())
    (recording,) = read(Payload(padded))
    return recording


def test_the_patient_is_read_as_stated() -> None:
    ds = twelve_lead_dataset(RAW, who=replace(Who(), name="Müller^Jürgen=漢^字"))
    ds.PatientAge = "063Y"
    assert read_one(ds).patient == Patient("4711", "HOSPITAL", "Müller^Jürgen", date(1961, 2, 3), "F", 63)


def test_a_name_is_decoded_by_its_character_set() -> None:
    ds = twelve_lead_dataset(RAW)
    ds.SpecificCharacterSet, ds.PatientName = "ISO_IR 144", CYRILLIC
    assert read_one(ds).patient.name == CYRILLIC


@pytest.mark.parametrize("file", sorted(get_charset_files("chr*.dcm")), ids=lambda file: Path(file).stem)
def test_pydicoms_own_files_of_all_character_sets_have_their_names(file: str) -> None:
    expected = str(pydicom.dcmread(file).get("PatientName", "")).partition("=")[0]
    assert context.patient(parse(Path(file).read_bytes())).name == (expected or None)


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 192", "Müller^漢"),
        ("GB18030", "王^小东"),
        ("GBK", "王^小东"),
        ("ISO_IR 126", "Διονυσιος"),
        (["", "ISO 2022 IR 87"], "山田^太郎"),
        (["", "ISO 2022 IR 149"], "김^희중"),
        (["ISO 2022 IR 6", "ISO 2022 IR 100", "ISO 2022 IR 144"], "Люк^Å"),
    ],
)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_name_in_any_character_set_is_read_right(charset: str | list[str], name: str, syntax: str) -> None:
    ds = twelve_lead_dataset(RAW)
    ds.SpecificCharacterSet, ds.PatientName = charset, name
    (recording,) = read(Payload(to_bytes(ds, syntax)))
    assert recording.patient.name == name


def test_a_name_without_an_alphabetic_group_is_read_from_the_next() -> None:
    assert read_one(twelve_lead_dataset(RAW, who=replace(Who(), name="=山田^太郎"))).patient.name == "山田^太郎"


@pytest.mark.parametrize("charset", [b"ISO_IR 999", b"Klingon!!!", b"ISO 2022 I", b"\\\\\\\\\\\\\\\\\\\\"])
@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom quotes the character set, which is nobody's name
def test_an_unknown_character_set_does_no_harm(charset: bytes) -> None:
    (recording,) = read(Payload(to_bytes(twelve_lead_dataset(RAW)).replace(b"ISO_IR 192", charset)))
    assert recording.patient.name == "Example^Eve" and recording.waveform.seconds == 3


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_bytes_that_break_their_character_set_do_no_harm() -> None:
    data = to_bytes(twelve_lead_dataset(RAW)).replace(b"Example^Eve", b"Exa\xff\xfeple^\xe9\xe9")
    (recording,) = read(Payload(data))
    assert recording.patient.name is not None and recording.patient.name.startswith("Exa")


@pytest.mark.parametrize(("text", "years"), [("006M", 0.5), ("010D", 10 / 365.25), ("003W", 21 / 365.25), ("", None)])
def test_an_age_is_in_years(text: str, years: float | None) -> None:
    ds = twelve_lead_dataset(RAW, who=replace(Who(), birth_date=None))
    ds.PatientAge = text
    assert read_one(ds).age == (None if years is None else pytest.approx(years))


def test_what_is_empty_is_none() -> None:
    ds = twelve_lead_dataset(RAW, who=Who(name="", id="", issuer="", sex="", birth_date=None, acquired=""))
    ds.AccessionNumber = ds.Manufacturer = ds.ManufacturerModelName = ""
    recording = read_one(ds)
    assert recording.patient == Patient()
    assert recording.order == Order(study_uid=ds.StudyInstanceUID)
    assert (recording.device.manufacturer, recording.device.model, recording.acquired_at) == (None, None, None)


def test_an_unknown_sex_is_none() -> None:
    assert read_one(twelve_lead_dataset(RAW, who=replace(Who(), sex="X"))).patient.sex is None


def test_order_numbers_are_found_in_the_object_and_in_its_requests() -> None:
    ds, request, issuer = twelve_lead_dataset(RAW), Dataset(), Dataset()
    issuer.LocalNamespaceEntityID = "RIS"
    ds.IssuerOfAccessionNumberSequence, ds.AdmissionID = [issuer], "V-1"
    request.PlacerOrderNumberImagingServiceRequest, request.FillerOrderNumberImagingServiceRequest = "P-1", "F-1"
    ds.ReferencedRequestSequence = [request]
    assert read_one(ds).order == Order("A-1", "RIS", "P-1", "F-1", "V-1", ds.StudyInstanceUID)


@pytest.mark.parametrize(
    ("stated", "priority"),
    [("STAT", "stat"), ("High ", "asap"), ("ROUTINE", "routine"), ("MEDIUM", "routine"), ("LOW", "routine")],
)
def test_a_priority_is_told_in_fhirs_words(stated: str, priority: str) -> None:
    ds = twelve_lead_dataset(RAW)
    ds.RequestedProcedurePriority = stated
    assert read_one(ds).order.priority == priority


@pytest.mark.parametrize("stated", ["", "AT ONCE"])
def test_another_priority_is_none(stated: str) -> None:
    ds = twelve_lead_dataset(RAW)
    ds.RequestedProcedurePriority = stated
    assert read_one(ds).order.priority is None


def test_of_several_requests_the_most_urgent_counts() -> None:
    ds, one, other = twelve_lead_dataset(RAW), Dataset(), Dataset()
    one.RequestedProcedurePriority, other.RequestedProcedurePriority = "LOW", "STAT"
    ds.RequestAttributesSequence = [one, other]
    assert read_one(ds).order.priority == "stat"


def test_the_study_is_read_as_stated() -> None:
    ds = twelve_lead_dataset(RAW)
    ds.SpecificCharacterSet, ds.ReferringPhysicianName = "ISO_IR 144", CYRILLIC + "^A=B^C"
    ds.StudyDescription, ds.StudyTime = "ECG at rest", "0959"
    recording = read_one(ds)
    assert recording.study == Study("1", "20200101", "0959", "ECG at rest", CYRILLIC + "^A")
    assert recording.provenance.class_uid == ds.SOPClassUID
    assert CYRILLIC not in repr(recording) and "20200101" not in repr(recording)


CET = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "offset", "expected"),
    [
        ("20240229123456.25", None, datetime(2024, 2, 29, 12, 34, 56, 250000)),
        ("202402291234", None, datetime(2024, 2, 29, 12, 34)),
        ("20240229123456+0100", None, datetime(2024, 2, 29, 12, 34, 56, tzinfo=CET)),
        ("20240229123456", "+0100", datetime(2024, 2, 29, 12, 34, 56, tzinfo=CET)),
        ("20240229123456+0000", "+0100", datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)),
        ("20240229123456-0330", None, datetime(2024, 2, 29, 12, 34, 56, tzinfo=timezone(-timedelta(hours=3.5)))),
    ],
)
def test_the_zone_is_the_times_own_then_the_files_then_none(text: str, offset: str | None, expected: datetime) -> None:
    at = acquired(text, offset).acquired_at
    assert at == expected and at is not None and at.utcoffset() == expected.utcoffset()


@pytest.mark.parametrize(
    "text", ["20230229120000", "2024", "20240101", "tomorrow", "00000000000000", "20240101120000+9"]
)
def test_a_time_that_cannot_be_read_is_none_and_noted(text: str) -> None:
    recording = acquired(text)
    assert recording.acquired_at is None
    assert recording.provenance.notes == ("The file's acquisition time could not be read.",)


def test_no_other_time_stands_in_for_that_of_acquisition() -> None:
    assert read_one(twelve_lead_dataset(RAW, who=replace(Who(), acquired=None))).acquired_at is None


def test_statements_stand_once_each_and_stripped() -> None:
    ds = twelve_lead_dataset(RAW)
    ds.WaveformAnnotationSequence = [Dataset() for _ in range(4)]
    for item, text in zip(
        ds.WaveformAnnotationSequence, [" Sinus rhythm ", "Sinus rhythm\0", "", "Low voltage"], strict=True
    ):
        item.UnformattedTextValue = text
    assert read_one(ds).statements == ("Sinus rhythm", "Low voltage")


def test_what_was_declared_fills_gaps() -> None:
    ds = twelve_lead_dataset(RAW, who=replace(Who(), id=None, issuer=None))
    declared = Declared(patient=Patient(id="99"), order=Order(placer_number="P-9"))
    recording = read_one(ds, declared)
    assert (recording.patient.id, recording.patient.name) == ("99", "Example^Eve")
    assert (recording.order.placer_number, recording.order.accession_number) == ("P-9", "A-1")


@pytest.mark.parametrize(
    "declared",
    [
        Declared(patient=Patient(id="4712")),
        Declared(patient=Patient(id="4711", issuer="ELSEWHERE")),
        Declared(patient=Patient(birth_date=date(1961, 2, 4))),
        Declared(order=Order(accession_number="A-2")),
    ],
)
def test_what_was_declared_never_overrides(declared: Declared) -> None:
    with pytest.raises(MalformedPayload, match="disagree") as caught:
        read_one(twelve_lead_dataset(RAW), declared)
    assert not any(value in str(caught.value) for value in ("4711", "4712", "ELSEWHERE", "1961", "A-2", "A-1"))


PLANTED = "Zaphod^Planted"


def broken(keyword: str, value: object) -> Dataset:
    ds = twelve_lead_dataset(RAW, who=replace(Who(), name=PLANTED, id=PLANTED))
    setattr(ds.WaveformSequence[0], keyword, value)
    return ds


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("NumberOfWaveformSamples", 7),
        ("WaveformBitsAllocated", 8),
        ("WaveformOriginality", "DERIVED"),
        ("MultiplexGroupLabel", PLANTED),
        ("SamplingFrequency", 1),
        ("ChannelDefinitionSequence", []),
    ],
)
def test_a_planted_name_shows_in_no_error_repr_log_or_warning(
    keyword: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    ds = broken(keyword, value)
    data = to_bytes(ds)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            told = repr(read(Payload(data)))
        except PayloadError as error:
            told = f"{error!s} {error!r} {error.__cause__!s}"
    assert "Planted" not in told + caplog.text + "".join(str(each.message) for each in warned)


def test_values_that_break_their_representation_are_not_told_either(caplog: pytest.LogCaptureFixture) -> None:
    data = to_bytes(twelve_lead_dataset(RAW, who=Who(name="Planted^" + "x" * 12, id="Planted")))
    broken_value = data.replace(b"19610203", b"Planted!").replace(b"20240229123456.25", b"Planted!Planted!x")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        (recording,) = read(Payload(broken_value))
    assert recording.patient.birth_date is None
    assert not warned and not caplog.records and "Planted" not in repr(recording)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_bundle_of_private_and_nested_elements_does_no_harm(syntax: str) -> None:
    ds, inner = twelve_lead_dataset(RAW), Dataset()
    inner.PatientID = "other"
    ds.private_block(0x0011, "EXAMPLE", create=True).add_new(1, "SQ", [inner])
    ds.OtherPatientIDsSequence = [inner]
    (recording,) = read(Payload(to_bytes(ds, syntax)))
    assert recording.patient.id == "4711" and np.nanmax(recording.waveform.signal) == 1
