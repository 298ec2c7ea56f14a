"""The command `twelvelead`. What a command needs is imported when it runs, so that --help is quick."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from service.cli.access import audit_app, keys_app
from service.cli.configure import config_app
from service.cli.database import database_app
from service.cli.erase import erase
from service.cli.errors import errors_told
from service.cli.operate import destinations_app, jobs_app
from service.cli.quarantine import quarantine_app
from service.cli.reports import reports_app

app = typer.Typer(
    help="Read ECGs and report on them. Not a cleared medical device: for research and evaluation only.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback with locals would print patients' data
)
app.add_typer(jobs_app, name="jobs")
app.add_typer(destinations_app, name="destinations")
app.add_typer(reports_app, name="reports")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(keys_app, name="keys")
app.add_typer(audit_app, name="audit")
app.add_typer(config_app, name="config")
app.add_typer(database_app, name="database")


@app.command()
def read(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="The ECG, or the files of one; `twelvelead formats` lists what is read."
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Directory for report.pdf, bundle.json and pictures.")
    ] = Path("twelvelead-report"),
    issued: Annotated[
        str, typer.Option(help="Time of issue, ISO 8601 with zone, such as 2026-01-31T12:00:00Z; default: now.")
    ] = "",
    declare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="What the file leaves open: fs=500, unit=uV, leads=I,II,...; repeat it."
        ),
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="Printed format of the ECG: 3x4+1, 6x2 or 12x1. [TWELVELEAD_REPORT_LAYOUT]")
    ] = None,
) -> None:
    """Read an ECG and write its report; a report for each, where it holds several."""
    at = _time(issued) if issued else datetime.now(UTC)
    from service.cli.read import declared, read_files

    with errors_told():
        read_files(files, out, at, declared(declare or []), {"report_layout": layout} if layout else {})


@app.command()
def explain(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="The ECG, or the files of one, as for `read`.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Directory for explanations.json and each map as a NumPy array.")
    ] = None,
    declare: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="What the file leaves open, as for `read`.")
    ] = None,
) -> None:
    """Explain every finding of an ECG thoroughly: maps with all their checks, leads by ablation. Takes some seconds."""
    from service.cli.explain import explain_files
    from service.cli.read import declared

    with errors_told():
        explain_files(files, out, declared(declare or []))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address of the HTTP listener. [TWELVELEAD_HOST]")] = None,
    port: Annotated[int | None, typer.Option(help="Port of the HTTP listener. [TWELVELEAD_PORT]")] = None,
    dicom_port: Annotated[int | None, typer.Option(help="Port of the DICOM listener. [TWELVELEAD_DICOM_PORT]")] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="What this process does: http, dicom or work; several by repeating.")
    ] = None,
) -> None:
    """Listen by HTTP and DICOM, on loopback by default; read what comes, deliver what was read."""
    from service.logs import set_up_logs
    from service.settings import load_settings

    chosen = {"host": host, "port": port, "dicom_port": dicom_port, "roles": role}
    with errors_told():
        settings = load_settings(**{key: value for key, value in chosen.items() if value is not None})
        set_up_logs(settings.log_format, settings.log_level)
        from service.cli.serve import serve as run

        run(settings)


app.command()(erase)


@app.command()
def echo(
    host: Annotated[str | None, typer.Option(help="Address of the DICOM listener. [TWELVELEAD_DICOM_HOST]")] = None,
    port: Annotated[int | None, typer.Option(help="Its port. [TWELVELEAD_DICOM_PORT]")] = None,
    ae_title: Annotated[str | None, typer.Option(help="Its AE title. [TWELVELEAD_AE_TITLE]")] = None,
    calling: Annotated[str, typer.Option(help="The AE title that calls; empty: the listener's own.")] = "",
) -> None:
    """Ask the DICOM listener by C-ECHO whether it answers; exit code 0 if it does, 1 if not."""
    from service.cli.echo import listener_answers
    from service.settings import load_settings

    chosen = {"dicom_host": host, "dicom_port": port, "ae_title": ae_title}
    with errors_told():
        settings = load_settings(**{key: value for key, value in chosen.items() if value is not None})
        if not listener_answers(settings, calling):
            typer.echo("It does not answer.", err=True)
            raise typer.Exit(1)
        typer.echo("It answers.")


@app.command()
def formats() -> None:
    """List the formats that are read, and what may be wrapped around them."""
    from adapters.formats import FORMATS
    from adapters.readers import READERS, WRAPPERS

    for name in [*(each.name for each in READERS), *(each.name for each in WRAPPERS)]:
        typer.echo(f"{name}\n    {FORMATS[name].reads}")


@app.command()
def models() -> None:
    """List the models by arm and digest, and the digest of all by which TWELVELEAD_MODELS_DIGEST names them."""
    from models.router import combined
    from service.settings import load_settings
    from service.wiring import digests

    with errors_told():
        found = digests(load_settings())
        for arm, digest in found:
            typer.echo(f"{arm:<24} {digest}")
        typer.echo(f"{'all':<24} {combined(digest for _, digest in found)}")


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings. [TWELVELEAD_CONFIG]")] = None,
) -> None:
    """Read ECGs and report on them. Not a cleared medical device: for research and evaluation only."""
    from service.logs import set_up_logs

    set_up_logs()
    if config is not None:
        from service.settings import name_config

        name_config(config)
    if version:
        from service.release import RELEASE

        typer.echo(RELEASE)


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter("--issued needs an ISO 8601 time, such as 2026-01-31T12:00:00Z.") from error
    if at.tzinfo is None:
        raise typer.BadParameter("--issued needs a zone, such as the Z in 2026-01-31T12:00:00Z.")
    return at
