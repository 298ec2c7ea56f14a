"""A report reaches the EHR once, for the right patient, and every failure says what a retry would mean."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from adapters.exchange import MAX_ANSWER, Ask, Wire
from adapters.fhir.check import problems
from adapters.fhir.ehr import EhrDestination, EhrSettings
from adapters.fhir.frame import FhirSettings
from ecg.errors import DeliveryError, Refused, SetupError, Unconfirmed, Unidentified, Unreachable
from ecg.recording import Order, Patient
from tests.golden.reports import PATIENT, amended, report

Json = dict[str, Any]

SYSTEM = "urn:oid:1.2.3"
FHIR = FhirSettings(patient_systems={"Musterklinik": SYSTEM})
BASE = "http://127.0.0.1:1/fhir"
REPORT = report(asserted=("MI",))
PLACE = "DiagnosticReport/d-1"


def person(id_: str = "p-1", value: str = "4711", **more: Any) -> Json:
    return {"resourceType": "Patient", "id": id_, "identifier": [{"system": SYSTEM, "value": value}]} | more


def searchset(*resources: Json, **more: Any) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in resources]} | more


def taken(bundle: Json, status: str = "201 Created") -> Json:
    """Return the answer to a transaction."""
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    entries = [{"response": {"status": status, "location": f"{kind}/{kind[0].lower()}-1/_history/1"}} for kind in kinds]
    return {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}


@dataclass
class Server:
    """An EHR of a few lines: finds what it holds, takes every transaction, remembers what it was asked."""

    held: dict[str, list[Json]] = field(default_factory=lambda: {"Patient": [person()]})
    post: Callable[[httpx.Request], httpx.Response] | None = None
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path.endswith("/_search"):
            return httpx.Response(200, json=searchset(*self.held.get(request.url.path.split("/")[-2], [])))
        return self.post(request) if self.post else httpx.Response(200, json=taken(json.loads(request.content)))

    @property
    def bundle(self) -> Json:
        """The last Bundle that was posted."""
        return next(json.loads(each.content) for each in reversed(self.asked) if each.url.path == "/fhir")


@contextmanager
def ehr(server: Callable[[httpx.Request], httpx.Response], token: Any = None, **more: Any) -> Iterator[EhrDestination]:
    wire = Wire(answer_seconds=5, transport=httpx.MockTransport(server))
    destination = EhrDestination(EhrSettings("ehr", BASE, FHIR, wire=wire, **more), token)
    try:
        yield destination
    finally:
        destination.close()


def refusal(server: Server, patient: Patient = PATIENT, **more: Any) -> str:
    with ehr(server, **more) as destination, pytest.raises(Unidentified) as caught:
        destination.deliver(report(patient=patient))
    assert not [each for each in server.asked if each.url.path == "/fhir"], "nothing was sent"
    return str(caught.value)


def test_a_report_is_posted_for_the_patient_that_was_found() -> None:
    server = Server()
    with ehr(server) as destination:
        receipt = destination.deliver(REPORT)
    assert (receipt.destination, receipt.reference) == ("ehr", PLACE)
    subjects = [each["resource"]["subject"] for each in server.bundle["entry"] if "subject" in each["resource"]]
    assert subjects and all(each["reference"] == "Patient/p-1" for each in subjects)
    assert problems(json.dumps(server.bundle).encode()) == ()


def test_a_repeat_finds_what_is_there() -> None:
    server = Server(post=lambda request: httpx.Response(200, json=taken(json.loads(request.content), "200 OK")))
    with ehr(server) as destination:
        assert destination.deliver(REPORT).reference == PLACE
    assert all("ifNoneExist" in each["request"] for each in server.bundle["entry"])


@pytest.mark.parametrize(
    ("held", "code"),
    [
        ([], "patient-not-found"),
        ([person(), person("p-2")], "patient-ambiguous"),
        ([person(value="47110")], "patient-not-found"),  # a server that does not search by the identifier
        ([person(gender="male")], "patient-mismatch"),
        ([person(birthDate="1964-01-02")], "patient-mismatch"),
        ([person(birthDate="1964")], "patient-mismatch"),
        ([person(active=False)], "patient-inactive"),
        ([person(link=[{"type": "replaced-by", "other": {"reference": "Patient/p-2"}}])], "patient-inactive"),
        ([person(id_="../p")], "patient-not-found"),
    ],
)
def test_a_patient_that_is_not_surely_the_same_is_refused(held: list[Json], code: str) -> None:
    patient = replace(PATIENT, birth_date=date(1963, 1, 2))
    assert refusal(Server({"Patient": held}), patient) == code


def test_further_pages_leave_open_whether_there_is_another() -> None:
    page = searchset(person(), link=[{"relation": "next", "url": BASE}])
    with ehr(lambda _: httpx.Response(200, json=page)) as destination, pytest.raises(Refused, match="ambiguous"):
        destination.deliver(REPORT)


@pytest.mark.parametrize("more", [{"gender": "unknown"}, {"gender": "female", "birthDate": "1963-01"}, {}])
def test_what_one_side_does_not_know_is_no_mismatch(more: Json) -> None:
    with ehr(Server({"Patient": [person(**more)]})) as destination:
        destination.deliver(report(patient=replace(PATIENT, birth_date=date(1963, 1, 2))))


@pytest.mark.parametrize(
    ("patient", "code"),
    [
        (replace(PATIENT, id=None), "patient-without-id"),
        (replace(PATIENT, issuer=None), "patient-without-system"),
        (replace(PATIENT, issuer="elsewhere"), "patient-without-system"),
    ],
)
def test_a_patient_without_id_or_system_is_not_even_searched(patient: Patient, code: str) -> None:
    server = Server()
    assert refusal(server, patient) == code
    assert server.asked == []


@pytest.mark.parametrize("value", ["a|b", "a&identifier=x", "a\nb", "a,b$c\\d", "../Patient?x=1#y", "ä%7C+ "])
def test_a_hostile_id_stands_encoded_in_the_body_and_in_no_url_or_log(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = Server({"Patient": [person(value=value.strip())]})
    with ehr(server) as destination:
        destination.deliver(report(patient=replace(PATIENT, id=value)))
    (sent,) = parse_qs(server.asked[0].content.decode())["identifier"]
    for mark in "\\|,$":
        sent = sent.replace(f"\\{mark}", mark)
    assert sent == f"{SYSTEM}|{value.strip()}"
    assert {str(each.url) for each in server.asked} == {f"{BASE}/Patient/_search", BASE}
    assert value not in caplog.text and "Muster" not in caplog.text


NUMBERS: Any = {"encounter": "urn:visits", "placer": "urn:orders"}


def numbered(kind: str, system: str, value: str, subject: str = "Patient/p-1") -> Json:
    held = {"resourceType": kind, "id": f"{kind[0].lower()}-1", "identifier": [{"system": system, "value": value}]}
    return held | {"subject": {"reference": subject}}


def test_visit_and_order_are_referred_to_where_they_are_found() -> None:
    visit = numbered("Encounter", "urn:visits", "V-100", f"{BASE}/Patient/p-1/_history/3")
    order = numbered("ServiceRequest", "urn:orders", "P-100")
    server = Server({"Patient": [person()], "Encounter": [visit], "ServiceRequest": [order]})
    with ehr(server, number_systems=NUMBERS) as destination:
        destination.deliver(REPORT)
    (sent,) = (e["resource"] for e in server.bundle["entry"] if e["resource"]["resourceType"] == "DiagnosticReport")
    assert sent["encounter"]["reference"] == "Encounter/e-1"
    assert [each.get("reference") for each in sent["basedOn"]] == [None, "ServiceRequest/s-1", None]
    assert problems(json.dumps(server.bundle).encode()) == ()


def test_visit_and_order_that_are_not_found_stay_logical_references() -> None:
    server = Server()
    with ehr(server, number_systems=NUMBERS) as destination:
        destination.deliver(REPORT)
    assert "Encounter/" not in json.dumps(server.bundle) and '"V-100"' in json.dumps(server.bundle)
    with ehr(server, number_systems=NUMBERS) as destination:
        destination.deliver(report(order=Order()))


def test_a_visit_of_another_patient_is_refused() -> None:
    visit = numbered("Encounter", "urn:visits", "V-100", "Patient/p-2")
    server = Server({"Patient": [person()], "Encounter": [visit]})
    assert refusal(server, number_systems=NUMBERS) == "patient-mismatch"


STATUSES = {
    Refused: (301, 302, 307, 400, 401, 403, 404, 405, 410, 412, 413, 415, 422, 501),
    Unreachable: (408, 409, 425, 429, 503),
    Unconfirmed: (202, 204, 500, 502, 504),
}


@pytest.mark.parametrize(
    ("status", "error"), [(status, error) for error, statuses in STATUSES.items() for status in statuses]
)
def test_a_status_says_what_a_retry_would_mean(status: int, error: type[DeliveryError]) -> None:
    text = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "Muster^Erika 4711"}]}
    headers = {"Location": "http://127.0.0.1:1/elsewhere"}
    server = Server(post=lambda _: httpx.Response(status, json=text, headers=headers))
    with ehr(server) as destination, pytest.raises(error) as caught:
        destination.deliver(REPORT)
    assert str(caught.value) == f"transaction: HTTP {status}"
    assert len(server.asked) == 2, "a redirect is not followed, a refusal not repeated"


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_search_that_fails_leaves_nothing_behind(status: int) -> None:
    with ehr(lambda _: httpx.Response(status)) as destination, pytest.raises(Unreachable):
        destination.deliver(REPORT)


@pytest.mark.parametrize(
    "content",
    [
        b"<html>Muster^Erika</html>",
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"resourceType": "Bundle", "type": "transaction-response"}',
        b'{"resourceType": "OperationOutcome"}',
        b"x" * (MAX_ANSWER + 1),
    ],
    ids=["html", "empty", "list", "deep", "too few", "outcome", "huge"],
)
def test_garbage_that_says_200_confirms_nothing(content: bytes) -> None:
    with (
        ehr(Server(post=lambda _: httpx.Response(200, content=content))) as destination,
        pytest.raises(Unconfirmed) as caught,
    ):
        destination.deliver(REPORT)
    assert "Muster" not in str(caught.value)


@pytest.mark.parametrize("content", [b"<html/>", b"{}", b"x" * (MAX_ANSWER + 1)])
def test_garbage_for_a_search_is_no_answer(content: bytes) -> None:
    with ehr(lambda _: httpx.Response(200, content=content)) as destination, pytest.raises(Unreachable):
        destination.deliver(REPORT)


def test_a_part_that_failed_is_not_taken_for_delivered() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        said = taken(json.loads(request.content))
        said["entry"][2]["response"]["status"] = "422"
        return httpx.Response(200, json=said)

    with ehr(Server(post=answer)) as destination, pytest.raises(Unconfirmed):
        destination.deliver(REPORT)


@pytest.mark.parametrize(
    "location", ["", "Observation/o-1", f"{BASE}/DiagnosticReport/d-1", "/x/DiagnosticReport/d-1/"]
)
def test_the_report_is_found_even_where_the_answer_does_not_say_where(location: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        said = taken(json.loads(request.content))
        for each in said["entry"]:
            each["response"]["location"] = location
        return httpx.Response(200, json=said)

    held = {"Patient": [person()], "DiagnosticReport": [{"resourceType": "DiagnosticReport", "id": "d-1"}]}
    with ehr(Server(held, answer)) as destination:
        assert destination.deliver(REPORT).reference == PLACE


@dataclass
class Held:
    """An EHR that holds a first version; somebody changes it just before our update comes, and it says so."""

    status: int
    becomes: Callable[[Json, Json], Json]
    held: dict[tuple[str, str], Json] = field(default_factory=dict)
    updates: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/_search"):
            kind = request.url.path.split("/")[-2]
            found = [person()] if kind == "Patient" else [e for (k, _), e in self.held.items() if k == kind]
            return httpx.Response(200, json=searchset(*found))
        bundle = json.loads(request.content)
        update = next((e for e in bundle["entry"] if e["request"].get("url", "").startswith("DiagnosticReport/")), None)
        if update is not None:
            self.updates += 1
            assert update["request"]["ifMatch"] == 'W/"1"'
            key = ("DiagnosticReport", update["resource"]["identifier"][0]["value"])
            self.held[key] = self.becomes(self.held[key], update["resource"])
            return httpx.Response(self.status)
        for number, each in enumerate(entry["resource"] for entry in bundle["entry"]):
            if each["resourceType"] not in {"Device", "Provenance"}:
                key = (each["resourceType"], each["identifier"][0]["value"])
                self.held.setdefault(key, each | {"id": f"x-{number}", "meta": {"versionId": "1"}})
        return httpx.Response(200, json=taken(bundle))


def signed(standing: Json, _: Json) -> Json:
    return standing | {"status": "final", "meta": {"versionId": "2"}}


def ours(standing: Json, sent: Json) -> Json:
    """Another attempt of the same delivery was quicker, or this one's answer was lost."""
    return sent | {"meta": sent["meta"] | {"versionId": "2"}}


