"""Deliver reports to an EHR over FHIR, R4 or R5: the patient found by identifier, each resource created once."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Any, Final, Literal

from adapters.exchange import Answer, Ask, Exchange, Overtaken, Wire, accepted, secure
from adapters.fhir.bundle import encode, relinked, written
from adapters.fhir.codes import URI, Json
from adapters.fhir.elements import urn
from adapters.fhir.frame import DEFAULTS, FhirSettings, Frame
from adapters.fhir.succession import (
    OURS,
    Writing,
    creating,
    is_marked,
    read_state,
    repeating,
    retiring,
    updating,
    version_of,
    written_state,
)
from adapters.oauth import TokenSource, send_as
from ecg.errors import Refused, Unconfirmed, Unidentified, Unreachable
from ecg.recording import Patient
from ecg.report import Receipt, Report

FHIR_JSON: Final = "application/fhir+json"  # R4 http.html#mime-type

# R4 datatypes.html#id; http.html#create: a location is absolute or relative, with or without its version.
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_PLACE: Final = re.compile(r"(?:^|/)([A-Z][A-Za-z]*)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?/?$")
_ETAG: Final = re.compile(r'(?:W/)?"([A-Za-z0-9\-.]{1,64})"')  # R4 http.html#versioning: the ETag is the version

# R4 code system administrative-gender. 'unknown' disagrees with nothing.
_GENDERS: Final = {"F": "female", "M": "male", "O": "other"}

# By FhirSettings.version; R4B's resources of ours are those of R4.
_NUMBERS: Final = {"R4": ("4.0", "4.3"), "R5": ("5.0",)}

CHANGED: Final = "changed at destination"

Numbered = Literal["encounter", "accession", "placer", "filler"]


@dataclass(frozen=True)
class EhrSettings:
    """An EHR as a destination.

    Attributes:
        name: of the destination, as receipts name it.
        base_url: of the FHIR server; https, except on loopback.
        fhir: systems of patient ids, and the status before a physician signed.
        number_systems: identifier systems of visits and orders; what has none here stays a logical reference.
        transaction: whether the server takes transactions; else each resource is created by itself.
        wire: how the server is reached.
    """

    name: str
    base_url: str
    fhir: FhirSettings = DEFAULTS
    number_systems: Mapping[Numbered, str] = field(default_factory=lambda: MappingProxyType({}))
    transaction: bool = True
    wire: Wire = field(default_factory=Wire)


class EhrDestination:
    """A Destination that leaves one DiagnosticReport with its parts, however often a report is delivered.

    Every create is conditional (R4 http.html#ccreate), so what is there already stays as it is, whoever has signed or
    changed it since. Writes come one after the other: servers race between looking and creating, and two copies
    of a Device would make every later delivery fail. Between processes the queue has to see to that.

    Raises:
        SetupError: the URL is not secure, or the certificates cannot be read.
    """

    def __init__(self, settings: EhrSettings, token: TokenSource | None = None) -> None:
        self._settings = settings
        self._base = secure(settings.base_url)
        self._token = token
        self._exchange = Exchange(settings.wire)
        self._writing = Lock()

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        """Deliver a report. A later version replaces the one `held`, if that is still as we wrote it.

        Raises:
            Unidentified: a code that says why its patient is not surely that of the server ('patient-without-id',
                'patient-without-system', 'patient-not-found', 'patient-ambiguous', 'patient-inactive',
                'patient-mismatch').
            Refused: 'changed at destination', where somebody signed or changed the former version; or the step and
                the HTTP status with which the server refused it.
            Unreachable: nothing arrived.
            Unconfirmed: it may have arrived.
        """
        frame = Frame(report, self._settings.fhir)
        if report.version == 1:
            entries = self._entries(frame, self._found(frame))
            with self._writing:
                return self._send(entries, entries)
        with self._writing:
            try:
                return self._succeed(frame, held)
            except Overtaken:  # by somebody, or by a repeat of this delivery
                try:
                    return self._succeed(frame, held)
                except Overtaken as error:
                    raise Refused(CHANGED) from error

    def _entries(self, frame: Frame, found: Mapping[str, str]) -> list[Json]:
        entries: list[Json] = json.loads(encode(frame.report, frame.settings, found))["entry"]
        return entries

    def _succeed(self, frame: Frame, held: Receipt | None) -> Receipt:
        """Replace what is held by the next version, or repeat what is missing of that.

        Raises:
            Overtaken: something changed in between.
            DeliveryError: as `deliver`.
        """
        own, former = urn(frame.report.id), read_state(held.state if held else "")
        standing, whole = self._search("DiagnosticReport", URI, own)
        if len(standing) > 1 or not whole or bool(standing) != (held is not None or self._is_there(frame, standing)):
            raise Refused(CHANGED)
        # A report is withdrawn from the patient that it was issued for, whatever became of that record.
        subject = _subject(standing[0]) if standing and frame.report.withdrawn else None
        entries = self._entries(frame, {"patient": subject} if subject else self._found(frame))
        if not standing:
            created = creating(entries)
            return self._send(created, created)
        if self._is_there(frame, standing):
            return self._send(repeating(entries, standing[0]), entries, standing[0])
        if standing[0].get("status") not in OURS or not _unchanged(standing[0], former, own):
            raise Refused(CHANGED)
        updated = updating(entries, standing[0], self._base)
        return self._send([*self._retired(former), *updated], updated)

    def _is_there(self, frame: Frame, standing: Sequence[Json]) -> bool:
        return bool(standing) and is_marked(standing[0], frame.version_mark)

    def _retired(self, former: Sequence[Writing]) -> list[Json]:
        """Return entries that take what is replaced out of use."""
        entries = []
        for each in former:
            if each.kind == "DiagnosticReport":
                continue
            standing, _ = self._search(each.kind, URI, each.identifier)
            if len(standing) != 1:
                raise Refused(CHANGED)
            if (entry := retiring(standing[0], self._base)) is None:
                continue
            if not each.holds(standing[0]):
                raise Refused(CHANGED)
            entries.append(entry)
        return entries

    def _send(self, entries: Sequence[Json], told: Sequence[Json], standing: Json | None = None) -> Receipt:
        """Write entries, and return the receipt that tells of those `told`; `standing` is one that is there already."""
        writes = self._transact if self._settings.transaction else self._create
        sent = dict(zip([entry["fullUrl"] for entry in entries], writes(entries), strict=True))
        places = {
            each["resource"]["resourceType"]: sent[each["fullUrl"]][0] for each in told if each["fullUrl"] in sent
        }
        versions = [sent.get(each["fullUrl"], ("", ""))[1] for each in told]
        place = _place(standing) if standing else places["DiagnosticReport"]
        return Receipt(self._settings.name, str(place), written_state(told, versions))

    def check(self) -> bool:
        """Return whether the server says that it takes transactions (R4 capabilitystatement.html).

        Raises:
            DeliveryError: it gives no answer, or refuses one; Refused where it speaks another version.
        """
        said, _ = self._asked(Ask("metadata", "GET", f"{self._base}/metadata", headers={"Accept": FHIR_JSON}))
        if said.get("resourceType") != "CapabilityStatement":
            raise Unreachable("metadata: an answer that is no CapabilityStatement")
        version = self._settings.fhir.version
        if not str(said.get("fhirVersion")).startswith(_NUMBERS[version]):
            raise Refused(f"metadata: the server does not speak FHIR {version}")
        servers = [rest for rest in _each(said, "rest") if rest.get("mode") == "server"]
        return any(each.get("code") == "transaction" for rest in servers for each in _each(rest, "interaction"))

    def _found(self, frame: Frame) -> dict[str, str]:
        """Return literal references to the patient, and to visit and order where the server has them."""
        patient = self._patient(frame)
        found = {"patient": patient}
        for role, system in self._settings.number_systems.items():
            if (named := frame.named.get(role)) is None:
                continue
            held, whole = self._search(named["type"], system, named["identifier"]["value"])
            if len(held) != 1 or not whole:  # the identifier alone says no less than a guess would
                continue
            if (place := _place(held[0])) is None or (whose := _subject(held[0])) is None:
                continue
            if whose != patient:
                raise Unidentified("patient-mismatch")
            found[role] = place
        return found

    def _patient(self, frame: Frame) -> str:
        """Return the patient's literal reference: the one that has the identifier and contradicts nothing."""
        named = frame.named.get("patient")
        if named is None:
            raise Unidentified("patient-without-id")
        identifier = named["identifier"]
        if not identifier.get("system"):
            raise Unidentified("patient-without-system")
        held, whole = self._search("Patient", identifier["system"], identifier["value"])
        if len(held) > 1 or not whole:
            raise Unidentified("patient-ambiguous")
        if not held or (place := _place(held[0])) is None:
            raise Unidentified("patient-not-found")
        if held[0].get("active") is False or any(each.get("type") == "replaced-by" for each in _each(held[0], "link")):
            raise Unidentified("patient-inactive")
        if _contradicts(held[0], frame.report.recording.patient):
            raise Unidentified("patient-mismatch")
        return place

    def _search(self, kind: str, system: str, value: str) -> tuple[list[Json], bool]:
        """Return the resources of a kind that hold the identifier, and whether there are no further pages.

        The search goes by POST, with the identifier in the body (R4 http.html#search). What a server answers that does
        not search by it, or not by all of it, is left out here.
        """
        form = {"identifier": f"{_escaped(system)}|{_escaped(value)}"}
        said = self._searched(kind, form)
        held = [
            each
            for each in (_dict(entry.get("resource")) for entry in _each(said, "entry"))
            if each.get("resourceType") == kind
            and any((own.get("system"), own.get("value")) == (system, value) for own in _each(each, "identifier"))
        ]
        return held, not any(link.get("relation") == "next" for link in _each(said, "link"))

    def _searched(self, kind: str, form: Mapping[str, str], *, after_writing: bool = False) -> Json:
        url, headers = f"{self._base}/{kind}/_search", {"Accept": FHIR_JSON}
        ask = Ask(f"{kind}/_search", "POST", url, form, headers, writes=after_writing)
        said, _ = self._asked(ask)
        if said.get("resourceType") != "Bundle" or said.get("type") != "searchset":
            raise ask.lost(f"{ask.step}: an answer that is no searchset")
        return said

    def _transact(self, entries: Sequence[Json]) -> list[tuple[str, str]]:
        """Post the entries as one Bundle; return place and version of each (R4 http.html#transaction-response).

        The version is '' where the server names none, or where it may be another's: of what was there already.
        """
        bundle = written({"resourceType": "Bundle", "type": "transaction", "entry": list(entries)})
        ask = Ask("transaction", "POST", self._base, bundle, _sending(Prefer="return=minimal"), writes=True)
        said, _ = self._asked(ask)
        answers = _each(said, "entry")
        if said.get("type") != "transaction-response" or len(answers) != len(entries):
            raise Unconfirmed("transaction: an answer that does not fit it")
        responses = [_dict(each.get("response")) for each in answers]
        if not all(str(each.get("status")).startswith(("200", "201")) for each in responses):
            raise Unconfirmed("transaction: not every part is said to be there")
        found = []
        for entry, answer, response in zip(entries, answers, responses, strict=True):
            location, resource = str(response.get("location") or ""), _dict(answer.get("resource"))
            is_report = entry["resource"]["resourceType"] == "DiagnosticReport"  # the one whose place must be known
            place = self._settled(entry, location, resource) if is_report else ""
            new = entry["request"]["method"] == "PUT" or str(response.get("status")).startswith("201")
            found.append((place, _version(str(response.get("etag") or ""), location, resource) if new else ""))
        return found

    def _create(self, entries: Sequence[Json]) -> list[tuple[str, str]]:
        """Write each resource by itself, what is referred to first; return what `_transact` returns."""
        literal: dict[str, str] = {}
        found: list[tuple[str, str]] = []
        for entry in entries:
            kind, request = entry["resource"]["resourceType"], entry["request"]
            body, headers = written(relinked(entry["resource"], literal)), _sending(Prefer="return=minimal")
            condition = "If-Match" if request["method"] == "PUT" else "If-None-Exist"
            headers[condition] = request.get("ifMatch") or request["ifNoneExist"]
            step = f"{'update' if request['method'] == 'PUT' else 'create'} {kind}"
            ask = Ask(step, request["method"], f"{self._base}/{request['url']}", body, headers, writes=True)
            try:
                said, answer = self._asked(ask)
            except Refused as error:
                error.partly = bool(found)
                raise
            place = literal[entry["fullUrl"]] = self._settled(entry, answer.location, said)
            new = request["method"] == "PUT" or answer.status == 201
            found.append((place, _version(answer.etag, answer.location, said) if new else ""))
        return found

    def _settled(self, entry: Json, location: str, resource: Json) -> str:
        """Return where an entry's resource is: by its location, by itself, or by the search that would find it.

        R4 http.html#ccreate: a server that finds it there already need not say where.
        """
        kind, request = entry["resource"]["resourceType"], entry["request"]
        if request["method"] == "PUT":
            return str(request["url"])
        if (match := _PLACE.search(location)) and match[1] == kind:
            return f"{kind}/{match[2]}"
        if (place := _place(resource)) and resource["resourceType"] == kind:
            return place
        name, _, value = str(request["ifNoneExist"]).partition("=")
        said = self._searched(kind, {name: value}, after_writing=True)
        held = [_dict(each.get("resource")) for each in _each(said, "entry")]
        places = [place for each in held if each.get("resourceType") == kind and (place := _place(each))]
        if len(places) != 1:
            raise Unconfirmed(f"{kind}: the server does not say where it is")
        return places[0]

    def _asked(self, ask: Ask) -> tuple[Json, Answer]:
        answer = send_as(self._token, self._exchange, ask)
        return accepted(ask, answer), answer


def _sending(**headers: str) -> dict[str, str]:
    return {"Content-Type": FHIR_JSON, "Accept": FHIR_JSON} | headers


def _escaped(text: str) -> str:
    """Return the text as part of a token (R4 search.html#escaping)."""
    return re.sub(r"[\\|,$]", r"\\\g<0>", text)


def _contradicts(held: Json, patient: Patient) -> bool:
    """Return whether sex or birth date differ. What one side does not know is no difference."""
    gender, born = held.get("gender"), held.get("birthDate")
    ours = _GENDERS.get(patient.sex or "")
    if ours and gender in _GENDERS.values() and gender != ours:
        return True
    # R4 datatypes.html#date: a server may know the year, or year and month, only.
    return bool(patient.birth_date and isinstance(born, str) and not patient.birth_date.isoformat().startswith(born))


def _unchanged(standing: Json, former: Sequence[Writing], own: str) -> bool:
    """Return whether the DiagnosticReport that stands there is the one that we wrote."""
    return any(each.kind == "DiagnosticReport" and each.identifier == own and each.holds(standing) for each in former)


def _version(etag: str, location: str, resource: Json) -> str:
    """Return which version of a resource an answer speaks of, '' where it does not say."""
    tag, place = _ETAG.fullmatch(etag), _PLACE.search(location)
    return tag[1] if tag else (place and place[3]) or version_of(resource)


def _subject(held: Json) -> str | None:
    """Return whose a visit or an order is, None where its reference does not say so plainly."""
    match = _PLACE.search(str(_dict(held.get("subject")).get("reference") or ""))
    return f"Patient/{match[2]}" if match and match[1] == "Patient" else None


def _place(resource: Json) -> str | None:
    """Return a resource's literal reference, None where it has no proper id."""
    kind, id_ = resource.get("resourceType"), resource.get("id")
    return f"{kind}/{id_}" if isinstance(id_, str) and _ID.fullmatch(id_) else None


def _dict(node: Any) -> Json:
    return node if isinstance(node, dict) else {}


def _each(node: Json, name: str) -> list[Json]:
    """Return the objects in a list of a foreign answer; nothing where there is none."""
    held = node.get(name)
    return [each for each in held if isinstance(each, dict)] if isinstance(held, list) else []
