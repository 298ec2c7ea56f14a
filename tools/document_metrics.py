"""Writes the table of metrics into docs/operation.md, from the metrics themselves."""

import sys
from collections.abc import Iterator
from pathlib import Path

from service.gauges import Gauges
from service.metrics import Metrics

PAGE = Path(__file__).parents[1] / "docs" / "operation.md"
BEGIN, END = "<!-- metrics -->\n", "<!-- end of metrics -->\n"


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| metric | type | labels | what it is |\n"
    yield "|---|---|---|---|\n"
    for name, kind, labels, meaning in (*_counted(), *_asked()):
        yield f"| `{name}` | {kind} | {', '.join(f'`{each}`' for each in labels)} | {meaning} |\n"


def _counted() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    for collector in Metrics().registry._collector_to_names:
        labels = getattr(collector, "_labelnames", None)  # ProcessCollector has none: the page names it
        for family in collector.describe() if labels is not None else ():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield name, family.type, labels, family.documentation


def _asked() -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    for family in Gauges.describe(None):  # type: ignore[arg-type]  # it describes the class
        yield family.name, family.type, family._labelnames, family.documentation


def page(text: str) -> str:
    """Return the page with the table in its place."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}{''.join(table())}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    sys.stdout.write(page(PAGE.read_text()))
