"""Two independent FHIR servers each hold one DiagnosticReport with its parts, however often it is delivered.

sekmet stands behind SMART Backend Services (RS384); Medplum's router is asked without a token.
"""

import json
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from adapters import oauth
from adapters.fhir.codes import URI
from adapters.fhir.ehr import EhrDestination, EhrSettings
from adapters.fhir.elements import urn
from adapters.fhir.frame import FhirSettings
from adapters.oauth import ClientCredentials, ClientKey, OAuthSettings, TokenSource
from ecg.errors import Refused, Unreachable
from ecg.findings import FINDINGS
from ecg.recording import Patient
from ecg.report import Receipt, Report
from tests.golden.reports import amended, report, withdrawn

OBSERVATIONS = len(FINDINGS) + 1  # a score of each finding, and the impression

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "fhir"
SEKMET = ROOT / ".peers" / "sekmet" / "bin" / "sekmet"
MEDPLUM = ROOT / ".peers" / "fhir-medplum"

Json = dict[str, Any]

SYSTEM = "urn:oid:1.2.3.4.5.1"
PLANTED = Patient(id="PLANTED4711", issuer="Musterklinik", name="Plantedname^Erika", sex="F")
FHIR = FhirSettings(patient_systems={"Musterklinik": SYSTEM})
SCOPES = ("system/*.c", "system/*.rs", "system/DiagnosticReport.u", "system/Observation.u", "system/Media.u")


@dataclass(frozen=True)
class Peer:
    """A FHIR server that runs: where it is, who lets us in, and the request lines it has seen."""

    base: str
    token: TokenSource | None
    seen: Callable[[], list[str]]

    def ask(self, method: str, path: str, **more: Any) -> Json:
        headers = {"Authorization": f"Bearer {self.token.token()}"} if self.token else {}
        answer = httpx.request(method, f"{self.base}/{path}", headers=headers, trust_env=False, **more)
        assert answer.is_success, answer.text
        said: Json = answer.json()
        return said

    def held(self, kind: str) -> list[Json]:
        return [each["resource"] for each in self.ask("GET", f"{kind}?_count=1000").get("entry", [])]


@contextmanager
def running(*command: str | Path, **more: Any) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, **more) as process:
        try:
            yield process
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def sekmet(place: Path) -> Iterator[Peer]:
    if not SEKMET.exists():
        pytest.skip("tests/peers/install.sh has not installed sekmet")
    key, port = RSAKey.generate_key(2048), free_port()
    (place / "public.pem").write_bytes(key.as_pem(private=False))
    (place / "private.pem").write_bytes(key.as_pem(private=True))
    base = f"http://127.0.0.1:{port}/fhir"
    client = {
        "client_id": "twelvelead",
        "public_key_path": str(place / "public.pem"),
        "scopes": " ".join((*SCOPES, *oauth.SCOPES)),
    }
    settings = {
        "base_url": base,
        "host": "127.0.0.1",
        "port": port,
        "data_dir": str(place),
        "server_auth": {"types": ["smart"], "smart_clients": [client]},
        "simulator": {"enabled": False},
    }
    (place / "settings.yaml").write_text(json.dumps(settings))  # JSON is YAML
    with (
        (place / "out.txt").open("w") as out,
        running(SEKMET, "serve", "-c", place / "settings.yaml", cwd=place, stdout=out, stderr=out) as process,
    ):
        until = time.monotonic() + 30
        while not answers(f"{base}/metadata"):
            assert process.poll() is None and time.monotonic() < until, (place / "out.txt").read_text()
            time.sleep(0.1)
        proof = ClientKey(key.as_pem(private=True), "k1")
        with closing(ClientCredentials(OAuthSettings("twelvelead", proof, base, scopes=SCOPES))) as token:

            def seen() -> list[str]:
                with closing(sqlite3.connect(place / "sekmet.db")) as database:
                    logged = [url for (url,) in database.execute("SELECT url FROM traffic")]
                return [*logged, *(place / "out.txt").read_text().splitlines()]

            yield Peer(base, token, seen)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


