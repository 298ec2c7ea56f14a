"""The printed ECG is true to scale: measured in the operators of the PDF, which know nothing of our drawing code."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pdfplumber
import pytest
from numpy.typing import NDArray

from ecg.leads import LEADS
from ecg.payload import Payload
from ecg.report import Report
from models.router import CardRouter
from service.intake import recordings
from service.pipeline import interpret
from service.settings import Settings
from service.style import Style
from service.wording import texts
from tests.conftest import ISSUED
from tests.golden.dicom_files import Scale, Who, to_bytes, twelve_lead_dataset

MM: Final = 72 / 25.4
PULSE_WIDTH: Final = 8.0  # mm: what is drawn in ink and narrower is a pulse, what is wider a trace
LEAST_GAP: Final = 0.3  # mm
UV: Final = Scale()  # one step is 1 uV
TENTH_MV: Final = Scale(sensitivity=100)  # one step is 100 uV

ReportOn = Callable[[bytes], Report]


@dataclass(frozen=True)
class Trace:
    """A drawn line: x to the right and y upwards from the page's lower left corner, float (points,), mm."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]

    @property
    def height(self) -> float:
        return float(np.ptp(self.y))

    @property
    def baseline(self) -> float:
        return float(self.y[0])

    def edges(self) -> NDArray[np.float64]:
        """Return where the line leaves its baseline or comes back, in the order of time."""
        away = (np.abs(self.y - self.baseline) > self.height / 2).astype(int)
        (turns,) = np.nonzero(np.diff(away))
        return (self.x[turns] + self.x[turns + 1]) / 2

    def lifted(self) -> tuple[float, float]:
        """Return where the line first leaves its baseline and where it comes back."""
        away = np.abs(self.y - self.baseline) > self.height / 2
        first, last = np.flatnonzero(away)[[0, -1]]
        return (self.x[first - 1] + self.x[first]) / 2, (self.x[last] + self.x[last + 1]) / 2


@dataclass(frozen=True)
class Print:
    """The first page of a report, in mm."""

    traces: list[Trace]
    pulses: list[Trace]
    labels: list[tuple[str, float, float]]
    grid_x: set[float]
    grid_y: set[float]
    text: str

    def trace_of(self, lead: str) -> Trace:
        """Return the trace whose left end is nearest to the first label that reads `lead`."""
        _, x, y = next(label for label in self.labels if label[0] == lead)
        return min(self.traces, key=lambda trace: np.hypot(trace.x[0] - x, trace.baseline - y))


def printed(report: Report) -> Print:
    with pdfplumber.open(io.BytesIO(report.pdf)) as pdf:
        page = pdf.pages[0]
        height = float(page.height)
        words = page.extract_words(keep_blank_chars=False)
        lines = [_trace(each, height) for each in page.curves if each["stroke"] and max(each["stroking_color"]) < 0.2]
        grid = [line for line in page.lines if line["stroking_color"][0] > line["stroking_color"][2] + 0.1]
        return Print(
            traces=[each for each in lines if np.ptp(each.x) > PULSE_WIDTH],
            pulses=[each for each in lines if np.ptp(each.x) < PULSE_WIDTH],
            labels=[
                (word["text"].rstrip("*"), word["x0"] / MM, (height - word["bottom"]) / MM)
                for word in words
                if word["text"].rstrip("*") in LEADS
            ],
            grid_x={round(line["x0"] / MM, 2) for line in grid if line["x0"] == line["x1"]},
            grid_y={round(line["y0"] / MM, 2) for line in grid if line["y0"] == line["y1"]},
            text=page.extract_text(),
        )


def _trace(curve: dict[str, Any], height: float) -> Trace:
    points = np.array(curve["pts"], dtype=np.float64)
    return Trace(points[:, 0] / MM, (height - points[:, 1]) / MM)


def waves(high: NDArray[np.int_]) -> NDArray[np.int16]:
    """Return int16 (5000, 12): in each 2.5 s, 1 s at `high`, one value a lead, and the rest at 0."""
    at = np.arange(5000) % 1250
    return np.outer((at >= 375) & (at < 875), high).astype(np.int16)


def ecg(high: NDArray[np.int_], scale: Scale = UV) -> bytes:
    return to_bytes(twelve_lead_dataset(waves(high), scale=scale))


@dataclass(frozen=True)
class Format:
    """What a printed format must look like: rows and their distance in mm, columns, pulses, whether II runs below."""

    rows: int
    columns: int
    pitch: float
    pulses: int
    rhythm: bool = False

    @property
    def seconds(self) -> float:
        return 10 / self.columns


