"""What is attached to a document of FHIR is read as if it had come by itself; what is not here is not fetched."""

import base64
import hashlib
import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from fhir.resources import R4B as R4B_CLASSES
from fhir.resources import get_fhir_model_class as r5_class
from pydicom.data import get_testdata_file

from adapters import pages
from adapters.fhir.bundle import encode
from adapters.fhir.documents import attached
from adapters.readers import WRAPPERS, read, unwrapped
from ecg.errors import MalformedPayload, PayloadError, UnknownFormat, UnreadablePage
from ecg.payload import Declared, Payload
from ecg.recording import Order, Patient, Recording
from service.intake import own_report_id
from tests.golden.dicom_files import Who, square_wave, twelve_lead_dataset
from tests.golden.dicom_files import to_bytes as dicom_bytes
from tests.golden.fhir_files import PATIENT, SUBJECT, SYSTEM, bundle, observation, to_bytes
from tests.golden.reports import report

Json = dict[str, Any]
PDF: Final = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
DICOM_TYPE: Final = "application/dicom"
WRITERS: Final[dict[str, Callable[[str], Any]]] = {"R4B": R4B_CLASSES.get_fhir_model_class, "R5": r5_class}


def ecg() -> bytes:
    """Return pydicom's own sample ECG."""
    return Path(str(get_testdata_file("waveform_ecg.dcm", download=False))).read_bytes()


def nameless() -> bytes:
    """Return a DICOM ECG that says nothing of its patient."""
    dataset = twelve_lead_dataset(square_wave(), who=Who(name="", id=""))
    del dataset.IssuerOfPatientID
    return dicom_bytes(dataset)


def attachment(content: bytes, kind: str = DICOM_TYPE, **changes: Any) -> Json:
    made = {
        "contentType": kind,
        "data": base64.b64encode(content).decode(),
        "size": len(content),
        "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def reference(*forms: Json, **changes: Any) -> Json:
    return {
        "resourceType": "DocumentReference",
        "id": "doc",
        "status": "current",
        "contained": [PATIENT | {"id": "who"}],
        "subject": {"reference": "#who"},
        "content": [{"attachment": each} for each in forms],
    } | changes


def media(form: Json, **changes: Any) -> Json:
    return {"resourceType": "Media", "id": "m", "status": "completed", "subject": SUBJECT, "content": form} | changes


def binary(data: bytes, kind: str = DICOM_TYPE, **changes: Any) -> Json:
    held = {"contentType": kind, "data": base64.b64encode(data).decode()}
    return {"resourceType": "Binary", "id": "b"} | held | changes


def diagnostic(*forms: Json, **changes: Any) -> Json:
    code = {"coding": [{"system": "http://loinc.org", "code": "11524-6"}]}
    made = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "code": code, "subject": SUBJECT}
    return made | {"presentedForm": list(forms)} | changes


def inside(resource: Json, media_type: str = "application/fhir+json", **declared: Any) -> tuple[Payload, ...]:
    return unwrapped(Payload(to_bytes(resource), media_type, Declared(**declared)))


def read_all(resource: Json, **declared: Any) -> list[Recording]:
    return [found for each in inside(resource, **declared) for found in read(each)]


@pytest.mark.parametrize("version", WRITERS)
def test_an_attached_ecg_is_the_ecg_itself_in_every_version(version: str) -> None:
    data = WRITERS[version]("DocumentReference").model_validate(reference(attachment(ecg()))).model_dump_json().encode()
    (inner,) = unwrapped(Payload(data))
    assert inner.data == ecg() and inner.media_type == DICOM_TYPE
    (alone,), (one,) = read(Payload(ecg())), read(Payload(inner.data))
    assert np.array_equal(one.waveform.signal, alone.waveform.signal)


@pytest.mark.parametrize(
    "resource",
    [
        reference(attachment(ecg())),
        media(attachment(ecg())),
        binary(ecg()),
        diagnostic(attachment(ecg())),
        bundle(PATIENT, media(attachment(ecg())), kind="searchset"),
        bundle(PATIENT, diagnostic(attachment(PDF, "application/pdf")), media(attachment(ecg())), kind="transaction"),
        bundle(binary(ecg()), reference({"contentType": DICOM_TYPE, "url": "Binary/b"}), kind="batch"),
        bundle(bundle(reference(attachment(ecg())))),
        reference(attachment(PDF, "application/pdf"), attachment(ecg())),
        reference(attachment(ecg()), attachment(ecg(), "application/octet-stream")),
        reference(attachment(ecg(), data=base64.encodebytes(ecg()).decode())),
        reference(attachment(ecg(), size=str(len(ecg())))),
        reference(attachment(ecg(), contentType=None)),
    ],
    ids=lambda each: each["resourceType"],
)
def test_every_document_gives_the_ecg_once(resource: Json) -> None:
    assert [each.data for each in inside(resource)] == [ecg()]


