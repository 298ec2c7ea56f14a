"""Whatever a report holds, its pages hold it: no letter over another, over an edge, or in the foot."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pdfplumber
import pytest

from ecg.findings import FINDINGS
from ecg.reading import Declined
from ecg.recording import Device, Order, Patient
from ecg.report import Report
from service.compose import compose
from service.style import Style
from tests.golden import reports

MM = 72 / 25.4
FOOT = 13.0  # mm: below it stand marks and ids alone
EVERY = tuple(code for code, finding in FINDINGS.items() if finding.asserted)
LONG = "Wolfeschlegelsteinhausenbergerdorff-von-und-zu-Hohenlohe-Langenb^Hubertus Maximilian Konstantin Alexander"


def talkative(**made: object) -> Report:
    """Return a report on a recording of which everything is long."""
    return reports.report(
        patient=Patient(id="0" * 64, issuer="Gemeinsame Patientenverwaltung der Krankenhäuser", name=LONG, sex="M"),
        order=Order("A" * 30, "RIS", "P" * 40),
        device=Device("GE Healthcare Marquette Medical Systems", "MAC 5500 HD resting ECG analysis system"),
        statements=tuple(f"Statement {number} of a recorder that says much, and says it often" for number in range(40)),
        **made,  # type: ignore[arg-type]
    )


REPORTS: dict[str, Callable[[], Report]] = {
    "nothing found": reports.report,
    "one finding": lambda: reports.report(asserted=("MI",)),
    "every finding": lambda: reports.report(asserted=EVERY),
    "all that is long": lambda: talkative(asserted=("MI", "MI-or-STTC", "STTC")),
    "abstained": lambda: talkative(abstained=True),
    "no patient": lambda: reports.report(patient=Patient(), order=Order(), acquired_at=None),
}
STYLES = [Style(), Style("12x1", "Letter")]  # the most and the least room above the ECG


def drawn(made: Report, style: Style) -> bytes:
    measured = reports.measured(made, absent=("pr", "qrs", "st-j", "t-amplitude"))
    declined = tuple(Declined(f"arm-{number}", "leads-missing") for number in range(4))
    prediction = measured.reading.prediction
    choice = replace(prediction.choice, declined=declined)
    reading = replace(measured.reading, prediction=replace(prediction, choice=choice))
    return compose(measured.recording, reading, measured.issued, None, style).pdf


@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"{style.layout}-{style.paper}")
@pytest.mark.parametrize("made", REPORTS.values(), ids=list(REPORTS))
def test_no_letter_stands_over_another_or_over_an_edge(made: Callable[[], Report], style: Style) -> None:
    with pdfplumber.open(io.BytesIO(drawn(made(), style))) as pdf:
        for page in pdf.pages:
            letters = [each for each in page.chars if each["text"].strip()]
            box = np.array([[each[key] for key in ("x0", "x1", "top", "bottom")] for each in letters])
            assert box[:, 0].min() > 5 * MM and box[:, 1].max() < page.width - 5 * MM
            assert box[:, 2].min() > 5 * MM and box[:, 3].max() < page.height - 3 * MM
            overlapping = over(box)
            assert not overlapping, "".join(letters[index]["text"] for index in overlapping)
            foot = "".join(each["text"] for each in letters if (page.height - each["bottom"]) / MM < FOOT - 3)
            assert foot.startswith("Preliminary:") and "card" in foot + "card" and foot.count("Report") == 1


def over(box: np.ndarray) -> list[int]:
    """Return the letters that share more than a third of their width and height with another."""
    x0, x1, top, bottom = box.T
    wide = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)
    high = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    size = np.minimum((x1 - x0)[:, None], x1 - x0), np.minimum((bottom - top)[:, None], bottom - top)
    both = (wide > size[0] / 3) & (high > size[1] / 3)
    np.fill_diagonal(both, False)
    return np.flatnonzero(both.any(axis=1)).tolist()
