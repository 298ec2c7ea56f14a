"""How each page of the benchmark is drawn and worn: everything from a seed and the page's number."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ecg.leads import LEADS

FS: Final = 500
SAMPLES: Final = 5000
RECORDS: Final = 100  # of LUDB that are here, numbered from 1
LAYOUTS: Final = {"3x4+1": 0.4, "3x4": 0.25, "6x2": 0.2, "12x1": 0.15}
COLUMNS: Final = {"3x4+1": 4, "3x4": 4, "6x2": 2, "12x1": 1}
RHYTHM: Final = "II"
# Minor and major lines: the programs' own reds, then orange, green, blue and grey as papers have them.
GRIDS: Final = (
    ("#ff5333", "#d43d1a"),
    ("#f8ebeb", "#e6b8b8"),
    ("#ffc9a3", "#f08a4b"),
    ("#bfe3c4", "#6fb87b"),
    ("#c5d8f2", "#7fa5d8"),
    ("#dddddd", "#999999"),
)
INKS: Final = ("black", "#172331", "#0b1f5e", "#3a3a3a")


@dataclass(frozen=True)
class Setting:
    """How one page is drawn.

    Attributes:
        number: of the page.
        tool: dicom-ecg-plot or ecg-plot.
        record: of LUDB.
        layout: a key of LAYOUTS.
        speed: mm/s.
        gain: mm/mV.
        dpi: of the clean page.
        kind: png or jpg: of the clean page.
        options: what else the program is told.
        chest: by how much chest leads are drawn higher than the gain says.
    """

    number: int
    tool: str
    record: int
    layout: str
    speed: float
    gain: float
    dpi: int
    kind: str
    options: dict[str, Any]
    chest: float = 1.0

    @property
    def seconds(self) -> float:
        """How much of the recording is printed: what goes on 250 mm."""
        return 250 / self.speed

    @property
    def name(self) -> str:
        """The name of its files without their endings."""
        return f"{self.number:03d}"


def setting(number: int, seed: int) -> Setting:
    """Draw the setting of a page. Every record is drawn by both programs before it comes a second time."""
    rng = np.random.default_rng((seed, number))
    layout = str(rng.choice(list(LAYOUTS), p=list(LAYOUTS.values())))
    # A quarter of 5 s would be too short for anyone to read, and rows of 14 mm are too low for 20 mm/mV.
    speed = 50 if layout != "3x4" and rng.random() < 0.15 else 25
    gain = int(rng.choice([5, 10, 20], p=[0.1, 0.8, 0.1]))
    if layout in {"6x2", "12x1"}:
        gain = min(gain, 10)
    tool = ("dicom-ecg-plot", "ecg-plot")[number % 2]
    dpi = int(rng.choice([150, 200, 250, 300]))
    kind = "jpg" if rng.random() < 0.4 else "png"
    options = (_of_dicom_ecg_plot if tool == "dicom-ecg-plot" else _of_ecg_plot)(rng)
    return Setting(number, tool, number // 2 % RECORDS + 1, layout, speed, gain, dpi, kind, options)


def _of_dicom_ecg_plot(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "minor": bool(rng.random() < 0.75),
        "paper": "letter" if rng.random() < 0.3 else "a4",
        "colours": GRIDS[rng.integers(len(GRIDS)) if rng.random() < 0.5 else 0],
        "line": round(float(rng.uniform(0.5, 1.0)), 2),
    }


def _of_ecg_plot(rng: np.random.Generator) -> dict[str, Any]:
    if rng.random() < 0.15:
        return {"style": None}
    minor, major = GRIDS[rng.integers(len(GRIDS)) if rng.random() < 0.6 else 1]
    return {
        "style": {
            "minor_color": minor,
            "major_color": major,
            "line_color": INKS[rng.integers(len(INKS))],
            "line_width": round(float(rng.uniform(0.18, 0.35)), 2),
            "font_size": round(float(rng.uniform(2.6, 4.0)), 1),
            "calibration": bool(rng.random() < 0.8),
            "axes": bool(rng.random() < 0.6),
        }
    }


def job(page: Setting, source: Path, file: Path, truth: Path) -> dict[str, Any]:
    """Return what the program's script is told to draw one page."""
    told = {"source": str(source), "file": str(file), "truth": str(truth)}
    if page.tool == "dicom-ecg-plot":
        return told | page.options | {"layout": page.layout.replace("+", "_"), "gain": page.gain}
    layouts: dict[str, dict[str, Any]] = {
        "3x4+1": {"layout": "12lead", "time_mode": "sequential", "rhythm_lead": RHYTHM},
        "3x4": {"layout": "12lead", "time_mode": "sequential"},
        "6x2": {"layout": "columns", "columns": 2, "time_mode": "sequential"},
        "12x1": {"layout": "stacked"},
    }
    options = {"speed": page.speed, "gain": page.gain, "title": f"ECG {page.record}"} | page.options.get("options", {})
    return told | page.options | {"options": layouts[page.layout] | options}


def printed(page: Setting, drawn: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return what of the signal is on the page: float32 (12, 5000), mV at 500 Hz, NaN where nothing is printed.

    Time is the paper's. dicom-ecg-plot lays n samples on 250 mm as if they were n - 1, so that its 25 mm/s are 25.005.
    """
    if page.tool == "dicom-ecg-plot":
        at = np.arange(drawn.shape[1]) * (1 - 1 / drawn.shape[1])
        drawn = np.stack([np.interp(at, np.arange(drawn.shape[1]), row) for row in drawn])
    truth = np.full((len(LEADS), SAMPLES), np.nan, np.float32)
    columns, length = COLUMNS[page.layout], drawn.shape[1]
    chunk = length // columns
    for row in range(len(LEADS)):
        start = row * columns // len(LEADS) * chunk
        truth[row, start : start + chunk] = drawn[row, start : start + chunk]
    if page.layout == "3x4+1":
        truth[LEADS.index(RHYTHM), :length] = drawn[LEADS.index(RHYTHM)]
    return truth