def test_what_is_attached_may_be_wrapped_again() -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("one.dcm", nameless())
        archive.writestr("two.json", to_bytes(observation(contained=None, subject=None)))
    found = read_all(reference(attachment(whole.getvalue(), "application/zip")))
    assert [each.patient.id for each in found] == ["PLANTED-4711", "PLANTED-4711"]
    layers = to_bytes(observation())
    for _ in range(4):
        layers = to_bytes(binary(layers, "application/fhir+json"))
    with pytest.raises(MalformedPayload, match="wrappings"):
        unwrapped(Payload(layers))


def test_the_patient_and_the_order_are_inherited() -> None:
    number = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}
    request = {
        "resourceType": "ServiceRequest",
        "id": "q",
        "status": "active",
        "intent": "order",
        "priority": "asap",
        "subject": SUBJECT,
        "identifier": [{"type": {"coding": [number]}, "system": "urn:oid:7", "value": "A-1"}],
    }
    stay = {"type": "Encounter", "identifier": {"value": "V-1"}}
    asked = {"reference": "ServiceRequest/q"}
    four = reference(attachment(nameless()), context={"encounter": [stay], "related": [asked]})
    five = reference(attachment(nameless()), context=[stay], basedOn=[asked])
    picture = media(attachment(nameless()), encounter=stay, basedOn=[asked])
    for document in (four, five, picture):
        (one,) = read_all(bundle(PATIENT, request, document))
        assert (one.patient.id, one.patient.issuer, one.patient.name) == ("PLANTED-4711", SYSTEM, "Quokka^Zebediah Q")
        assert (one.order.accession_number, one.order.admission_id) == ("A-1", "V-1")
        (inner,) = inside(bundle(PATIENT, request, document))
        assert inner.declared.order is not None and inner.declared.order.priority == "asap"


def test_another_patient_inside_or_declared_is_refused() -> None:
    with pytest.raises(MalformedPayload, match="patient"):
        read_all(reference(attachment(dicom_bytes(twelve_lead_dataset(square_wave(), who=Who(id="other"))))))
    with pytest.raises(MalformedPayload, match="patient"):
        inside(reference(attachment(nameless())), patient=Patient(id="other"))
    (one,) = inside(reference(attachment(nameless())), order=Order(priority="stat"), unit="uV")
    assert one.declared.unit == "uV" and one.declared.order == Order(priority="stat")


def test_a_name_and_a_system_may_be_one_issuer() -> None:
    dataset = twelve_lead_dataset(square_wave(), who=Who(id="PLANTED-4711", name=""))
    dataset.IssuerOfPatientID = "HOSPITAL"
    (one,) = read_all(reference(attachment(dicom_bytes(dataset))))
    assert (one.patient.id, one.patient.issuer) == ("PLANTED-4711", "HOSPITAL")
    dataset.IssuerOfPatientID = "urn:oid:9.9"
    with pytest.raises(MalformedPayload, match="issuer"):
        read_all(reference(attachment(dicom_bytes(dataset))))


@pytest.mark.parametrize("data", [PDF, b"\x89PNG\r\n\x1a\n...."])
def test_a_page_goes_to_its_reader(data: bytes) -> None:
    with pytest.raises(UnreadablePage) as caught:
        read_all(reference(attachment(data, "application/pdf")))
    assert caught.value.reason == "damaged"


def test_beside_samples_documents_are_left_out_and_it_is_said() -> None:
    whole = bundle(observation(), media(attachment(PDF, "application/pdf")), diagnostic(attachment(PDF)))
    (one,) = read_all(whole)
    assert any("left out: 2" in note for note in one.provenance.notes)
    assert read_all(bundle(observation()))[0].provenance.notes == ()


