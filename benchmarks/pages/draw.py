"""Draws the benchmark's pages by other programs: clean pictures, vector PDFs, scans, photographs, and their truth."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pypdfium2

from benchmarks.ludb import LUDB, load
from benchmarks.pages.settings import FS, Setting, job, printed, setting
from training.synthesise.capture import PAGE_DPI, photograph, scan
from training.synthesise.wear import Pixels, jpeg, png

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ROOT / ".peers" / "pages" / "bin" / "python"
SCRIPTS: Final = Path(__file__).parent / "peers"
KINDS: Final = ("clean", "scan", "photo", "vector")
PLACES: Final = (*KINDS, "truth")
LIMBS: Final = 6  # leads before those of the chest
CLEAN_JPEG: Final = 92  # quality
CHUNK: Final = 10  # pages for one run of a program


def draw(out: Path, count: int, seed: int) -> None:
    """Draw pages 0 to `count` - 1 of a seed into `out`; what is there already is left."""
    draw_pages(out, [setting(number, seed) for number in range(count)], seed)


def draw_pages(out: Path, pages: Sequence[Setting], seed: int) -> None:
    """Draw pages as they are set, worn by a seed, into `out`; what is there already is left."""
    for place in PLACES:
        (out / place).mkdir(parents=True, exist_ok=True)
    missing = [page for page in pages if not (out / "truth" / f"{page.name}.npy").exists()]
    for start in range(0, len(missing), CHUNK):
        part = missing[start : start + CHUNK]
        for tool in ("dicom-ecg-plot", "ecg-plot"):
            _by(tool, [page for page in part if page.tool == tool], out)
        for page in part:
            _finish(page, out, np.random.default_rng((seed, page.number, 1)))
        print(f"{start + len(part)} of {len(missing)} pages", file=sys.stderr)


def _by(tool: str, pages: Sequence[Setting], out: Path) -> None:
    """Let a program draw pages as vector PDFs."""
    if not pages:
        return
    jobs = [_job(page, out) for page in pages]
    script = SCRIPTS / f"draw_{tool.replace('-', '_')}.py"
    # -I: its own packages alone, and not ours, one of which has the name of one of theirs.
    quiet = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    subprocess.run(
        [str(PYTHON), "-I", "-W", "ignore", str(script)], input=json.dumps(jobs), text=True, check=True, env=quiet
    )


def _job(page: Setting, out: Path) -> dict[str, Any]:
    source = out / "truth" / f"{page.name}.source.npy"
    signal = load(page.record, LUDB).signal[:, : round(page.seconds * FS)]
    np.save(source, np.concatenate([signal[:LIMBS], signal[LIMBS:] * page.chest]))
    return job(page, source, out / "vector" / f"{page.name}.pdf", _drawn(page, out))


def _drawn(page: Setting, out: Path) -> Path:
    return out / "truth" / f"{page.name}.drawn.npy"


def _finish(page: Setting, out: Path, rng: np.random.Generator) -> None:
    """Turn a drawn page into pixels, wear it, and lay its truth beside it."""
    vector = out / "vector" / f"{page.name}.pdf"
    clean = rendered(vector, page.dpi)
    as_jpeg = page.kind == "jpg"
    (out / "clean" / f"{page.name}.{page.kind}").write_bytes(jpeg(clean, CLEAN_JPEG) if as_jpeg else png(clean))
    master = rendered(vector, PAGE_DPI)
    (out / "scan" / f"{page.name}.jpg").write_bytes(scan(master, rng))
    (out / "photo" / f"{page.name}.jpg").write_bytes(photograph(master, rng))
    told = json.dumps(asdict(page), indent=1)
    (out / "truth" / f"{page.name}.json").write_text(told, encoding="utf-8")
    truth = printed(page, np.load(_drawn(page, out)))
    truth[LIMBS:] /= page.chest
    np.save(out / "truth" / f"{page.name}.npy", truth)
    for spent in (_drawn(page, out), out / "truth" / f"{page.name}.source.npy"):
        spent.unlink()


def rendered(vector: Path | bytes, dpi: int) -> Pixels:
    """Return the first page of a PDF in pixels, as PDFium draws it."""
    with pypdfium2.PdfDocument(vector) as document:
        bitmap = document[0].render(scale=dpi / 72)
        return np.ascontiguousarray(bitmap.to_numpy()[..., :3][..., ::-1])
