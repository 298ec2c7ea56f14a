"""Deliver reports to a PACS by DICOMweb: STOW-RS of their objects (PS3.18 10.5), then storage commitment by DIMSE."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

from pydicom.dataset import Dataset
from pydicom.uid import UID

from adapters.dicom.pacs import STORED, PacsDestination, not_stored, receipt
from adapters.dicom.rejection import succeeding
from adapters.dicom.results import ALL, part10
from adapters.exchange import Answer, Ask, Exchange, Json, Wire, accepted, secure
from adapters.oauth import TokenSource, send_as
from ecg.errors import Refused, Unconfirmed, Unreachable
from ecg.report import Receipt, Report

DICOM_JSON: Final = "application/dicom+json"
# PS3.18 table 10.5.3-1: all stored; some; none. Their bodies say which, and why (table I.1-1).
TELLING: Final = frozenset({200, 202, 409})
PROCESSING_FAILURE: Final = 0x0110  # PS3.18 table I.2-2
_REFERENCED, _FAILED = "00081199", "00081198"
_INSTANCE, _REASON = "00081155", "00081197"


@dataclass(frozen=True)
class WebSettings:
    """Where a PACS takes objects by STOW-RS.

    Attributes:
        url: of its DICOMweb service, to which /studies is added; https, except on loopback.
        wire: how it is reached.
        parts: which objects of a report it gets.
    """

    url: str
    wire: Wire = field(default_factory=Wire)
    parts: tuple[str, ...] = ALL


class WebDestination:
    """A PACS with DICOMweb. A repeat carries the same UIDs, by which it leaves one copy.

    Args:
        name: of the destination.
        settings: where it is.
        token: gives access tokens; None where the server asks for none.
        commitment: the same PACS by DIMSE, which commits to keep what is stored; None: stored is delivered.

    Raises:
        SetupError: the URL is not secure, or the certificates cannot be read.
    """

    def __init__(
        self,
        name: str,
        settings: WebSettings,
        token: TokenSource | None = None,
        commitment: PacsDestination | None = None,
    ) -> None:
        self._name = name
        self._url = f"{secure(settings.url)}/studies"
        self._token = token
        self._commitment = commitment
        self._parts = settings.parts
        self._exchange = Exchange(settings.wire)

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    def deliver(self, report: Report, held: Receipt | None = None) -> Receipt:
        """Store the report's objects and have them committed; the receipt names their SOP Instance UIDs.

        Where an earlier version is `held`, a rejection note on its objects follows them; a withdrawal is that alone.

        Raises:
            Unreachable: nothing was stored, try again.
            Unconfirmed: something may have been stored, or is not committed yet, try again.
            Refused: the PACS will not take it, or the recording names no study.
        """
        objects = succeeding(report, held, self._parts)
        if not objects:
            return receipt(self._name, objects)
        if self._commitment is None:
            self._store(objects)
        elif not self._commitment.committed_already(report, objects):
            self._store(objects)
            try:
                self._commitment.commit(report, objects)
            except Unreachable as error:  # to ask; but it is stored by now
                raise Unconfirmed(str(error)) from error
            except Refused as error:
                error.partly = True
                raise
        return receipt(self._name, objects)

    def _store(self, objects: Sequence[Dataset]) -> None:
        boundary = uuid4().hex
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        headers = {"Content-Type": kind, "Accept": DICOM_JSON}
        ask = Ask("store", "POST", self._url, _multipart(objects, boundary), headers, writes=True)
        answer = send_as(self._token, self._exchange, ask)
        if answer.status not in TELLING:
            accepted(ask, answer)  # raises, for all but 201
        _check(objects, answer)


def _multipart(objects: Sequence[Dataset], boundary: str) -> bytes:
    """Return the objects as the parts of a body (RFC 2046, 5.1)."""
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join(head + part10(each) + b"\r\n" for each in objects) + f"--{boundary}--\r\n".encode()


def _check(objects: Sequence[Dataset], answer: Answer) -> None:
    """Hold the answer against what was sent.

    Raises:
        Unreachable: the PACS stored nothing, for now.
        Unconfirmed: it does not say of each object that it is stored.
        Refused: it will not store one of them.
    """
    module = _module(answer)
    stored = {uid for uid, _ in _told(module, _REFERENCED)}
    failed = {uid: reason for uid, reason in _told(module, _FAILED) if reason not in STORED}
    duplicates = {uid for uid, reason in _told(module, _FAILED) if reason in STORED}
    if answer.status == 409 and not failed and not duplicates:
        raise Refused("store: HTTP 409")
    for each in objects:
        if (uid := str(each.SOPInstanceUID)) in failed:
            raise not_stored(UID(each.SOPClassUID).name, failed[uid], partly=bool(stored | duplicates))
    if any(str(each.SOPInstanceUID) not in stored | duplicates for each in objects):
        raise Unconfirmed("store: the answer does not say that each object is stored")


def _module(answer: Answer) -> Json:
    """Return the Store Instances Response Module; {} where there is none."""
    try:
        content = json.loads(answer.content)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _told(module: Json, sequence: str) -> list[tuple[str, int]]:
    """Return SOP Instance UID and Failure Reason of each item; who fails without one may take it another time."""
    held = [each for each in _values(module, sequence) if isinstance(each, dict)]
    return [(str(_first(each, _INSTANCE)), _integer(_first(each, _REASON))) for each in held]


def _values(of: Mapping[str, Any], tag: str) -> list[Any]:
    element = of.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _first(of: Mapping[str, Any], tag: str) -> Any:
    return next(iter(_values(of, tag)), None)


def _integer(value: Any) -> int:
    return value if isinstance(value, int) else PROCESSING_FAILURE
