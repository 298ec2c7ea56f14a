"""What a PACS gets: the report's PDF and picture as DICOM objects, and how they are known again."""

import io
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from uuid import UUID

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID

from adapters.dicom import values
from adapters.dicom.codes import COMPREHENSIVE_SR, ENCAPSULATED_PDF, SECONDARY_CAPTURE
from adapters.dicom.outgoing import instance_uid
from adapters.dicom.results import (
    encapsulated_pdf,
    encoded,
    own_report_id,
    part10,
    secondary_capture,
)
from ecg.errors import Refused
from ecg.recording import Order, Patient, Provenance, Study
from ecg.report import Picture, Report
from tests.golden import dicom_files, reports
from tests.golden.reports import ORDER, PATIENT, report

BORN = replace(PATIENT, birth_date=date(1961, 2, 3))


def whole(**changed: object) -> Report:
    return report(asserted=("MI",), patient=BORN, **changed)  # type: ignore[arg-type]


def read(dataset: Dataset) -> Dataset:
    return dcmread(io.BytesIO(part10(dataset)))


def test_the_same_report_gives_the_same_bytes_and_uids() -> None:
    assert [part10(each) for each in encoded(whole())] == [part10(each) for each in encoded(whole())]


def test_every_uid_is_derived_valid_and_stands_once() -> None:
    uids = [uid for each in encoded(whole()) for uid in (each.SOPInstanceUID, each.SeriesInstanceUID)]
    assert len(set(uids)) == 6
    assert all(UID(uid).is_valid and uid.startswith("2.25.") for uid in uids)
    assert encapsulated_pdf(whole()).SOPInstanceUID == instance_uid(whole().id, "pdf")


def test_an_amended_version_is_another_object_in_the_same_series() -> None:
    first, second = encapsulated_pdf(whole()), encapsulated_pdf(replace(whole(), version=2, status="amended"))
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert (first.InstanceNumber, second.InstanceNumber) == (1, 2)
    assert "amended" in second.SeriesDescription


@pytest.mark.parametrize("encode", [encapsulated_pdf, secondary_capture])
def test_patient_study_and_source_are_the_recordings(encode: object) -> None:
    dataset = read(encode(whole()))  # type: ignore[operator]
    assert dataset.PatientName == "Muster^Erika"
    assert (dataset.PatientID, dataset.IssuerOfPatientID) == ("4711", "Musterklinik")
    assert (dataset.PatientBirthDate, dataset.PatientSex) == ("19610203", "F")
    assert (dataset.StudyInstanceUID, dataset.AccessionNumber) == (ORDER.study_uid, "A-100")
    assert dataset.IssuerOfAccessionNumberSequence[0].LocalNamespaceEntityID == "RIS"
    (source,) = dataset.SourceInstanceSequence
    assert source.ReferencedSOPInstanceUID == reports.recording().provenance.instance_uid
    assert source.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.9.1.1"
    assert (dataset.Manufacturer, dataset.SoftwareVersions) == ("Twelvelead", reports.RELEASE)
    assert "preliminary" in dataset.SeriesDescription and "research" in dataset.SeriesDescription
    assert "DeviceSerialNumber" not in dataset


@pytest.mark.parametrize("encode", [encapsulated_pdf, secondary_capture])
def test_the_study_is_described_as_by_its_source(encode: object) -> None:
    dataset = read(encode(whole()))  # type: ignore[operator]
    assert (dataset.StudyID, dataset.StudyDate, dataset.StudyTime) == ("S-100", "20240501", "095900")
    assert (dataset.StudyDescription, dataset.ReferringPhysicianName) == ("ECG at rest", "Beispiel^Anna")
    assert dataset.AdmissionID == "V-100" and "PatientAge" not in dataset
    assert read(encode(whole(study=Study(patient_age="042Y")))).PatientAge == "042Y"  # type: ignore[operator]
    assert "PatientAge" not in encode(whole(study=Study(patient_age="42")))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("day", "time"),
    [("20240230", "24"), ("2024.05.01", "10:15"), ("2024051", "101"), ("2024051١", "1٠"), (None, None), ("", "")],
)
def test_a_study_date_or_time_that_is_none_is_left_empty(day: str | None, time: str | None) -> None:
    dataset = encapsulated_pdf(whole(study=Study(date=day, time=time)))
    assert (dataset.StudyDate, dataset.StudyTime, dataset.StudyID) == ("", "", "")
    assert "StudyDescription" not in dataset


