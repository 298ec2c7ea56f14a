"""The outermost boundary of a command: an error becomes a line that says what to do, and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

EXIT_PAYLOAD: Final = 65  # sysexits.h: the input data was wrong
EXIT_SETUP: Final = 78  # sysexits.h: something is not configured right
EXIT_OTHER: Final = 70  # sysexits.h: a fault in the software


@contextmanager
def errors_told() -> Iterator[None]:
    """The outermost boundary of the process: an error becomes a line that says what to do, and an exit code."""
    from ecg.errors import EcgError, PayloadError

    try:
        yield
    except (typer.Exit, typer.BadParameter):
        raise
    except EcgError as error:
        typer.secho(f"{error.code}: {error}", fg="red", err=True)
        raise typer.Exit(EXIT_PAYLOAD if isinstance(error, PayloadError) else EXIT_SETUP) from error
    except OSError as error:
        typer.secho(f"file: {error.strerror or type(error).__name__}", fg="red", err=True)
        raise typer.Exit(EXIT_SETUP) from error
    except Exception as error:
        # Its text may hold a patient's data: the class is named, no more.
        typer.secho(f"internal: {type(error).__name__}; nothing was issued", fg="red", err=True)
        raise typer.Exit(EXIT_OTHER) from error
