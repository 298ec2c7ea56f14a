"""Writes docs/abstentions.md: every code by which no model reads a recording, and what the sender can do."""

import sys
from collections.abc import Iterator

from ecg.reasons import REASONS


def page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Why no model reads a recording"
    yield ""
    yield "This page is generated from `ecg/reasons.py` by `make docs`."
    yield ""
    yield "An ECG that no model may read still gets its report, with all that is certain of it, and the reason with its"
    yield "code: in the report's first sentence, in `report.json` (`prediction.abstention.code`; `prediction.declined`"
    yield "names each arm with its own), in FHIR as `dataAbsentReason`, in the log, and in the metric"
    yield "`twelvelead_abstentions_total`. Figures are the shipped cards' own limits; a card may set others."
    yield ""
    yield "| code | meaning | what the sender can do |"
    yield "|---|---|---|"
    for code, reason in REASONS.items():
        yield f"| `{code}` | {reason.meaning} | {reason.remedy} |"


if __name__ == "__main__":
    sys.stdout.write("\n".join(page()) + "\n")
