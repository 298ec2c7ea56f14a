"""The how-to for a reader can be followed: a copy of the tree with its example passes the conformance suite."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python (file|append)=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_a_reader_is_added_as_the_page_says(tmp_path: Path) -> None:
    for each in ("adapters", "ecg", "tests", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / each).is_dir() else shutil.copy
        copy(ROOT / each, tmp_path / each)
    steps = BLOCK.findall((ROOT / "docs" / "howto" / "add-a-reader.md").read_text(encoding="utf-8"))
    assert [(kind, file) for kind, file, _ in steps] == [
        ("file", "adapters/strip.py"),
        ("append", "adapters/readers.py"),
        ("append", "tests/golden/payloads.py"),
        ("append", "adapters/formats.py"),
    ]
    for kind, file, text in steps:
        with (tmp_path / file).open("w" if kind == "file" else "a", encoding="utf-8") as target:
            target.write(text)
    path = os.pathsep.join((str(tmp_path), str(ROOT)))  # what is not copied comes from the tree
    chosen = ("-p", "no:cacheprovider", "tests/conformance/test_readers.py", "-k", "STRIP or row")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *chosen],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path, "FUZZ_EXAMPLES": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert int(re.findall(r"(\d+) passed", done.stdout)[-1]) >= 10
