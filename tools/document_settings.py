"""Prints docs/configuration.md from the settings themselves."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from service.settings import Settings


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Configuration"
    yield ""
    yield "Settings are environment variables, or keys of one TOML file. All have defaults that run on one machine."
    yield "This page is generated from `service/settings.py` by `make docs`."
    yield ""
    yield "`TWELVELEAD_CONFIG` or `twelvelead --config FILE` names the file. It holds settings by their names in small"
    yield "letters without the prefix, and the destinations ([destinations.md](destinations.md)). The command line"
    yield "comes before the environment, and that before the file; a key that is no setting is refused."
    yield ""
    yield "```toml"
    yield 'site_zone = "Europe/Rome"'
    yield "workers = 4"
    yield ""
    yield "[patient_systems]"
    yield 'HOSPITAL = "urn:oid:1.2.3"'
    yield "```"
    yield ""
    yield "`twelvelead config check` says all that is wrong, a line each; `twelvelead config show` prints what is in"
    yield "force, without secrets."
    yield ""
    yield "| variable | default | what it does |"
    yield "|---|---|---|"
    for name, field in Settings.model_fields.items():
        shown = _shown(field.default).replace(str(Path.home()), "~")
        yield f"| `TWELVELEAD_{name.upper()}` | {f'`{shown}`' if shown else '(empty)'} | {field.description} |"


def _shown(default: Any) -> str:
    if default in (PydanticUndefined, None, "", {}, ()):
        return ""
    return json.dumps(default) if isinstance(default, tuple) else str(default)


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
