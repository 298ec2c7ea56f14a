"""The one table of who may ask what: each route has one row, with the scope that it needs. What has none is refused."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from service.scopes import OPERATE

PUBLIC: Final = "public"
READ_REPORTS: Final = "DiagnosticReport.r"
SEND_ECGS: Final = "Observation.c"
CHANGE_REPORTS: Final = "DiagnosticReport.u"
BY_TYPE: Final = "{type}"  # in a scope: the resource type in the path

_TYPE: Final = "(?P<type>[A-Z][A-Za-z]+)"
_ID: Final = "[^/]+"


@dataclass(frozen=True)
class Row:
    """Requests of one kind.

    Attributes:
        method: of the request; GET covers HEAD.
        path: a pattern (regular expression) of the whole path.
        scope: what a credential needs; PUBLIC for none.
        action: by which the audit trail names it.
        quiet: it shows nobody's data, so the trail tells of it only where it is refused.
        description: it describes the routes; the settings may want a credential for it, of any scope.
    """

    method: str
    path: str
    scope: str
    action: str
    quiet: bool = False
    description: bool = False

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.path)

    def needed(self, method: str, path: str) -> str | None:
        """Return the scope that a request needs, None where it is not of this row."""
        if ("GET" if method == "HEAD" else method) != self.method or not (found := self._pattern.fullmatch(path)):
            return None
        return self.scope.replace(BY_TYPE, found["type"]) if BY_TYPE in self.scope else self.scope


ROWS: Final = (
    Row("GET", "/health/(live|ready)", PUBLIC, "ask health", quiet=True),
    Row("GET", "/openapi.json", PUBLIC, "ask what is routed", quiet=True, description=True),
    Row("GET", "/metrics", OPERATE, "ask metrics", quiet=True),
    Row("POST", "/v1/ecgs", SEND_ECGS, "send ecg"),
    Row("GET", f"/v1/jobs(/{_ID})?", OPERATE, "read job"),
    Row("GET", f"/v1/reports/{_ID}(/{_ID}|/versions/{_ID}/{_ID})?", READ_REPORTS, "read report"),
    Row("POST", f"/v1/reports/{_ID}/(amend|withdraw)", CHANGE_REPORTS, "change report"),
    Row("GET", "/v1/quarantine(/.+)?", OPERATE, "read quarantine"),
    Row("POST", "/v1/quarantine(/.+)?", OPERATE, "change quarantine"),
    Row("DELETE", "/v1/quarantine(/.+)?", OPERATE, "change quarantine"),
    Row("GET", "/fhir/metadata", PUBLIC, "ask what is routed", quiet=True, description=True),
    Row("POST", "/fhir/?", SEND_ECGS, "send ecg"),
    Row("POST", f"/fhir/{_TYPE}", SEND_ECGS, "send ecg"),
    Row("GET", f"/fhir/{_TYPE}", f"{BY_TYPE}.s", "search reports"),
    Row("POST", f"/fhir/{_TYPE}/_search", f"{BY_TYPE}.s", "search reports"),
    Row("GET", f"/fhir/{_TYPE}/{_ID}(/_history(/{_ID})?)?", f"{BY_TYPE}.r", "read report"),
    Row("POST", f"/dicom-web/studies(/{_ID})?", SEND_ECGS, "send ecg"),
)


@dataclass(frozen=True)
class Demand:
    """What one request asks for: the scope that it needs and its name in the trail. No scope: no row has it."""

    scope: str | None = None
    action: str = "ask"
    quiet: bool = True
    description: bool = False


def demand(method: str, path: str) -> Demand:
    """Return what a request asks for, by the first row that has it."""
    for row in ROWS:
        if (scope := row.needed(method, path)) is not None:
            return Demand(scope, row.action, row.quiet, row.description)
    return Demand()
