"""Encode a report as an R4 transaction Bundle that can be posted again without leaving a second copy."""

import json
from collections.abc import Mapping
from typing import Final
from uuid import UUID

# R4B, the closest that fhir.resources has: of all resources used here its elements are those of R4.
from fhir.resources.R4B.bundle import Bundle

from adapters.fhir.codes import (
    ASSEMBLER,
    CARDIOLOGY,
    CREATE,
    EKG_STUDY,
    ELECTROCARDIAC,
    IMAGE,
    NULLIFY,
    UPDATE,
    URI,
    Json,
    stated,
)
from adapters.fhir.elements import (
    attachment,
    dicom_identifier,
    instant,
    kept,
    link,
    logical,
    narrative,
    own_identifier,
    plain,
    urn,
)
from adapters.fhir.fifth import in_r5
from adapters.fhir.frame import DEFAULTS, NOWHERE, FhirSettings, Frame, ai_meta
from adapters.fhir.measured import is_member
from adapters.fhir.observations import observations
from ecg.report import AMENDED, PRELIMINARY, WITHDRAWN, Picture, Report, identity

_TITLES: Final = {
    PRELIMINARY: "ECG report, preliminary",
    AMENDED: "ECG report, preliminary, amended",
    WITHDRAWN: "ECG report, withdrawn",
}
# What a later version replaces by resources of its own.
REPLACED: Final = ("Observation", "Media", "DocumentReference")
NOT_CLEARED: Final = "Not a cleared medical device; research and evaluation only."


def encode(report: Report, settings: FhirSettings = DEFAULTS, found: Mapping[str, str] = NOWHERE) -> bytes:
    """Return the report as transaction Bundle (R4 http.html#transaction) in UTF-8; same report, same bytes.

    In R5 where the settings say so.

    `found` holds literal references to what others made, by role (see Frame).

    Raises:
        ValueError: a structure that FHIR forbids would have come out (pydantic's ValidationError is one).
    """
    frame = Frame(report, settings, found)
    observed = observations(frame)
    media = {f"media-{each.name}": _media(frame, each) for each in report.pictures}
    ids = {role: frame.id(role) for role in (*observed, *media)}
    entries = [_entry(frame.device_id, _device(frame))]
    entries += [_entry(ids[role], resource) for role, resource in (observed | media).items()]
    entries.append(_entry(report.id, _diagnostic_report(frame, observed, media)))
    if report.version > 1:  # the same DiagnosticReport, updated (R4 http.html#cond-update)
        request = entries[-1]["request"]
        entries[-1]["request"] = {"method": "PUT", "url": f"{request['url']}?{request['ifNoneExist']}"}
    targets = [entry["fullUrl"] for entry in reversed(entries)]
    entries.append(_entry(frame.id("provenance"), _provenance(frame, targets)))
    bundle: Json = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    Bundle.model_validate(bundle)
    return written(in_r5(bundle) if settings.version == "R5" else bundle)


def stored(bundle: bytes) -> dict[tuple[str, str], bytes]:
    """Return the Bundle's resources by (type, id) as a server would hold them: ids set, references literal."""
    entries = json.loads(bundle)["entry"]
    keys = {entry["fullUrl"]: _key(entry) for entry in entries}
    literal = {url: "/".join(key) for url, key in keys.items()}
    held, at = {}, _issued(entries)
    for entry in entries:
        kind, id_ = key = keys[entry["fullUrl"]]
        resource = relinked(entry["resource"], literal)
        meta = {"versionId": _version_id(resource), "lastUpdated": at} | resource.get("meta", {})
        held[key] = written({"resourceType": kind, "id": id_} | resource | {"meta": meta})
    return held


def superseded(former: bytes, latest: bytes) -> dict[tuple[str, str], bytes]:
    """Return the resources of a former Bundle that its next version replaces, as `stored` does: entered in error.

    What both versions hold, as the DiagnosticReport and the Device, is not among them; nor is where it came from.
    """
    kept_on, at = stored(latest), _issued(json.loads(latest)["entry"])
    held = {key: json.loads(data) for key, data in stored(former).items() if key not in kept_on}
    return {
        key: written(retired(each) | {"meta": each["meta"] | {"versionId": "2", "lastUpdated": at}})
        for key, each in held.items()
        if key[0] in REPLACED
    }


def retired(resource: Json) -> Json:
    """Return a resource of a former version as it stands once another version holds.

    R4 has no status for what a later value replaces. Left as it was, or 'amended', it would read as a second result
    beside the new one.
    """
    return resource | {"status": WITHDRAWN, "text": narrative("Entered in error: replaced by a later version.")}


def _issued(entries: list[Json]) -> str:
    """Return when a Bundle's report was issued."""
    held = (each["resource"] for each in entries)
    return next((str(each["issued"]) for each in held if each["resourceType"] == "DiagnosticReport"), "")


def _entry(uuid: UUID, resource: Json) -> Json:
    """Return an entry that creates the resource unless it is there (R4 http.html#ccreate).

    A Provenance has no identifier in R4, and its targets cannot be searched for before they have literal ids. It is
    known by a tag instead: `_tag` is a search parameter of every resource (R4 search.html#tag), a tag is no part of
    what the resource says, and the client does not choose the server's ids, as it would by PUT.
    """
    parameter = "identifier" if "identifier" in resource else "_tag"
    return {
        "fullUrl": link(uuid),
        "resource": resource,
        "request": {
            "method": "POST",
            "url": resource["resourceType"],
            "ifNoneExist": f"{parameter}={URI}|{urn(uuid)}",
        },
    }


