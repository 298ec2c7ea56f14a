"""Print what fhirpy-types-r5, models made of R5's own definitions, says of each file: file name to complaints."""

import json
import sys
from pathlib import Path

import fhirpy_types_r5 as r5  # type: ignore[import-not-found]
from pydantic import ValidationError


def complaints(bundle: dict) -> list[str]:
    """Return what is wrong with a Bundle, and with each of its resources by its own model."""
    parts = [{**bundle, "entry": None}, *(entry["resource"] for entry in bundle["entry"])]
    found = []
    for part in parts:
        if (model := getattr(r5, part["resourceType"], None)) is None:
            found.append(f"R5 has no {part['resourceType']}")
            continue
        try:
            model.model_validate({name: value for name, value in part.items() if value})
        except ValidationError as error:
            found += [
                f"{part['resourceType']}.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
            ]
    return found


print(json.dumps({name: complaints(json.loads(Path(name).read_text(encoding="utf-8"))) for name in sys.argv[1:]}))