@pytest.mark.parametrize("time", ["10", "1015", "101559", "101560", "101559.1", "235959.999999"])
def test_a_study_time_keeps_its_precision(time: str) -> None:
    assert encapsulated_pdf(whole(study=Study(time=time))).StudyTime == time


def test_the_source_is_of_its_own_class() -> None:
    source = replace(reports.recording().provenance, class_uid="1.2.840.10008.5.1.4.1.1.9.1.2")
    (named,) = encapsulated_pdf(whole(provenance=source)).SourceInstanceSequence
    assert named.ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.9.1.2"
    assert "SourceInstanceSequence" not in encapsulated_pdf(whole(provenance=replace(source, class_uid=None)))


def test_the_pdf_is_inside_with_its_true_length() -> None:
    for pdf in (reports.pdf(), reports.pdf() + b"\n"):
        dataset = read(encapsulated_pdf(replace(whole(), pdf=pdf)))
        assert dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength] == pdf
        assert len(dataset.EncapsulatedDocument) % 2 == 0
    assert (dataset.SOPClassUID, dataset.Modality, dataset.ConversionType) == (ENCAPSULATED_PDF, "DOC", "WSD")
    assert (dataset.BurnedInAnnotation, dataset.VerificationFlag) == ("YES", "UNVERIFIED")
    assert dataset.ConceptNameCodeSequence[0].CodeValue == "11524-6"


def test_the_picture_is_inside_pixel_by_pixel() -> None:
    image = Image.effect_noise((31, 17), 80).convert("RGB")
    dataset = read(secondary_capture(replace(whole(), pictures=(picture("map"), picture("ecg", image)))))
    assert np.array_equal(dataset.pixel_array, np.asarray(image))
    assert (dataset.SOPClassUID, dataset.Modality, dataset.ConversionType) == (SECONDARY_CAPTURE, "ECG", "SYN")
    assert (dataset.PhotometricInterpretation, dataset.BurnedInAnnotation) == ("RGB", "NO")


def test_without_an_ecg_picture_the_first_is_taken_and_without_any_none() -> None:
    assert secondary_capture(whole()).Rows == 8
    alone = replace(whole(), pictures=())
    assert [each.SOPClassUID for each in encoded(alone)] == [ENCAPSULATED_PDF, COMPREHENSIVE_SR]
    with pytest.raises(ValueError, match="no picture"):
        secondary_capture(alone)


@pytest.mark.parametrize("study", [None, "", "no uid", "1.2." + "3" * 70, "1.02.3", "1.2.3\\4.5"])
def test_without_a_study_there_is_no_object(study: str | None) -> None:
    with pytest.raises(Refused, match="no study"):
        encoded(whole(order=Order(study_uid=study)))


def test_a_source_without_uid_is_not_named() -> None:
    assert "SourceInstanceSequence" not in encapsulated_pdf(whole(provenance=Provenance("csv")))


@pytest.mark.parametrize(
    ("acquired", "stated", "content", "offset"),
    [
        (reports.ACQUIRED, "20240501101230.000000+0200", "103000.000000", "+0200"),
        (datetime(2024, 5, 1, 10, 12, 30), "20240501101230.000000", "083000.000000", None),
        (None, "", "083000.000000", "+0000"),
        (
            datetime(2024, 5, 1, 10, tzinfo=timezone(timedelta(minutes=51, seconds=28))),
            "20240501090832.000000+0000",
            "083000.000000",
            "+0000",
        ),
    ],
)
def test_times_say_their_zone_or_none(acquired: datetime | None, stated: str, content: str, offset: str | None) -> None:
    dataset = encapsulated_pdf(whole(acquired_at=acquired))
    assert dataset.AcquisitionDateTime == stated
    assert (dataset.ContentDate, dataset.ContentTime) == ("20240501", content)
    assert dataset.get("TimezoneOffsetFromUTC") == offset


