"""The data types that our resources are made of: text, times, identifiers, references, attachments, narratives."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from html import escape
from uuid import UUID, uuid5

from adapters.fhir.codes import DATA_ABSENT_REASON, DICOM_UID, UCUM, URI, Json

# R4 datatypes.html#string: no code point below 32 except tab, line feed and carriage return. XML 1.0, 2.2: nor
# surrogates, U+FFFE and U+FFFF. Each becomes U+FFFD: dropped, they could turn one patient's id into another's.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

# R4 datatypes.html#oid.
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")

XHTML = "http://www.w3.org/1999/xhtml"


def kept(**fields: object) -> Json:
    """Return the fields that hold something: FHIR knows no empty element (R4 json.html)."""
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def plain(text: str | None) -> str:
    """Return the text as FHIR's string allows it, '' where there is none."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text or "").strip()


def instant(at: datetime) -> str:
    """Return a time with its zone (R4 datatypes.html#instant). Zones are whole minutes there; others become UTC."""
    offset = at.utcoffset()
    if offset is None or offset.total_seconds() % 60:
        at = at.astimezone(UTC)
    return at.isoformat()


def effective(at: datetime | None) -> Json:
    """Return effectiveDateTime as far as it is known (R4 datatypes.html#dateTime: a time of day needs a zone).

    Without a zone the local date alone is true; without a time, the element says that it is unknown.
    """
    if at is None:
        return {"_effectiveDateTime": {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": "unknown"}]}}
    return {"effectiveDateTime": at.date().isoformat() if at.utcoffset() is None else instant(at)}


def urn(uuid: UUID) -> str:
    """Return a UUID as URI (RFC 9562, 4)."""
    return f"urn:uuid:{uuid}"


def link(uuid: UUID) -> str:
    """Return the fullUrl of the resource that is known by `uuid`, by which its Bundle's references name it.

    It differs from the identifier: a server replaces a fullUrl by the literal id in every uri (R4 http.html#trules),
    and Medplum does so in any string: an identifier equal to it would be lost, and the repeat find nothing.
    """
    return urn(uuid5(uuid, "fullUrl"))


def own_identifier(uuid: UUID) -> Json:
    """Return the Identifier by which a resource of ours is known."""
    return {"system": URI, "value": urn(uuid)}


def dicom_identifier(uid: str | None) -> Json | None:
    """Return a DICOM UID as Identifier, None where it is none."""
    return {"system": DICOM_UID, "value": f"urn:oid:{uid}"} if uid and _OID.fullmatch(uid) else None


def logical(resource: str, identifier: Json | None) -> Json | None:
    """Return a logical Reference (R4 references.html#logical), for what we know by its identifier only."""
    return {"type": resource, "identifier": identifier} if identifier else None


def business_identifier(
    value: str | None, *, issuer: str | None = None, system: str | None = None, type_: Json | None = None
) -> Json | None:
    """Return an Identifier that someone else gave, None where there is no value."""
    if not plain(value):
        return None
    return kept(
        type={"coding": [type_]} if type_ else None,
        system=system,
        value=plain(value),
        assigner=kept(display=plain(issuer)) if system is None else None,
    )


def quantity(value: float, unit: str) -> Json:
    """Return a Quantity in a unit of UCUM (R4 datatypes.html#Quantity)."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def ratio(value: float) -> Json:
    """Return a Quantity of unit 1."""
    return quantity(value, "1")


def attachment(content_type: str, data: bytes, title: str, creation: datetime) -> Json:
    """Return an Attachment (R4 datatypes.html#Attachment); its hash is SHA-1 there, against loss and not as a seal."""
    return kept(
        contentType=content_type,
        data=base64.b64encode(data).decode(),
        size=len(data),
        hash=base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode(),
        title=plain(title),
        creation=instant(creation),
    )


def narrative(*paragraphs: str) -> Json:
    """Return a generated Narrative (R4 narrative.html): paragraphs of escaped text, nothing else."""
    body = "".join(f"<p>{escape(plain(each))}</p>" for each in paragraphs if plain(each))
    return {"status": "generated", "div": f'<div xmlns="{XHTML}">{body}</div>'}
