"""Real scans and photographs: what they show was written down by a reader, and none may be read as something else."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from adapters.scan.digitise import digitise
from adapters.scan.pictures import page
from ecg.errors import UnreadablePage
from ecg.leads import LEADS

SCANS = [each for root in Path(__file__).parents if (each := root / "shared" / "samples" / "scans").is_dir()]
TABLE: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("scans.toml").read_text(encoding="utf-8"))
LEAST_READ = 21  # of the 26
pytestmark = pytest.mark.skipif(not SCANS, reason="no ../shared/samples/scans")


def outcome(name: str) -> str:
    """Return the layout that is found, or the reason of the refusal."""
    data = next(SCANS[0].glob(f"{name}.*")).read_bytes()
    try:
        found = digitise(page(data, 0))
    except UnreadablePage as refused:
        return refused.reason
    assert set(found.leads) == set(LEADS)
    return found.evidence.layout


def test_a_scan_is_read_as_what_it_is_or_refused() -> None:
    right = []
    for name, told in TABLE.items():
        found = outcome(name)
        if found in ("no-trace", "layout-unknown", "leads-disagree", "no-grid"):
            continue
        assert "refuse" not in told, f"{name} was read as {found}"
        strips = len(told["rhythms"])
        allowed = {told["layout"] + (f"+{strips}" if strips else "")} | (
            {told["layout"]} if told.get("apart") else set()
        )
        assert found in allowed, name
        right.append(name)
    assert len(right) >= LEAST_READ