def test_what_is_signed_in_the_instant_before_the_update_is_left_as_it_is() -> None:
    server = Held(412, signed)
    with ehr(server) as destination:
        held = destination.deliver(REPORT)
        with pytest.raises(Refused, match=r"^changed at destination$"):
            destination.deliver(amended(REPORT), held)
    assert server.updates == 1


def test_a_conflict_is_tried_again_and_then_found_out() -> None:
    server = Held(409, signed)
    with ehr(server) as destination:
        held = destination.deliver(REPORT)
        with pytest.raises(Unreachable, match="409"):
            destination.deliver(amended(REPORT), held)
        with pytest.raises(Refused, match="changed at destination"):
            destination.deliver(amended(REPORT), held)


@pytest.mark.parametrize("status", [412, 504])
def test_an_update_that_is_there_already_is_delivered(status: int) -> None:
    server = Held(status, ours)
    with ehr(server) as destination:
        held = destination.deliver(REPORT)
        if status == 504:
            with pytest.raises(Unconfirmed):
                destination.deliver(amended(REPORT), held)
        assert destination.deliver(amended(REPORT), held).reference.startswith("DiagnosticReport/")
    assert server.updates == 1


def test_a_report_that_is_gone_is_not_put_back() -> None:
    server = Held(200, ours)
    with ehr(server) as destination:
        held = destination.deliver(REPORT)
        server.held.clear()
        with pytest.raises(Refused, match="changed at destination"):
            destination.deliver(amended(REPORT), held)


