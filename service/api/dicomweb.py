"""The DICOMweb route: STOW-RS, which stores objects as C-STORE does (PS3.18 10.5)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from adapters.dicom import stow
from ecg.errors import Overloaded
from ecg.payload import Payload
from service.api.multipart import Parts
from service.api.problems import BrokenRequest, NotAcceptable
from service.api.receiving import BODY_SECONDS, arriving
from service.intake import Intake

DICOM: Final = "application/dicom"
DICOM_JSON: Final = "application/dicom+json"  # PS3.18 8.7.3: the one in which answers are given
ACCEPTABLE: Final = frozenset({DICOM_JSON, "application/json", "application/*", "*/*"})
BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {f'multipart/related; type="{DICOM}"': {"schema": {"type": "string", "format": "binary"}}},
    }
}
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.OK: {"description": "Every object is stored.", "content": {DICOM_JSON: {}}},
    HTTPStatus.ACCEPTED: {"description": "Some objects are stored.", "content": {DICOM_JSON: {}}},
    HTTPStatus.CONFLICT: {"description": "No object is stored.", "content": {DICOM_JSON: {}}},
    HTTPStatus.BAD_REQUEST: {"description": "The body is no whole multipart message, or the study no UID."},
    HTTPStatus.NOT_ACCEPTABLE: {"description": f"Answers are {DICOM_JSON} only."},
    HTTPStatus.REQUEST_TIMEOUT: {"description": "The body took too long to arrive."},
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {"description": "The body is too large, or has too many parts."},
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {"description": f"The body is no multipart/related of {DICOM}."},
    HTTPStatus.SERVICE_UNAVAILABLE: {"description": "Nothing can be kept safe now; send it again later."},
}


def routes(intake: Intake, seconds: float = BODY_SECONDS) -> APIRouter:
    """Return the routes below /dicom-web. A body has so many `seconds` to arrive."""
    router = APIRouter(prefix="/dicom-web", tags=["DICOMweb"])

    def accept(payload: Payload) -> object:
        return intake.accept(payload, datetime.now(UTC), "stow")

    @router.post("/studies", openapi_extra=BODY, responses=ANSWERS)
    async def store(request: Request) -> Response:
        """Store objects of any studies. Each is on disk and queued before the answer."""
        return await _stored(request, "")

    @router.post("/studies/{study}", openapi_extra=BODY, responses=ANSWERS)
    async def store_in_study(request: Request, study: str) -> Response:
        """Store objects of one study; those of another are not stored."""
        if not stow.is_study(study):
            raise BrokenRequest("The study is no UID.")
        return await _stored(request, study)

    async def _stored(request: Request, study: str) -> Response:
        _check_accept(request)
        most = intake.settings.max_payload_mb * 1_000_000
        parts = await _parts(request, most, seconds)
        return await run_in_threadpool(_answer, parts, study, accept)

    return router


def _check_accept(request: Request) -> None:
    wanted = request.headers.get("accept", DICOM_JSON)
    if ACCEPTABLE.isdisjoint(each.partition(";")[0].strip().lower() for each in wanted.split(",")):
        raise NotAcceptable(f"Answers are {DICOM_JSON} only.")


async def _parts(request: Request, most: int, seconds: float) -> Sequence[bytes]:
    """Return the parts once all have arrived: of a broken body nothing is stored."""
    parts = Parts(request.headers.get("content-type", ""), DICOM, most)
    async with arriving(seconds):
        async for chunk in request.stream():
            parts.write(chunk)
    return parts.parts()


def _answer(parts: Sequence[bytes], study: str, accept: Callable[[Payload], object]) -> Response:
    objects = [stow.store(part, study, accept) for part in parts]
    if stow.out_of_resources(objects):
        raise Overloaded
    if stow.all_stored(objects):
        status = HTTPStatus.OK
    else:
        status = HTTPStatus.CONFLICT if stow.none_stored(objects) else HTTPStatus.ACCEPTED
    return Response(stow.response(objects), status, media_type=DICOM_JSON)