FORMATS: Final = {
    "3x4+1": Format(3, 4, 30.0, 4, rhythm=True),
    "6x2": Format(6, 2, 20.0, 6),
    "12x1": Format(12, 1, 105 / 11, 6),
}
SHEETS: Final = {"A4": (297, 210), "Letter": (279.4, 215.9)}
STYLES: Final = [Style(layout, paper) for layout in FORMATS for paper in SHEETS]  # type: ignore[arg-type]
Printing = tuple[Report, Print, Style]


@pytest.fixture(scope="session")
def styled(router: CardRouter, settings: Settings) -> Callable[[bytes, Style], Report]:
    """Return a function: the bytes of one ECG and a style to its report."""

    def report(data: bytes, style: Style) -> Report:
        (recording,) = recordings(Payload(data), settings)
        return interpret(recording, router=router, issued=ISSUED, style=style)

    return report


@pytest.fixture(scope="module", params=STYLES, ids=lambda style: f"{style.layout}-{style.paper}")
def printing(request: pytest.FixtureRequest, styled: Callable[[bytes, Style], Report]) -> Printing:
    report = styled(ecg(np.full(12, 1000)), request.param)
    return report, printed(report), request.param


@pytest.fixture(scope="module")
def one_millivolt(report_on: ReportOn) -> Report:
    return report_on(ecg(np.full(12, 1000)))


@pytest.fixture(scope="module")
def one(one_millivolt: Report) -> Print:
    return printed(one_millivolt)


def test_one_millivolt_is_10_mm_high_and_one_second_25_mm_long(printing: Printing) -> None:
    _, drawn, style = printing
    for lead in LEADS:
        trace = drawn.trace_of(lead)
        assert trace.height == pytest.approx(10, rel=0.01)
        assert np.ptp(trace.x) == pytest.approx(FORMATS[style.layout].seconds * 25, abs=0.1)
        steps = trace.edges()
        assert steps[0] - trace.x[0] == pytest.approx(0.75 * 25, abs=0.1)
        assert steps[1] - steps[0] == pytest.approx(25, rel=0.01)
        assert len(steps) == 2 * FORMATS[style.layout].seconds / 2.5


def test_leads_stand_in_the_order_of_the_format(printing: Printing) -> None:
    _, drawn, style = printing
    form, first = FORMATS[style.layout], drawn.trace_of("I")
    for index, lead in enumerate(LEADS):
        trace = drawn.trace_of(lead)
        across = index // form.rows * form.seconds * 25
        assert trace.x[0] - first.x[0] == pytest.approx(across, abs=0.1)
        assert first.baseline - trace.baseline == pytest.approx(index % form.rows * form.pitch, abs=0.1)


def test_lead_ii_runs_along_the_foot_of_the_common_print_for_10_s(one: Print) -> None:
    rhythm = max(one.traces, key=lambda trace: float(np.ptp(trace.x)))
    assert np.ptp(rhythm.x) == pytest.approx(250, abs=0.1)
    assert one.trace_of("I").baseline - rhythm.baseline == pytest.approx(3 * FORMATS["3x4+1"].pitch, abs=0.1)


def test_no_lead_is_drawn_twice_or_left_out(printing: Printing) -> None:
    _, drawn, style = printing
    expected = (*LEADS, "II") if FORMATS[style.layout].rhythm else LEADS
    assert len(drawn.traces) == len(expected) and sorted(label[0] for label in drawn.labels) == sorted(expected)


@pytest.mark.parametrize("style", STYLES[::2], ids=lambda style: style.layout)
def test_no_lead_is_drawn_in_the_place_of_another(style: Style, styled: Callable[[bytes, Style], Report]) -> None:
    amplitude = np.array([(200 + 50 * k) * (-1) ** k for k in range(12)])
    drawn = printed(styled(ecg(amplitude), style))
    for lead, microvolt in zip(LEADS, amplitude.tolist(), strict=True):
        trace = drawn.trace_of(lead)
        middle = trace.y[np.argmin(np.abs(trace.x - np.mean(trace.edges()[:2])))]
        assert middle - trace.baseline == pytest.approx(microvolt / 100, rel=0.01)


def test_grid_lines_are_1_mm_apart(printing: Printing) -> None:
    _, drawn, _ = printing
    for lines in (drawn.grid_x, drawn.grid_y):
        assert np.diff(sorted(lines)) == pytest.approx(1.0, abs=0.02) and len(lines) > 100


def test_the_pulse_is_1_mv_high_and_200_ms_wide_and_the_gain_is_said(printing: Printing) -> None:
    _, drawn, style = printing
    assert "25 mm/s 10 mm/mV" in " ".join(drawn.text.split())
    assert len(drawn.pulses) == FORMATS[style.layout].pulses
    for pulse in drawn.pulses:
        up, down = pulse.lifted()
        assert pulse.height == pytest.approx(10, rel=0.01) and down - up == pytest.approx(5, rel=0.01)


