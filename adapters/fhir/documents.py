"""Takes attachments out of FHIR's documents: a file in an electronic health record is read as if it came by itself."""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from adapters.declared import agreed_order, agreed_patient
from adapters.fhir import context
from adapters.fhir.bundled import Bundled, bundled
from adapters.fhir.codes import Json
from adapters.fhir.document import checked, is_resource, loaded
from adapters.fhir.own import own_report_id
from adapters.pages import page_kind
from ecg.errors import MalformedPayload, UnknownFormat
from ecg.payload import Declared, Payload
from ecg.recording import Order, Patient

MAX_DOCUMENTS: Final = 100

_REFERENCES: Final = ("DocumentReference", "Media")
_KINDS: Final = (*_REFERENCES, "Binary", "DiagnosticReport")
# The value sets of their statuses, R4's and R5's: what was never made, or must not be used.
_VOID: Final = frozenset({"entered-in-error", "cancelled", "not-done", "registered", "preparation", "superseded"})
_UNTOLD: Final = "application/octet-stream"


@dataclass(frozen=True)
class FhirDocumentWrapper:
    """Takes off DocumentReference, Media, Binary and DiagnosticReport.presentedForm, alone or in a Bundle.

    Where an ECG's samples came along, it is for the reader of Observations; and our own reports stay what they are.
    """

    name: str = "FHIR document"

    def claims(self, payload: Payload) -> bool:
        """Claim the JSON of these resources where no SampledData is among them."""
        data = payload.data
        return (
            is_resource(data)
            and b'"valueSampledData"' not in data
            and any(f'"{kind}"'.encode() in data for kind in _KINDS)
            and own_report_id(data) is None
        )

    def unwrap(self, payload: Payload) -> tuple[Payload, ...]:
        """Return what is attached, with the patient and the order of its document.

        Raises:
            UnknownFormat: nothing is attached, or the resources are of another version of FHIR.
            MalformedPayload: FHIR's rules are broken, an attachment is not here or not what it should be, or it is
                another patient's than was declared.
        """
        return tuple(inner for _, inner in attached(payload))


@dataclass(frozen=True)
class _Document:
    """A resource with the forms in which it holds its content: each an Attachment, or a Binary itself."""

    holder: Bundled
    forms: tuple[Json, ...] = field(repr=False)


def attached(payload: Payload) -> tuple[tuple[int, Payload], ...]:
    """Return what `FhirDocumentWrapper.unwrap` does, each with the index of the outermost Bundle's entry it came in.

    Raises:
        PayloadError: as `FhirDocumentWrapper.unwrap` does.
    """
    held = list(bundled(checked(loaded(payload.data), payload.media_type)))
    documents = _documents(held)
    if len(documents) > MAX_DOCUMENTS:
        raise MalformedPayload(f"{len(documents)} documents came together; at most {MAX_DOCUMENTS} may.")
    taken = [(each.holder.index, inner) for each in documents for inner in _payloads(each, payload.declared)]
    if not taken:
        raise UnknownFormat(f"None of the {len(held)} resources here has an ECG attached.")
    return tuple(taken)


def _documents(held: Sequence[Bundled]) -> list[_Document]:
    """Return the documents among resources. A report on an ECG is one where there is nothing else.

    Raises:
        MalformedPayload: each is marked as one that must not be used.
    """
    kinds = _REFERENCES if any(each.kind in _REFERENCES for each in held) else ("DiagnosticReport",)
    found = [_Document(each, tuple(_forms(each.resource))) for each in held if each.kind in kinds]
    named = {id(_binary(form, each.holder)) for each in found for form in each.forms}
    found += [
        _Document(each, (each.resource,)) for each in held if each.kind == "Binary" and id(each.resource) not in named
    ]
    valid = [each for each in found if each.forms and not _is_void(each.holder.resource)]
    if not valid and any(each.forms for each in found):
        raise MalformedPayload("Each document here is marked as never made, replaced, or made in error.")
    return sorted(valid, key=lambda each: each.holder.index)


def _is_void(resource: Json) -> bool:
    return resource.get("status") in _VOID or resource.get("docStatus") in _VOID


def _forms(resource: Json) -> Iterator[Json]:
    match resource["resourceType"]:
        case "DocumentReference":
            yield from (each["attachment"] for each in resource["content"])
        case "Media":
            yield resource["content"]
        case _:
            yield from resource.get("presentedForm", ())


def _payloads(document: _Document, declared: Declared) -> Iterator[Payload]:
    """Yield the content of a document, in each of its forms that has samples; where none has, in all."""
    taken = {}
    for each in document.forms:
        source = each if "data" in each else _binary(each, document.holder) or each
        taken[_content(each, source)] = source.get("contentType") or each.get("contentType") or _UNTOLD
    samples = [each for each in taken if not page_kind(each)]
    patient = agreed_patient(context.patient(document.holder), declared.patient)
    order = agreed_order(context.order(document.holder), declared.order)
    said = replace(
        declared,
        patient=None if patient == Patient() else patient,
        order=None if order == Order() else order,
    )
    yield from (Payload(each, taken[each], said) for each in samples or taken)


def _binary(form: Json, holder: Bundled) -> Json | None:
    """Return the Binary beside a document that its attachment names by URL."""
    return holder.referred({"reference": form["url"]}, "Binary") if "url" in form else None


def _content(form: Json, source: Json) -> bytes:
    """Return the bytes of an attachment, held against its size and hash (R4 datatypes.html#Attachment)."""
    if "data" not in source:
        if "url" in form:
            raise MalformedPayload("An attachment is given by its URL alone: nothing is fetched here; send its data.")
        raise MalformedPayload("An attachment holds no data.")
    data = _decoded(source["data"])
    if not data:
        raise MalformedPayload("An attachment holds no data.")
    if "size" in form and str(form["size"]) != str(len(data)):  # R5 json.html: an integer64 is written as a string
        raise MalformedPayload(f"An attachment of {len(data)} bytes is not of the size that it names.")
    if "hash" in form and _decoded(form["hash"]) != hashlib.sha1(data, usedforsecurity=False).digest():
        raise MalformedPayload("An attachment is not what its hash says.")
    return data


def _decoded(text: object) -> bytes:
    """Return the bytes of base64, in which there may be white space (R4 datatypes.html#base64Binary)."""
    try:
        return base64.b64decode("".join(text.split()) if isinstance(text, str) else "?", validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedPayload("What should be base64 in an attachment is none.") from error
