"""Deliver reports to an EHR over FHIR R4: the patient found by identifier, each resource created once."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Any, Final, Literal

from adapters.exchange import Answer, Ask, Exchange, Wire, accepted, secure
from adapters.fhir.bundle import encode, relinked, written
from adapters.fhir.codes import Json
from adapters.fhir.frame import DEFAULTS, FhirSettings, Frame
from adapters.oauth import TokenSource, send_as
from ecg.errors import Refused, Unconfirmed, Unidentified, Unreachable
from ecg.recording import Patient
from ecg.report import Receipt, Report

FHIR_JSON: Final = "application/fhir+json"  # R4 http.html#mime-type

# R4 datatypes.html#id; http.html#create: a location is absolute or relative, with or without its version.
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_PLACE: Final = re.compile(r"(?:^|/)([A-Z][A-Za-z]*)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?/?$")

# R4 code system administrative-gender. 'unknown' disagrees with nothing.
_GENDERS: Final = {"F": "female", "M": "male", "O": "other"}

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

    def deliver(self, report: Report) -> Receipt:
        """Deliver a report.

        Raises:
            Unidentified: a code that says why its patient is not surely that of the server ('patient-without-id',
                'patient-without-system', 'patient-not-found', 'patient-ambiguous', 'patient-inactive',
                'patient-mismatch').
            Refused: the step and the HTTP status with which the server refused it.
            Unreachable: nothing arrived.
            Unconfirmed: it may have arrived.
        """
        found = self._found(Frame(report, self._settings.fhir))
        entries = json.loads(bundle := encode(report, self._settings.fhir, found))["entry"]
        with self._writing:
            place = self._transact(bundle, entries) if self._settings.transaction else self._create(entries)
        return Receipt(self._settings.name, place)

    def check(self) -> bool:
        """Return whether the server says that it takes transactions (R4 capabilitystatement.html).

        Raises:
            DeliveryError: it gives no answer, or refuses one; Refused where it speaks another version than R4.
        """
        said, _ = self._asked(Ask("metadata", "GET", f"{self._base}/metadata", headers={"Accept": FHIR_JSON}))
        if said.get("resourceType") != "CapabilityStatement":
            raise Unreachable("metadata: an answer that is no CapabilityStatement")
        if not str(said.get("fhirVersion")).startswith(("4.0", "4.3")):  # R4B's resources of ours are those of R4
            raise Refused("metadata: the server does not speak FHIR R4")
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

    def _transact(self, bundle: bytes, entries: Sequence[Json]) -> str:
        """Post the Bundle and return the DiagnosticReport's place (R4 http.html#transaction-response)."""
        ask = Ask("transaction", "POST", self._base, bundle, _sending(Prefer="return=minimal"), writes=True)
        said, _ = self._asked(ask)
        answers = _each(said, "entry")
        if said.get("type") != "transaction-response" or len(answers) != len(entries):
            raise Unconfirmed("transaction: an answer that does not fit it")
        responses = [_dict(each.get("response")) for each in answers]
        if not all(str(each.get("status")).startswith(("200", "201")) for each in responses):
            raise Unconfirmed("transaction: not every part is said to be there")
        at = next(n for n, entry in enumerate(entries) if entry["resource"]["resourceType"] == "DiagnosticReport")
        location = str(responses[at].get("location") or "")
        return self._settled(entries[at], location, _dict(answers[at].get("resource")))

    def _create(self, entries: Sequence[Json]) -> str:
        """Create each resource by itself, what is referred to first; return the DiagnosticReport's place."""
        literal: dict[str, str] = {}
        places: dict[str, str] = {}
        for entry in entries:
            kind, criterion = entry["request"]["url"], entry["request"]["ifNoneExist"]
            body, headers = written(relinked(entry["resource"], literal)), _sending()
            headers |= {"If-None-Exist": criterion, "Prefer": "return=minimal"}
            ask = Ask(f"create {kind}", "POST", f"{self._base}/{kind}", body, headers, writes=True)
            said, answer = self._asked(ask)
            places[kind] = literal[entry["fullUrl"]] = self._settled(entry, answer.location, said)
        return places["DiagnosticReport"]

    def _settled(self, entry: Json, location: str, resource: Json) -> str:
        """Return where an entry's resource is: by its location, by itself, or by the search that would find it.

        R4 http.html#ccreate: a server that finds it there already need not say where.
        """
        kind, criterion = entry["request"]["url"], entry["request"]["ifNoneExist"]
        if (match := _PLACE.search(location)) and match[1] == kind:
            return f"{kind}/{match[2]}"
        if (place := _place(resource)) and resource["resourceType"] == kind:
            return place
        name, _, value = criterion.partition("=")
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
