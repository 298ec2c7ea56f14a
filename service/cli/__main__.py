"""The command line as `python -m service.cli`."""

from service.cli.main import app

app(prog_name="twelvelead")