def test_a_name_in_greek_arrives_whole() -> None:
    name = "Παπαδοπούλου^Ελένη"
    dataset = read(encapsulated_pdf(report(patient=replace(BORN, name=name))))
    assert (dataset.SpecificCharacterSet, dataset.PatientName) == ("ISO_IR 192", name)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("A" * 70 + "^B", "A" * 64),
        ("Ω" * 64, "Ω" * 64),
        ("Ω" * 65, "Ω" * 32),
        ("A^B^C^D^E^F^G", "A^B^C^D^E F G"),
        ("A\\B=C\n^D^^", "A B C^D"),
        ("\ud800", ""),
        (None, ""),
    ],
)
def test_a_name_keeps_its_limits(given: str | None, written: str) -> None:
    assert values.person_name(given) == written


@pytest.mark.parametrize("id_", ["x" * 65, "a\\b", "a\nb", "\ud800"])
def test_an_id_that_does_not_fit_is_left_out_and_never_cut(id_: str) -> None:
    dataset = read(encapsulated_pdf(report(patient=replace(BORN, id=id_), order=replace(ORDER, accession_number=id_))))
    assert (dataset.PatientID, dataset.AccessionNumber) == ("", "")
    assert "IssuerOfPatientID" not in dataset and "IssuerOfAccessionNumberSequence" not in dataset


def test_an_early_birth_date_has_four_digits_of_year() -> None:
    assert values.day(date(961, 2, 3)) == "09610203"


def test_our_objects_are_known_again_in_every_transfer_syntax() -> None:
    wanted = whole()
    for dataset in encoded(wanted):
        assert own_report_id(part10(dataset)) == wanted.id
        for syntax in dicom_files.SYNTAXES:
            copied = Dataset()
            copied.update({tag: dataset[tag] for tag in dataset.keys() if tag != 0x7FE00010})  # noqa: SIM118
            assert own_report_id(dicom_files.to_bytes(copied, syntax)) == wanted.id


def test_our_object_is_known_again_when_its_private_block_moved() -> None:
    dataset = encapsulated_pdf(whole())
    for tag in (0x00090010, 0x00091001):
        del dataset[tag]
    dataset.private_block(9, "SOMEBODY", create=True).add_new(1, "LO", "else")
    dataset.private_block(9, "TWELVELEAD", create=True).add_new(1, "UN", whole().id.urn.encode() + b" ")
    assert own_report_id(part10(dataset)) == whole().id


def test_nothing_else_is_taken_for_ours() -> None:
    ecg = dicom_files.twelve_lead_dataset(dicom_files.square_wave(3))
    assert own_report_id(dicom_files.to_bytes(ecg)) is None
    ecg.SeriesDescription = "TWELVELEAD"
    assert own_report_id(dicom_files.to_bytes(ecg)) is None
    ecg.private_block(9, "TWELVELEAD", create=True).add_new(1, "LO", "no uuid")
    assert own_report_id(dicom_files.to_bytes(ecg)) is None
    assert own_report_id(b"TWELVELEAD") is None


@pytest.mark.filterwarnings("ignore")  # pydicom's, of character sets
def test_whatever_is_broken_is_not_ours_and_raises_nothing() -> None:
    data = part10(encapsulated_pdf(whole()))
    rng = np.random.default_rng(1)
    for _ in range(300):
        spoilt = np.frombuffer(data, np.uint8).copy()
        spoilt[rng.integers(132, 1000, 5)] = rng.integers(0, 256, 5)
        found = own_report_id(spoilt.tobytes()[: rng.integers(140, len(data))])
        assert found is None or isinstance(found, UUID)


def test_the_picture_of_a_real_report_is_a_secondary_capture(read_sample: Report) -> None:
    shown = next(each for each in read_sample.pictures if each.name == "ecg")
    dataset = read(secondary_capture(read_sample))
    assert np.array_equal(dataset.pixel_array, np.asarray(Image.open(io.BytesIO(shown.png)).convert("RGB")))


def test_the_least_that_a_recording_says_is_enough() -> None:
    least = whole(order=Order(study_uid="1.2.3"), acquired_at=None, provenance=Provenance("x"))
    for dataset in encoded(replace(least, recording=replace(least.recording, patient=Patient()))):
        assert (read(dataset).PatientID, read(dataset).PatientName) == ("", "")


def picture(name: str, image: Image.Image | None = None) -> Picture:
    return Picture(name, name, saved(image) if image else reports.png())


def saved(image: Image.Image) -> bytes:
    held = io.BytesIO()
    image.save(held, "PNG")
    return held.getvalue()