def test_a_wave_of_12_mv_stays_on_the_paper_at_the_gain_that_is_printed(report_on: ReportOn) -> None:
    drawn = printed(report_on(ecg(np.full(12, 120), TENTH_MV)))
    said = float(drawn.text.partition(" mm/mV")[0].rpartition(" ")[2])
    assert said < 10
    for lead in LEADS:
        assert drawn.trace_of(lead).height == pytest.approx(12 * said, rel=0.01)
    for pulse in drawn.pulses:
        assert pulse.height == pytest.approx(said, rel=0.01)
    for trace in drawn.traces:
        assert min(drawn.grid_y) - 0.01 <= trace.y.min() and trace.y.max() <= max(drawn.grid_y) + 0.01
        assert min(drawn.grid_x) - 0.01 <= trace.x.min() and trace.x.max() <= max(drawn.grid_x) + 0.01


@pytest.mark.parametrize("style", STYLES[::2], ids=lambda style: style.layout)
def test_the_pen_is_up_where_nothing_was_measured(style: Style, styled: Callable[[bytes, Style], Report]) -> None:
    raw = waves(np.full(7, 1000))
    raw[250:750, 0] = -32768  # lead I, from 0.5 s to 1.5 s
    ds = twelve_lead_dataset(raw, leads=("I", *LEADS[6:]))  # no second limb lead from which I could be derived
    ds.WaveformSequence[0].add_new("WaveformPaddingValue", "OW", b"\x00\x80")
    drawn = printed(styled(to_bytes(ds), style))
    first = drawn.trace_of("I")
    left = first.x[0]
    width = FORMATS[style.layout].seconds * 25
    row = [
        each for each in drawn.traces if abs(each.y.min() - first.baseline) < LEAST_GAP and each.x[0] < left + width - 1
    ]
    before, after = sorted(row, key=lambda trace: float(trace.x[0]))
    assert before.x[-1] - left == pytest.approx(0.5 * 25, abs=0.1)
    assert after.x[0] - left == pytest.approx(1.5 * 25, abs=0.1)


def test_every_page_has_its_size_and_carries_the_marks(printing: Printing) -> None:
    report, _, style = printing
    with pdfplumber.open(io.BytesIO(report.pdf)) as pdf:
        assert len(pdf.pages) >= 2
        for number, page in enumerate(pdf.pages, start=1):
            assert (page.width / MM, page.height / MM) == pytest.approx(SHEETS[style.paper], abs=0.5)
            text = " ".join(page.extract_text().split())
            for mark in texts().marks:
                assert mark in text
            assert f"page {number} of {len(pdf.pages)}" in text and str(report.id) in text


def test_nothing_is_written_or_drawn_over_the_edge_or_the_marks(printing: Printing) -> None:
    report, _, _ = printing
    with pdfplumber.open(io.BytesIO(report.pdf)) as pdf:
        for page in pdf.pages:
            for each in (*page.chars, *page.curves, *page.lines, *page.rects):
                assert each["x0"] / MM >= 5 and each["x1"] / MM <= page.width / MM - 5, each.get("text")
            assert not [each for each in page.curves if (page.height - each["bottom"]) / MM < 13], "in the foot"


def test_the_same_report_has_the_same_bytes_and_another_style_another_id(
    printing: Printing, styled: Callable[[bytes, Style], Report]
) -> None:
    report, _, style = printing
    assert styled(ecg(np.full(12, 1000)), style).pdf == report.pdf
    plain = styled(ecg(np.full(12, 1000)), Style())
    assert (plain.id == report.id) == (style == Style())


def test_a_printer_is_told_not_to_scale_and_the_metadata_name_the_report_but_no_patient(one_millivolt: Report) -> None:
    with pdfplumber.open(io.BytesIO(one_millivolt.pdf)) as pdf:
        preferences = pdf.doc.catalog["ViewerPreferences"].resolve()
        assert preferences["PrintScaling"].name == "None"
        assert pdf.metadata["Subject"] == f"urn:uuid:{one_millivolt.id}"
        said = " ".join(map(str, pdf.metadata.values()))
    assert "Example" not in said and "Eve" not in said and "4711" not in said.replace(str(one_millivolt.id), "")


@pytest.mark.parametrize(("name", "shown"), [("Quokka^Zebediah^Q", "Quokka, Zebediah Q"), ("Anonymous", "Anonymous")])
def test_a_patients_name_is_written_as_people_write_it(name: str, shown: str, report_on: ReportOn) -> None:
    data = to_bytes(twelve_lead_dataset(np.zeros((5000, 12), np.int16), who=Who(name=name)))
    assert shown in printed(report_on(data)).text
