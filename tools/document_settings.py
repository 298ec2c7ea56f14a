"""Prints docs/configuration.md from the settings themselves."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic_core import PydanticUndefined

from service.settings import Settings


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Configuration"
    yield ""
    yield "Settings are environment variables. All have defaults that run on one machine. This page is generated from"
    yield "`service/settings.py` by `make docs`."
    yield ""
    yield "| variable | default | what it does |"
    yield "|---|---|---|"
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (PydanticUndefined, None, "", {}) else str(field.default)
        if isinstance(field.default, tuple):
            default = json.dumps(field.default)
        shown = default.replace(str(Path.home()), "~")
        yield f"| `TWELVELEAD_{name.upper()}` | {f'`{shown}`' if shown else '(empty)'} | {field.description} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
