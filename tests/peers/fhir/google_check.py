"""Print what google-fhir says of each R4 resource file: a JSON object, file name to complaint or null."""

import json
import sys
from pathlib import Path

from google.fhir.core.fhir_errors import InvalidFhirError  # type: ignore[import-not-found]
from google.fhir.r4 import json_format  # type: ignore[import-not-found]
from google.fhir.r4.proto.core.resources import bundle_and_contained_resource_pb2 as proto  # type: ignore[import-not-found]


def complaint(text: str) -> str | None:
    """Return what is wrong with a Bundle, None where nothing is."""
    try:
        json_format.json_fhir_string_to_proto(text, proto.Bundle, validate=True)
    except (InvalidFhirError, ValueError) as error:
        return str(error) or type(error).__name__
    return None


print(json.dumps({name: complaint(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]}))