def _diagnostic_report(frame: Frame, found: dict[str, Json], media: dict[str, Json]) -> Json:
    """Return the DiagnosticReport (R4 diagnosticreport.html): it gathers the rest."""
    report, order = frame.report, frame.report.recording.order
    texts = [plain(sentence.text) for sentence in report.sentences]
    links = zip(media, report.pictures, strict=True)
    return kept(
        resourceType="DiagnosticReport",
        meta=_versioned(frame),
        text=narrative(_TITLES.get(report.status, "ECG report"), *texts),
        identifier=[own_identifier(report.id)],
        basedOn=frame.orders,
        status=frame.settings.preliminary if report.status == PRELIMINARY else report.status,
        category=[{"coding": [ELECTROCARDIAC, CARDIOLOGY]}],
        code={"coding": [EKG_STUDY]},
        subject=frame.subject,
        encounter=frame.encounter,
        **frame.effective,
        issued=instant(report.issued),
        result=[frame.reference(role) for role in found if not is_member(role)],
        imagingStudy=[each for each in [logical("ImagingStudy", dicom_identifier(order.study_uid))] if each],
        media=[kept(comment=plain(each.title), link=frame.reference(role)) for role, each in links],
        conclusion=" ".join(text for text in texts if text),
        conclusionCode=[stated(score.finding) for score in report.reading.prediction.asserted],
        presentedForm=[attachment("application/pdf", report.pdf, "ECG report", report.issued)],
    )


def _versioned(frame: Frame) -> Json:
    """Return the DiagnosticReport's Meta; from the second version on with the version's mark."""
    meta = ai_meta()
    return meta if frame.report.version == 1 else meta | {"tag": [*meta["tag"], frame.version_mark]}


def _media(frame: Frame, picture: Picture) -> Json:
    """Return a picture as Media (R4 media.html); that of a map with its method's true name, and as AI's."""
    report = frame.report
    return kept(
        resourceType="Media",
        meta=ai_meta() if picture.method else None,
        text=narrative(picture.title or picture.name),
        identifier=[own_identifier(frame.id(f"media-{picture.name}"))],
        status="completed",
        type={"coding": [IMAGE]},
        subject=frame.subject,
        encounter=frame.encounter,
        createdDateTime=instant(report.issued),
        issued=instant(report.issued),
        device=frame.device,
        content=attachment("image/png", picture.png, picture.title, report.issued),
        note=[{"text": plain(f"Method: {picture.method}")}] if picture.method else None,
    )


def _device(frame: Frame) -> Json:
    """Return what read: the model in its release; where none did, the software alone (R4 device.html)."""
    release, model = plain(frame.report.release), frame.model
    names = [{"name": "Twelvelead", "type": "user-friendly-name"}]
    versions = [{"type": {"text": "software release"}, "value": release}]
    if model is not None:
        names.append({"name": plain(model.name), "type": "model-name"})
        versions.append({"type": {"text": "model version"}, "value": plain(model.version)})
        versions.append({"type": {"text": "SHA-256 of the model card"}, "value": plain(model.digest)})
    return {
        "resourceType": "Device",
        "text": narrative(
            " ".join(["Twelvelead", release, *([model.name, model.version] if model else [])]), NOT_CLEARED
        ),
        "identifier": [own_identifier(frame.device_id)],
        "status": "active",
        "deviceName": names,
        "type": {"text": "AI ECG interpretation software"},
        "version": versions,
        "note": [{"text": NOT_CLEARED}],
    }


def _provenance(frame: Frame, targets: list[str]) -> Json:
    """Return where all the other resources come from (R4 provenance.html): this device, from that recording."""
    recording, version = frame.report.recording, frame.report.version
    source = dicom_identifier(recording.provenance.instance_uid) or own_identifier(identity(recording))
    return {
        "resourceType": "Provenance",
        "meta": {"tag": [{"system": URI, "code": urn(frame.id("provenance"))}]},
        "text": narrative("Made by AI from one ECG recording."),
        "target": [{"reference": target} for target in targets],
        "recorded": instant(frame.report.issued),
        "activity": {"coding": [CREATE if version == 1 else NULLIFY if frame.report.withdrawn else UPDATE]},
        "agent": [{"type": {"coding": [ASSEMBLER]}, "who": frame.device}],
        "entity": [{"role": "source", "what": {"identifier": source}}, *_former(frame)],
    }


def _former(frame: Frame) -> list[Json]:
    """Return the report that this version revises, as an entity of its Provenance; none for the first."""
    if frame.report.version == 1:
        return []
    former = {"type": "DiagnosticReport", "identifier": own_identifier(frame.report.id), "display": "earlier version"}
    return [{"role": "revision", "what": former}]


def _key(entry: Json) -> tuple[str, str]:
    """Return type and id of an entry's resource; the id is the UUID that the resource is known by."""
    request = entry["request"]
    return entry["resource"]["resourceType"], (request.get("ifNoneExist") or request["url"]).rpartition(":")[2]


def _version_id(resource: Json) -> str:
    """Return the version of a resource: that of the report for the DiagnosticReport, which alone is ever updated."""
    tags = resource.get("meta", {}).get("tag", [])
    found = [each["display"] for each in tags if each.get("display", "").startswith("version ")]
    return str(found[0].removeprefix("version ")) if found else "1"


def relinked(node: Json, literal: dict[str, str]) -> Json:
    """Return a copy of the element whose references are literal."""
    return {name: _relinked_value(name, value, literal) for name, value in node.items()}


def _relinked_value(name: str, value: object, literal: dict[str, str]) -> object:
    if isinstance(value, dict):
        return relinked(value, literal)
    if isinstance(value, list):
        return [_relinked_value(name, each, literal) for each in value]
    return literal.get(value, value) if name == "reference" and isinstance(value, str) else value


def written(resource: Json) -> bytes:
    """Return the resource as JSON in UTF-8 (R4 json.html)."""
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
