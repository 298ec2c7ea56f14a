"""Writes the digest of the release's models into the chart's values."""

import re
import sys
from pathlib import Path

from models.router import combined
from service.settings import Settings
from service.wiring import digests

VALUES = Path(__file__).parents[1] / "deploy" / "helm" / "twelvelead" / "values.yaml"


def page(text: str) -> str:
    """Return the values with the digest in its place."""
    digest = combined(each for _, each in digests(Settings()))
    return re.sub(r'(?m)^  digest: [0-9a-f"]*$', f"  digest: {digest}", text, count=1)


if __name__ == "__main__":
    sys.stdout.write(page(VALUES.read_text()))