class Once:
    """A server without transactions: creates what it does not hold by its If-None-Exist."""

    def __init__(self) -> None:
        self.held: dict[str, Json] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        criterion = request.headers["If-None-Exist"]
        if criterion in self.held:
            held = self.held[criterion]
            return httpx.Response(200, headers={"Content-Location": f"{BASE}/{held['resourceType']}/{held['id']}"})
        resource = json.loads(request.content)
        self.held[criterion] = resource | {"id": f"x-{len(self.held)}"}
        return httpx.Response(201, json=self.held[criterion])


def test_without_transactions_each_part_is_created_once_and_what_it_refers_to_before_it() -> None:
    once = Once()
    with ehr(Server(post=once), transaction=False) as destination:
        places = {destination.deliver(REPORT).reference for _ in range(2)}
    parts = list(once.held.values())
    ids = {f"{each['resourceType']}/{each['id']}" for each in parts}
    (place,) = places
    assert place in ids and place.startswith("DiagnosticReport/")
    assert [each["resourceType"] for each in parts][-2:] == ["DiagnosticReport", "Provenance"]
    known: set[str] = {"Patient/p-1"}
    for each in parts:
        assert {found for found in references(each) if found not in known} == set()
        known.add(f"{each['resourceType']}/{each['id']}")


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["reference"]] if "reference" in node else [])
        node = list(node.values())
    for each in node if isinstance(node, list) else []:
        yield from references(each)