@contextmanager
def medplum(_: Path) -> Iterator[Peer]:
    if not (MEDPLUM / "node_modules").exists() or shutil.which("node") is None:
        pytest.skip("Node is missing, or tests/peers/install.sh has not installed Medplum")
    with running("node", HERE / "medplum_server.cjs", MEDPLUM, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        root = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield Peer(f"{root}/fhir", None, lambda: list(httpx.get(f"{root}/log", trust_env=False).json()))


@pytest.fixture(scope="module", params=[sekmet, medplum], ids=["sekmet", "medplum"])
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Return a server that knows the planted patient, by a Patient the test made."""
    with request.param(tmp_path_factory.mktemp("ehr")) as started:
        person = {
            "resourceType": "Patient",
            "identifier": [{"system": SYSTEM, "value": PLANTED.id}],
            "name": [{"family": "Plantedname", "given": ["Erika"]}],
            "gender": "female",
        }
        started.ask("POST", "Patient", json=person)
        yield started


@contextmanager
def destination(peer: Peer, **more: Any) -> Iterator[EhrDestination]:
    with closing(EhrDestination(EhrSettings("ehr", peer.base, FHIR, **more), peer.token)) as made:
        yield made


def fresh(minute: int) -> Report:
    """Return a report of its own, with a finding and a picture."""
    return report(asserted=("MI",), patient=PLANTED, acquired_at=report().issued.replace(minute=minute))


def parts(peer: Peer, of: Report) -> Json:
    """Return the one DiagnosticReport of a report, once all that it refers to is seen to be there, once."""
    (found,) = [
        each
        for each in peer.held("DiagnosticReport")
        if {"system": URI, "value": urn(of.id)} in each.get("identifier", [])
    ]
    for place in set(references(found)):
        assert peer.ask("GET", place)["id"] == place.partition("/")[2]
    kinds = [place.partition("/")[0] for place in references(found)]
    assert (kinds.count("Observation"), kinds.count("Media"), kinds.count("Patient")) == (OBSERVATIONS, 1, 1)
    target = {f"DiagnosticReport/{found['id']}"}
    (origin,) = [each for each in peer.held("Provenance") if target & set(references(each))]
    assert len(set(references(origin))) == 1 + OBSERVATIONS + 1 + 1  # Device, Observations, Media, DiagnosticReport
    for kind in ("Observation", "Media"):
        named = [each["identifier"][0]["value"] for each in peer.held(kind)]
        assert len(named) == len(set(named))
    assert len(peer.held("Device")) == 1
    return found


def references(node: Any) -> Iterator[str]:
    """Yield every literal reference at or below the node."""
    if isinstance(node, dict):
        yield from ([node["reference"]] if isinstance(node.get("reference"), str) else [])
        node = list(node.values())
    for each in node if isinstance(node, list) else []:
        yield from references(each)


@pytest.mark.parametrize("transaction", [True, False], ids=["transaction", "single creates"])
def test_a_report_delivered_twice_is_there_once(peer: Peer, transaction: bool) -> None:
    sent = fresh(1 + transaction)
    with destination(peer, transaction=transaction) as ehr:
        first, second = ehr.deliver(sent), ehr.deliver(sent)
    assert first == second
    assert first.reference == f"DiagnosticReport/{parts(peer, sent)['id']}"


def test_what_was_created_singly_is_found_by_a_transaction(peer: Peer) -> None:
    sent, references = fresh(10), set()
    for transaction in (False, True):
        with destination(peer, transaction=transaction) as ehr:
            references.add(ehr.deliver(sent).reference)
    assert references == {f"DiagnosticReport/{parts(peer, sent)['id']}"}


def delivered(ehr: EhrDestination, sent: Report) -> Receipt:
    """Deliver as the service does: once more where the server could not be reached, as a busy one may not be."""
    for _ in range(3):
        with suppress(Unreachable):
            return ehr.deliver(sent)
    return ehr.deliver(sent)


@pytest.mark.parametrize("transaction", [True, False], ids=["transaction", "single creates"])
def test_twenty_deliveries_at_once_leave_one_report(peer: Peer, transaction: bool) -> None:
    # Without the destination's lock sekmet doubles Observation, Media and Provenance in single creates: it looks and
    # creates in two steps. Neither server does so in a transaction.
    sent = fresh(20 + transaction)
    with destination(peer, transaction=transaction) as ehr, ThreadPoolExecutor(20) as pool:
        receipts = set(pool.map(lambda _: delivered(ehr, sent), range(20)))
    assert {each.reference for each in receipts} == {f"DiagnosticReport/{parts(peer, sent)['id']}"}


def test_a_report_that_was_signed_is_left_as_it_is(peer: Peer) -> None:
    sent = fresh(30)
    with destination(peer) as ehr:
        place = ehr.deliver(sent).reference
        signed = peer.ask("GET", place) | {"status": "final", "conclusion": "Read by a physician."}
        peer.ask("PUT", place, json=signed)
        assert ehr.deliver(sent).reference == place
    now = peer.ask("GET", place)
    assert (now["status"], now["conclusion"]) == ("final", "Read by a physician.")


def test_a_patient_that_the_server_does_not_know_gets_nothing(peer: Peer) -> None:
    before = len(peer.held("DiagnosticReport")), len(peer.held("Patient"))
    for changed, code in (({"id": "PLANTED|4711"}, "patient-not-found"), ({"sex": "M"}, "patient-mismatch")):
        with destination(peer) as ehr, pytest.raises(Refused, match=code):
            ehr.deliver(report(patient=replace(PLANTED, **changed)))
    assert (len(peer.held("DiagnosticReport")), len(peer.held("Patient"))) == before


def test_no_request_line_names_the_patient(peer: Peer) -> None:
    with destination(peer) as ehr:
        ehr.deliver(fresh(40))
    seen = peer.seen()
    assert any("Patient/_search" in line for line in seen)
    assert [line for line in seen if "planted" in line.lower()] == []


def test_a_server_says_whether_it_takes_transactions(peer: Peer) -> None:
    with destination(peer) as ehr:
        if peer.token is not None:
            assert ehr.check()
        else:  # Medplum's router has no CapabilityStatement of its own
            with pytest.raises(Unreachable, match="no CapabilityStatement"):
                ehr.check()


ways = pytest.mark.parametrize("transaction", [True, False], ids=["transaction", "single writes"])


def stands(peer: Peer, of: Report) -> Json:
    """Return the one DiagnosticReport of a report."""
    mine = {"system": URI, "value": urn(of.id)}
    (found,) = [each for each in peer.held("DiagnosticReport") if mine in each.get("identifier", [])]
    return found


def statuses(peer: Peer, of: Report) -> dict[str, int]:
    """Count the Observations and Media about a report's ECG by status; each is there once."""
    acquired = of.recording.acquired_at
    assert acquired is not None
    held = [each for each in peer.held("Observation") if each.get("effectiveDateTime") == acquired.isoformat()]
    named = [each["identifier"][0]["value"] for each in held]
    assert len(named) == len(set(named))
    return {status: sum(each["status"] == status for each in held) for status in {each["status"] for each in held}}


@ways
def test_an_amendment_updates_the_report_and_takes_what_it_replaces_out_of_use(peer: Peer, transaction: bool) -> None:
    first = fresh(41 + transaction)
    second = amended(first)
    with destination(peer, transaction=transaction) as ehr:
        held = ehr.deliver(first)
        receipts = [ehr.deliver(second, held) for _ in range(2)]
    assert {each.reference for each in (held, *receipts)} == {f"DiagnosticReport/{stands(peer, first)['id']}"}
    now = stands(peer, first)
    assert (now["status"], now["conclusionCode"][0]["coding"][-1]["code"]) == ("amended", "STTC")
    assert statuses(peer, first) == {"entered-in-error": OBSERVATIONS, "amended": OBSERVATIONS}
    referred = [each["reference"] for each in now["result"]]
    assert {peer.ask("GET", place)["status"] for place in referred} == {"amended"} and len(referred) == OBSERVATIONS
    origins = [each for each in peer.held("Provenance") if f"DiagnosticReport/{now['id']}" in set(references(each))]
    assert sorted(len(each["entity"]) for each in origins) == [1, 2]


@ways
def test_a_withdrawal_leaves_no_claim(peer: Peer, transaction: bool) -> None:
    first = fresh(43 + transaction)
    second = amended(first)
    last = withdrawn(second)
    with destination(peer, transaction=transaction) as ehr:
        held = ehr.deliver(second, ehr.deliver(first))
        for _ in range(2):
            ehr.deliver(last, held)
    now = stands(peer, first)
    assert now["status"] == "entered-in-error" and "WITHDRAWN" in now["conclusion"]
    assert not {"result", "media", "conclusionCode"} & now.keys()
    assert statuses(peer, first) == {"entered-in-error": 2 * OBSERVATIONS}


@ways
def test_a_first_version_that_comes_again_changes_nothing(peer: Peer, transaction: bool) -> None:
    first = fresh(45 + transaction)
    with destination(peer, transaction=transaction) as ehr:
        ehr.deliver(amended(first), ehr.deliver(first))
        before = stands(peer, first)
        ehr.deliver(first)
    assert stands(peer, first) == before and statuses(peer, first) == {
        "entered-in-error": OBSERVATIONS,
        "amended": OBSERVATIONS,
    }


@ways
@pytest.mark.parametrize("later", [amended, withdrawn])
def test_what_a_physician_signed_in_between_is_left_as_it_is(
    peer: Peer, transaction: bool, later: Callable[[Report], Report]
) -> None:
    first = fresh(47 + transaction + 2 * (later is amended))
    with destination(peer, transaction=transaction) as ehr:
        held = ehr.deliver(first)
        signed = stands(peer, first) | {"status": "final", "conclusion": "Read by a physician."}
        peer.ask("PUT", held.reference, json=signed)
        before = stands(peer, first)
        with pytest.raises(Refused, match=r"^changed at destination$"):
            ehr.deliver(later(first), held)
    assert stands(peer, first) == before and before["status"] == "final"
    assert statuses(peer, first) == {"preliminary": OBSERVATIONS}


def test_a_report_that_somebody_changed_without_signing_is_left_as_it_is(peer: Peer) -> None:
    first = fresh(51)
    with destination(peer) as ehr:
        held = ehr.deliver(first)
        peer.ask("PUT", held.reference, json=stands(peer, first) | {"conclusion": "Looked at."})
        with pytest.raises(Refused, match="changed at destination"):
            ehr.deliver(amended(first), held)
    assert stands(peer, first)["conclusion"] == "Looked at."


def test_a_receipt_that_was_lost_is_made_good(peer: Peer) -> None:
    """The first delivery's answer was lost: the repeat finds all, and an amendment still knows what was written."""
    first = fresh(52)
    with destination(peer) as ehr:
        ehr.deliver(first)
        held = ehr.deliver(first)
        ehr.deliver(amended(first), held)
    assert stands(peer, first)["status"] == "amended"


def test_a_later_version_alone_is_created(peer: Peer) -> None:
    second = amended(fresh(53))
    with destination(peer) as ehr:
        assert ehr.deliver(second).reference == ehr.deliver(second).reference
    assert stands(peer, second)["status"] == "amended" and statuses(peer, second) == {"amended": OBSERVATIONS}


def test_a_receipt_that_knows_nothing_overwrites_nothing(peer: Peer) -> None:
    first = fresh(54)
    with destination(peer) as ehr:
        held = ehr.deliver(first)
        for known in (None, Receipt("ehr", held.reference)):
            with pytest.raises(Refused, match="changed at destination"):
                ehr.deliver(amended(first), known)
    assert stands(peer, first)["status"] == "preliminary"


def test_a_receipt_names_no_patient(peer: Peer) -> None:
    with destination(peer) as ehr:
        held = ehr.deliver(fresh(55))
    assert held.state and "planted" not in f"{held}".lower()
