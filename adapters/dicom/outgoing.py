"""What every DICOM object of a report says: whose it is, of which study, from which ECG, by what, under which UIDs."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from adapters.dicom import values
from adapters.dicom.codes import COMPREHENSIVE_SR, ENCAPSULATED_PDF, SECONDARY_CAPTURE
from adapters.terminology import Concept
from ecg.errors import Refused
from ecg.recording import Study
from ecg.report import NAMESPACE, Picture, Report

# The parts of a report that go to a PACS, each a series of its own: a series has one modality (PS3.3 C.7.3.1.1.1).
PDF: Final = "pdf"
PICTURE: Final = "picture"
STRUCTURED: Final = "sr"
REJECTION: Final = "rejection"
_SERIES_NUMBER: Final = {PDF: 9001, PICTURE: 9002, REJECTION: 9003, STRUCTURED: 9004}
# The SOP class of each part that a rejection note may reject.
PARTS: Final = {PDF: ENCAPSULATED_PDF, PICTURE: SECONDARY_CAPTURE, STRUCTURED: COMPREHENSIVE_SR}

# PS3.5 7.8.1: a private block, by which an object is known as ours when it comes back. Early in the dataset: it is
# found without passing over document or pixels.
PRIVATE_GROUP: Final = 0x0009
PRIVATE_CREATOR: Final = "TWELVELEAD"
REPORT_ID: Final = 0x01

ECG: Final = "ecg"  # the name of the picture without a map
MANUFACTURER: Final = "Twelvelead"
# PS3.5 B.2: a UID from a UUID, under 2.25.
_IMPLEMENTATION: Final = f"2.25.{uuid5(NAMESPACE, 'DICOM implementation').int}"
# PS3.5 6.2: a Short String, in which a code's value stands, has at most 16 characters; PS3.3 8.1 then has a long one.
_SHORT: Final = 16


def instance_uid(report_id: UUID, part: str, version: int = 1) -> str:
    """Return the SOP Instance UID of a part of a report: a retry sends the same, an amended version another."""
    return _derived(report_id, f"{part}-{version}")


def series_uid(report_id: UUID, part: str) -> str:
    """Return the Series Instance UID of a part of a report, the same for all its versions."""
    return _derived(report_id, f"{part}-series")


def earlier(report: Report, former: Sequence[str]) -> dict[str, list[str]]:
    """Return those of the SOP Instance UIDs that are objects of earlier versions of the report, by their part."""
    uids = {part: [instance_uid(report.id, part, each) for each in range(1, report.version)] for part in PARTS}
    found = {part: [each for each in all_ if each in former] for part, all_ in uids.items()}
    return {part: each for part, each in found.items() if each}


def captured(report: Report) -> Picture | None:
    """Return the picture that goes out as Secondary Capture: the ECG under the first map, else the ECG alone."""
    mapped = (each for each in report.pictures if each.finding and each.method)
    return next(mapped, next((each for each in report.pictures if each.name == ECG), next(iter(report.pictures), None)))


def hierarchy(report: Report, objects: Mapping[str, Sequence[str]]) -> Dataset:
    """Return a reference to objects of the report, by study and series (PS3.3 table C.17-3)."""
    series = [
        item(
            SeriesInstanceUID=series_uid(report.id, part),
            ReferencedSOPSequence=[reference(PARTS[part], each) for each in uids],
        )
        for part, uids in objects.items()
    ]
    return item(StudyInstanceUID=report.recording.order.study_uid, ReferencedSeriesSequence=series)


def shared(report: Report, sop_class: str, part: str) -> Dataset:
    """Return what all objects say: whose they are, of which study, from which ECG and by what."""
    recording = report.recording
    patient, order = recording.patient, recording.order
    if not (study := values.unique_identifier(order.study_uid)):
        raise Refused("The recording names no study, to which a DICOM object could belong.")
    dataset = Dataset()
    dataset.set_original_encoding(False, True, "ISO_IR 192")
    dataset.file_meta = _file_meta(report, sop_class, instance_uid(report.id, part, report.version))
    # SOP Common (PS3.3 C.12.1).
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, dataset.file_meta.MediaStorageSOPInstanceUID
    # Patient (PS3.3 C.7.1.1).
    dataset.PatientName, dataset.PatientID = values.person_name(patient.name), values.identifier(patient.id)
    if dataset.PatientID and (issuer := values.identifier(patient.issuer)):
        dataset.IssuerOfPatientID = issuer
    dataset.PatientBirthDate, dataset.PatientSex = values.day(patient.birth_date), patient.sex or ""
    # General Study (PS3.3 C.7.2.1).
    dataset.StudyInstanceUID = study
    dataset.AccessionNumber = values.identifier(order.accession_number, values.SH)
    if dataset.AccessionNumber and (issuer := values.identifier(order.accession_issuer)):
        dataset.IssuerOfAccessionNumberSequence = [item(LocalNamespaceEntityID=issuer)]
    _set_study(dataset, recording.study)
    if admission := values.identifier(order.admission_id):
        dataset.AdmissionID = admission
    # General Series and General Equipment (PS3.3 C.7.3.1, C.7.5.1).
    dataset.SeriesInstanceUID = series_uid(report.id, part)
    dataset.SeriesNumber, dataset.InstanceNumber = _SERIES_NUMBER[part], report.version
    dataset.Manufacturer = dataset.ManufacturerModelName = MANUFACTURER
    dataset.SoftwareVersions = values.label(report.release)
    _set_issued(dataset, report)
    # General Reference (PS3.3 C.12.4), and in documents C.24.2.
    source = values.unique_identifier(recording.provenance.instance_uid)
    kind = values.unique_identifier(recording.provenance.class_uid)
    if source and kind:
        dataset.SourceInstanceSequence = [reference(kind, source)]
    block = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    block.add_new(REPORT_ID, "LO", report.id.urn)
    return dataset


def _set_study(dataset: Dataset, study: Study) -> None:
    """Set what all objects of the study share (PS3.3 C.7.2.1): as its source has it, or empty where that is invalid."""
    dataset.StudyDate, dataset.StudyTime = values.stated_day(study.date), values.stated_time(study.time)
    dataset.StudyID = values.identifier(study.id, values.SH)
    dataset.ReferringPhysicianName = values.person_name(study.referring_physician)
    if description := values.label(study.description):
        dataset.StudyDescription = description
    if age := values.stated_age(study.patient_age):  # Patient Study (PS3.3 C.7.2.2)
        dataset.PatientAge = age


def _set_issued(dataset: Dataset, report: Report) -> None:
    """Set the time of issue, in the acquisition's zone.

    Timezone Offset From UTC holds for every time without a zone (PS3.3 C.12.1.1.8), so it is not stated where the
    acquisition's has none: that would give it one.
    """
    at = acquired(report)
    issued = values.zoned(report.issued if at is None else report.issued.astimezone(at.tzinfo))
    if at is None or at.tzinfo is not None:
        dataset.TimezoneOffsetFromUTC = values.offset(issued)
    dataset.ContentDate, dataset.ContentTime = values.day(issued), values.time_of_day(issued)


def acquired(report: Report) -> datetime | None:
    """Return when the ECG was acquired, in a zone that DICOM can write."""
    at = report.recording.acquired_at
    return None if at is None else values.zoned(at)


def _file_meta(report: Report, sop_class: str, instance: str) -> FileMetaDataset:
    """Return the file meta information (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(sop_class), UID(instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    meta.ImplementationVersionName = values.label(f"TWELVELEAD {report.release}", values.SH)
    return meta


def _derived(report_id: UUID, role: str) -> str:
    return f"2.25.{uuid5(report_id, f'dicom-{role}').int}"


def item(**attributes: Any) -> Dataset:
    """Return an item of a sequence."""
    made = Dataset()
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def reference(sop_class: str, uid: str) -> Dataset:
    """Return a reference to an object (PS3.3 table 10-11)."""
    return item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid)


def code(concept: Concept) -> Dataset:
    """Return an item of a code sequence (PS3.3 8.1)."""
    made = item(CodingSchemeDesignator=concept.scheme, CodeMeaning=values.label(concept.meaning))
    setattr(made, "CodeValue" if len(concept.value) <= _SHORT else "LongCodeValue", concept.value)
    return made
