"""`twelvelead config`: what the settings are, and all that is wrong with them, in one go."""

import json
from collections.abc import Iterator
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from service.cli.errors import errors_told
from service.settings import Settings, examined, load_settings, unknown_variables

EXIT_WRONG: Final = 1

config_app = typer.Typer(help="The settings: what is in force, and what is wrong.", no_args_is_help=True)


@config_app.command("check")
def check(
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no peer: no destination, no OpenID provider.")
    ] = False,
) -> None:
    """Say all that is wrong, a line each, with what to do; exit with 1 where something is."""
    from service.diagnosis import diagnose

    with errors_told():
        settings, lines = examined()
        for line in lines:
            typer.echo(f"error    {line}")
        for name in unknown_variables():
            typer.echo(f"warning  {name} is set, but there is no such setting; docs/configuration.md lists them")
        wrong = bool(lines)
        for each in diagnose(settings, offline=offline):
            wrong = wrong or each.wrong
            typer.echo(f"{'error' if each.wrong else 'warning':<8} {each.text}")
    if wrong:
        raise typer.Exit(EXIT_WRONG)
    typer.echo("The settings are in order.")


@config_app.command("show")
def show() -> None:
    """Print the settings that are in force, as the file would hold them. Secrets are left out."""
    with errors_told():
        for line in shown(load_settings()):
            typer.echo(line)


def shown(settings: Settings) -> Iterator[str]:
    """Yield the settings as lines of TOML, those that are empty as comments."""
    plain = settings.model_dump(mode="json", exclude={"config", "destination", "database"})
    tables = {name: value for name, value in plain.items() if isinstance(value, dict)}
    yield f"database = {json.dumps(_without_secrets(settings.database))}"
    for name, value in plain.items():
        if name not in tables:
            yield f"# {name} is not set" if value is None else f"{name} = {json.dumps(value)}"
    for name, table in tables.items():
        yield f"\n[{name}]"
        yield from (f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items())
    for table in settings.destination:  # they name files of secrets, and hold none
        yield "\n[[destination]]"
        yield from (f"{key} = {_value(value)}" for key, value in table.items())


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(each)}" for key, each in value.items()) + " }"
    return json.dumps(value, default=str)


def _without_secrets(url: str) -> str:
    """Return where a database is, without user, password and options."""
    if not url:
        return ""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{address}{parts.path}" if parts.scheme and address else "(set)"