class Tokens:
    """Gives t0, t1, ...: the next each time the last is forgotten."""

    def __init__(self) -> None:
        self.forgotten = 0

    def token(self) -> str:
        return f"t{self.forgotten}"

    def forget(self) -> None:
        self.forgotten += 1


def test_a_token_that_has_expired_is_replaced_once() -> None:
    good, server = Server(), Tokens()

    def guarded(request: httpx.Request) -> httpx.Response:
        return good(request) if request.headers["Authorization"] == "Bearer t1" else httpx.Response(401)

    with ehr(guarded, server) as destination:
        assert destination.deliver(REPORT).reference == PLACE
    assert server.forgotten == 1


def test_a_token_that_is_never_taken_is_a_refusal() -> None:
    tokens = Tokens()
    with ehr(lambda _: httpx.Response(401), tokens) as destination, pytest.raises(Refused, match="401"):
        destination.deliver(REPORT)
    assert tokens.forgotten == 1


def metadata(version: str = "4.0.1", *codes: str) -> Callable[[httpx.Request], httpx.Response]:
    rest = [{"mode": "server", "interaction": [{"code": each} for each in codes]}]
    said = {"resourceType": "CapabilityStatement", "fhirVersion": version, "rest": rest}
    return lambda request: httpx.Response(200 if request.url.path == "/fhir/metadata" else 404, json=said)