REFUSED: Final[dict[str, tuple[Json, type[PayloadError], str]]] = {
    "by URL": (reference({"url": "http://ehr/ecg.dcm"}), MalformedPayload, "nothing is fetched"),
    "a Binary that is not here": (reference({"url": "Binary/b"}), MalformedPayload, "nothing is fetched"),
    "no data": (reference({"contentType": DICOM_TYPE}), MalformedPayload, "no data"),
    "empty data": (reference(attachment(b"", size=None, hash=None)), MalformedPayload, "breaks|no data"),
    "an empty Binary": ({"resourceType": "Binary", "contentType": DICOM_TYPE}, MalformedPayload, "no data"),
    "another size": (reference(attachment(ecg(), size=7)), MalformedPayload, "size"),
    "another hash": (reference(attachment(ecg(), hash="AAAA")), MalformedPayload, "hash"),
    "a hash in hex": (reference(attachment(ecg(), hash="zz")), MalformedPayload, "base64"),
    "no base64": (reference(attachment(ecg(), data="Zebediah Quokka!")), MalformedPayload, "base64"),
    "in error": (reference(attachment(ecg()), status="entered-in-error"), MalformedPayload, "in error"),
    "replaced": (reference(attachment(ecg()), status="superseded"), MalformedPayload, "replaced"),
    "never made": (media(attachment(ecg()), status="not-done"), MalformedPayload, "never made"),
    "unknown element": (reference(attachment(ecg()), Zebediah=1), MalformedPayload, "unknown element"),
    "a report without a form": (diagnostic(presentedForm=None), MalformedPayload, "breaks"),
    "nothing attached": (bundle(PATIENT, {"resourceType": "Media"}), MalformedPayload, "breaks"),
    "no document": (bundle(PATIENT, {"resourceType": "Basic", "code": {"text": "Media"}}), UnknownFormat, "attached"),
    "R4's and R5's": (
        reference(attachment(ecg()), context=[{"display": "x"}], masterIdentifier={"value": "x"}),
        MalformedPayload,
        "breaks R4's rules",
    ),
    "too many": (bundle(*(binary(b"x", id=f"b{at}") for at in range(101))), MalformedPayload, "101 documents"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_unwrapped_is_refused_without_its_words(case: str) -> None:
    resource, error, why = REFUSED[case]
    with pytest.raises(error, match=why) as caught:
        read_all(resource)
    assert type(caught.value) is error
    assert not any(word in str(caught.value) for word in ("Zebediah", "Quokka", "PLANTED", "ehr"))


def test_media_is_of_r4_and_not_of_r5() -> None:
    assert inside(media(attachment(ecg())), "application/fhir+json; fhirVersion=4.0")
    with pytest.raises(MalformedPayload, match="R5"):
        inside(media(attachment(ecg())), "application/fhir+json; fhirVersion=5.0")


def test_it_is_known_in_which_entry_each_came() -> None:
    whole = bundle(PATIENT, binary(nameless()), bundle(media(attachment(ecg())), media(attachment(PDF), id="n")))
    assert [at for at, _ in attached(Payload(to_bytes(whole)))] == [1, 2, 2]


def test_a_report_of_ours_is_not_unwrapped_and_its_parts_are_known() -> None:
    made = report(asserted=("MI",))
    whole = encode(made)
    assert not any(each.claims(Payload(whole)) for each in WRAPPERS) and own_report_id(whole) == made.id
    ours = PDF + b"1 0 obj\n<< /Creator (Twelvelead 1.0) /Subject (urn:uuid:%s) >>" % str(made.id).encode()
    for document in (reference(attachment(ours)), binary(ours), diagnostic(attachment(ours))):
        (inner,) = inside(document)
        assert own_report_id(inner.data) == made.id
    for other in (ours.replace(b"Twelvelead", b"Vendor"), ours[5:], ours.replace(b"urn:uuid", b"urn:oid"), ecg()):
        assert pages.own_report_id(other) is None


def test_it_never_raises_for_what_it_does_not_claim() -> None:
    wrapper = WRAPPERS[-1]
    for data in (b"{", b'{"resourceType"', b'{"resourceType":"Media"', b'{"resourceType": ["Media"]}', b"\xff" * 99):
        claimed = wrapper.claims(Payload(data))
        assert isinstance(claimed, bool)
        with pytest.raises(PayloadError):
            [read(each) for each in unwrapped(Payload(data))]


def test_a_large_attachment_takes_no_more_memory_than_it_may() -> None:
    data = json.dumps(reference(attachment(PDF + bytes(4_000_000)))).encode()
    tracemalloc.start()
    unwrapped(Payload(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(data)
