"""Reads one ECG in Python and keeps its report: python examples/read_one.py FILE [DIRECTORY]."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from adapters.fhir.frame import FhirSettings
from adapters.readers import read
from ecg.payload import Payload
from service.pipeline import interpret
from service.renderings import renderings
from service.settings import load_settings
from service.wiring import build_router


def main(file: Path, directory: Path) -> None:
    """Read the file, print what was found, write every rendering."""
    router = build_router(load_settings())
    for recording in read(Payload(file.read_bytes())):
        report = interpret(recording, router=router, issued=datetime.now(UTC))
        for sentence in report.sentences:
            print(sentence.text)
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in renderings(report, FhirSettings()).items():
            (directory / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "report"))