def test_a_check_says_whether_there_are_transactions() -> None:
    for codes, expected in ((("batch", "transaction"), True), (("batch",), False)):
        with ehr(metadata("4.0.1", *codes)) as destination:
            assert destination.check() is expected
    with ehr(metadata("5.0.0")) as destination, pytest.raises(Refused):
        destination.check()
    with ehr(lambda _: httpx.Response(200, json={})) as destination, pytest.raises(Unreachable):
        destination.check()


@pytest.mark.parametrize(
    "url", ["http://ehr.example/fhir", "ftp://127.0.0.1", "https://u:p@ehr.example", "https://ehr.example/?a=b", ""]
)
def test_only_a_secure_url_is_accepted(url: str) -> None:
    with pytest.raises(SetupError) as caught:
        EhrDestination(EhrSettings("ehr", url))
    assert "ehr.example" not in str(caught.value)


class Faulty(BaseHTTPRequestHandler):
    """Over a real socket: finds the patient, then behaves as its class attribute says."""

    behaviour = "die"
    stored = 0
    release = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("_search"):
            self.answer(json.dumps(searchset(person())).encode())
            return
        type(self).stored += 1
        if self.behaviour == "slow":
            self.release.wait(5)
        elif self.behaviour == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
        elif self.behaviour == "drip":
            self.send_response(200)
            self.end_headers()
            while not self.release.wait(0.05):
                self.wfile.write(b" ")
        self.close_connection = True  # and that is all that 'die' does

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def faulty() -> Iterator[tuple[type[Faulty], str]]:
    handler = type("Handler", (Faulty,), {"stored": 0, "release": threading.Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the client hangs up on it
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield handler, f"http://127.0.0.1:{server.server_address[1]}/fhir"
        handler.release.set()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("behaviour", ["die", "slow", "cut", "drip"])
def test_a_server_that_stores_and_does_not_say_so_leaves_it_open(
    behaviour: str, faulty: tuple[type[Faulty], str]
) -> None:
    handler, base = faulty
    handler.behaviour = behaviour
    destination = EhrDestination(EhrSettings("ehr", base, FHIR, wire=Wire(answer_seconds=0.3)))
    with pytest.raises(Unconfirmed):
        destination.deliver(REPORT)
    assert handler.stored == 1, "the request is repeated by the queue, not here"
    destination.close()


def test_a_server_that_is_down_got_nothing() -> None:
    destination = EhrDestination(EhrSettings("ehr", BASE, FHIR))
    with pytest.raises(Unreachable, match="no connection"):
        destination.deliver(REPORT)
    destination.close()


def test_no_error_or_its_cause_and_no_repr_shows_a_patient() -> None:
    planted = f"{PATIENT.id} {PATIENT.name}"
    broken = [
        Server(post=lambda _: httpx.Response(200, text=planted)),
        Server(post=lambda _: httpx.Response(422, text=planted)),
        Server({"Patient": [person(gender="male", name=[{"text": planted}])]}),
    ]
    for server in broken:
        with ehr(server) as destination, pytest.raises(DeliveryError) as caught:
            destination.deliver(REPORT)
        chain: BaseException | None = caught.value
        while chain is not None:
            assert "4711" not in f"{chain!r} {chain}" and "Muster" not in f"{chain!r} {chain}"
            chain = chain.__cause__ or chain.__context__
    ask = Ask("Patient/_search", "POST", BASE, {"identifier": planted}, {"Authorization": planted})
    assert "4711" not in repr(ask)
