"""Requests made from our own OpenAPI description, valid and broken: no crash, no hang, no unhandled error."""

import os
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import unsupported_method

from tests.golden.site import Site

EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "30"))
BOUNDED = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@schemathesis.serializer('multipart/related; type="application/dicom"')
def multipart(context: Any, value: Any) -> bytes:
    """Send whatever there is as one part."""
    part = value if isinstance(value, bytes) else str(value).encode(errors="replace")
    return b"--b\r\nContent-Type: application/dicom\r\n\r\n" + part + b"\r\n--b--\r\n"


def test_no_request_breaks_it(tmp_path: Path) -> None:
    with Site(tmp_path / "s", "") as site, site.start() as client:
        base = str(client.base_url).rstrip("/")
        schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
        asked = set[int]()
        for operation in (each.ok() for each in schema.get_all_operations()):

            @BOUNDED
            @given(case=operation.as_strategy())
            def ask(case: schemathesis.Case) -> None:
                answer = case.call(timeout=60)
                asked.add(answer.status_code)
                if answer.status_code != 503:  # what cannot be done now says so
                    case.validate_response(answer, checks=[not_a_server_error, unsupported_method])

            ask()
        assert asked >= {200, 404, 415}, "the requests reached more than one answer"
        assert client.get("/health/ready").status_code == 200
