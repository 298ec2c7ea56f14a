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
from ecg.report import Report
from service.sentences import MARKS
from tests.golden.dicom_files import Scale, Who, to_bytes, twelve_lead_dataset

MM: Final = 72 / 25.4
PULSE_WIDTH: Final = 8.0  # mm: what is drawn in ink and narrower is a pulse, what is wider a trace
COLUMN: Final = 62.5  # mm: a quarter of 10 s at 25 mm/s
PITCH: Final = 30.0  # mm between rows
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
        lines = [_trace(each, height) for each in page.curves if max(each["stroking_color"]) < 0.2]
        grid = [line for line in page.lines if line["stroking_color"][0] > 0.5]
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


@pytest.fixture(scope="module")
def one_millivolt(report_on: ReportOn) -> Report:
    return report_on(ecg(np.full(12, 1000)))


@pytest.fixture(scope="module")
def one(one_millivolt: Report) -> Print:
    return printed(one_millivolt)


@pytest.mark.parametrize("lead", LEADS)
def test_one_millivolt_is_10_mm_high_and_one_second_25_mm_long(one: Print, lead: str) -> None:
    trace = one.trace_of(lead)
    assert trace.height == pytest.approx(10, rel=0.01)
    up, down = trace.lifted()
    assert down - up == pytest.approx(25, rel=0.01)
    assert up - trace.x[0] == pytest.approx(0.75 * 25, abs=0.1)


def test_leads_stand_in_the_common_order_of_three_rows_and_four_columns(one: Print) -> None:
    first = one.trace_of("I")
    for index, lead in enumerate(LEADS):
        trace = one.trace_of(lead)
        assert trace.x[0] - first.x[0] == pytest.approx(index // 3 * COLUMN, abs=0.1)
        assert first.baseline - trace.baseline == pytest.approx(index % 3 * PITCH, abs=0.1)


def test_lead_ii_runs_along_the_foot_for_10_s(one: Print) -> None:
    rhythm = max(one.traces, key=lambda trace: float(np.ptp(trace.x)))
    assert np.ptp(rhythm.x) == pytest.approx(250, abs=0.1)
    assert one.trace_of("I").baseline - rhythm.baseline == pytest.approx(3 * PITCH, abs=0.1)
    assert len(one.traces) == 13 and sorted(label[0] for label in one.labels) == sorted((*LEADS, "II"))


def test_no_lead_is_drawn_in_the_place_of_another(report_on: ReportOn) -> None:
    amplitude = np.array([(200 + 50 * k) * (-1) ** k for k in range(12)])
    drawn = printed(report_on(ecg(amplitude)))
    for lead, microvolt in zip(LEADS, amplitude.tolist(), strict=True):
        trace = drawn.trace_of(lead)
        middle = trace.y[np.argmin(np.abs(trace.x - np.mean(trace.lifted())))]
        assert middle - trace.baseline == pytest.approx(microvolt / 100, rel=0.01)


def test_grid_lines_are_1_mm_apart(one: Print) -> None:
    for lines in (one.grid_x, one.grid_y):
        assert np.diff(sorted(lines)) == pytest.approx(1.0, abs=0.02) and len(lines) > 100


def test_the_pulse_is_1_mv_high_and_200_ms_wide(one: Print) -> None:
    assert len(one.pulses) == 4
    for pulse in one.pulses:
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


def test_the_pen_is_up_where_nothing_was_measured(report_on: ReportOn) -> None:
    raw = waves(np.full(7, 1000))
    raw[250:750, 0] = -32768  # lead I, from 0.5 s to 1.5 s
    ds = twelve_lead_dataset(raw, leads=("I", *LEADS[6:]))  # no second limb lead from which I could be derived
    ds.WaveformSequence[0].add_new("WaveformPaddingValue", "OW", b"\x00\x80")
    drawn = printed(report_on(to_bytes(ds)))
    left = drawn.trace_of("I").x[0]
    first_column = [each for each in drawn.traces if each.x[0] - left < COLUMN - 1]
    before, after = sorted(first_column, key=lambda trace: float(trace.x[0]))
    assert before.x[-1] - left == pytest.approx(0.5 * 25, abs=0.1)
    assert after.x[0] - left == pytest.approx(1.5 * 25, abs=0.1)


def test_every_page_is_a4_and_carries_the_marks(one_millivolt: Report) -> None:
    with pdfplumber.open(io.BytesIO(one_millivolt.pdf)) as pdf:
        for page in pdf.pages:
            assert (page.width / MM, page.height / MM) == pytest.approx((297, 210), abs=0.5)
            for mark in MARKS:
                assert mark in page.extract_text().replace("\n", " ")


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
