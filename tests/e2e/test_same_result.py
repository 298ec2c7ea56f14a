"""The same result in every rendering: taken out of PDF, FHIR R4 and R5, structured report and JSON, it agrees.

What each says is read back by itself; where SR and FHIR have different codes, the code table says which mean the same.
"""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pdfplumber
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from adapters.dicom.results import part10
from adapters.dicom.structured import structured_report
from adapters.fhir.bundle import encode
from adapters.fhir.codes import ABSTENTIONS, FINDINGS, LOINC, MDC, OBSERVABLES
from adapters.fhir.fifth import as_r5
from adapters.terminology import GLOBAL, Concept, fhir_finding_of, finding_of, mdc_number
from ecg.measurement import Measurements
from ecg.report import Amendment, Report
from service.compose import compose
from service.renderings import summary
from tests.golden import reports
from tests.golden.templates import key, name

Json = dict[str, Any]


@dataclass
class Said:
    """What a rendering says: of each score probability, threshold and whether the finding is asserted."""

    status: str = ""
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)
    asserted: set[str] = field(default_factory=set)
    abstention: str | None = None
    model: tuple[str, ...] | None = None
    measured: dict[str, float | None] = field(default_factory=dict)


def of_json(report: Report) -> Said:
    whole = json.loads(json.dumps(summary(report)))
    prediction = whole["prediction"]
    model, abstention = prediction["model"], prediction["abstention"]
    return Said(
        status=whole["status"],
        scores={each["finding"]: (each["probability"], each["threshold"]) for each in prediction["scores"]},
        asserted={each["finding"] for each in prediction["scores"] if each["asserted"]},
        abstention=abstention and abstention["code"],
        model=(model["name"], model["version"], model["card_sha256"]) if model else None,
        measured={each["code"]: each["value"] for each in whole["measurements"] if each["lead"] is None},
    )


def of_fhir(bundle: bytes) -> Said:
    found = [entry["resource"] for entry in json.loads(bundle)["entry"]]
    (diagnostic,) = (each for each in found if each["resourceType"] == "DiagnosticReport")
    (device,) = (each for each in found if each["resourceType"] == "Device")
    said = Said(status=diagnostic["status"], model=_device(device))
    for each in found:
        if each["resourceType"] == "Observation":
            assert each["status"] == diagnostic["status"]
            _observation(each, said)
    assert said.asserted == {_finding(each) for each in diagnostic.get("conclusionCode", ())}
    return said


def _device(device: Json) -> tuple[str, ...] | None:
    versions = {each["type"]["text"]: each["value"] for each in device["version"]}
    names = [each["name"] for each in device.get("deviceName", ()) if each["type"] == "model-name"]
    names += [device["modelNumber"]] if "modelNumber" in device else []
    return (names[0], versions["model version"], versions["SHA-256 of the model card"]) if names else None


def _observation(each: Json, said: Said) -> None:
    coding = each["code"]["coding"][0]
    if coding["system"] == OBSERVABLES and coding["code"].startswith("probability-"):
        (threshold,) = each["component"]
        value, limit = each["valueQuantity"]["value"], threshold["valueQuantity"]["value"]
        said.scores[coding["code"].removeprefix("probability-")] = (value, limit)
    elif coding["code"] == "8601-7" and "valueCodeableConcept" in each:
        said.asserted.add(_finding(each["valueCodeableConcept"]))
    elif coding["code"] == "8601-7":
        (said.abstention,) = (c["code"] for c in each["dataAbsentReason"]["coding"] if c["system"] == ABSTENTIONS)
    elif code := _measurement(each["code"]["coding"]):
        said.measured[code] = each["valueQuantity"]["value"] if "valueQuantity" in each else None


def _finding(concept: Json) -> str:
    """Return the one finding that all codings of a concept mean."""
    codes = {
        each["code"]
        if each["system"] == FINDINGS
        else getattr(fhir_finding_of(each["system"], each["code"]), "code", "")
        for each in concept["coding"]
    }
    (code,) = codes
    return str(code)


def _measurement(codings: list[Json]) -> str | None:
    """Return the one measurement that all codings of a code mean; None where it is none of the whole recording."""
    meant = set()
    for each in codings:
        for code, named in GLOBAL.items():
            loinc = each["system"] == LOINC and named.loinc is not None and each["code"] == named.loinc.value
            mdc = each["system"] == MDC and named.mdc is not None and each["code"] == str(mdc_number(named.mdc))
            own = each["system"] == OBSERVABLES and each["code"] == f"measurement-{code}"
            meant |= {code} if loinc or mdc or own else set()
    assert len(meant) <= 1, "one code for two things"
    return next(iter(meant), None)


def of_sr(report: Report) -> Said:
    dataset = dcmread(io.BytesIO(part10(structured_report(report))))
    assert (dataset.PreliminaryFlag, dataset.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    said = Said(status=dataset.SeriesDescription.split(", ")[1])
    texts: dict[str, str] = {}
    for each in _items(dataset):
        _, value = name(each)
        if value == "scores":
            texts = {name(item)[1]: item.TextValue for item in each.ContentSequence if item.ValueType == "TEXT"}
            for item in each.ContentSequence:
                if item.ValueType == "NUM":
                    code = name(item)[1].removeprefix("probability-")
                    said.scores[code] = (_number(item), _number(item.ContentSequence[0]))  # type: ignore[assignment]
        elif value == "122158":
            said.measured = {code: _number(item) for item in each.ContentSequence if (code := _of_sr(item))}
        elif value == "271921002" and each.ValueType == "CODE":
            meant = finding_of(Concept(*key(each.ConceptCodeSequence[0]), ""))
            assert meant is not None
            said.asserted.add(meant.code)
        elif value == "no-reading":
            said.abstention = key(each.ConceptCodeSequence[0])[1]
    if texts:
        said.model = (texts["111001"], texts["111003"], texts["111002"].rpartition(" ")[2])
    return said


def _of_sr(item: Dataset) -> str | None:
    held = [code for code, each in GLOBAL.items() if each.sr and (each.sr.scheme, each.sr.value) == name(item)]
    return held[0] if held else name(item)[1].removeprefix("measurement-") if name(item)[0] == "99TWELVELEAD" else None


def _number(item: Dataset) -> float | None:
    return float(item.MeasuredValueSequence[0].NumericValue) if item.MeasuredValueSequence else None


def _items(node: Dataset) -> list[Dataset]:
    return [below for each in node.get("ContentSequence", ()) for below in (each, *_items(each))]


# What the page calls a measurement; a ratio stands in percent.
LABELS = {
    **{"Heart rate": "heart-rate", "PR interval": "pr", "QRS duration": "qrs", "QT interval": "qt"},
    **{"QTc Bazett": "qtc-bazett", "QTc Fridericia": "qtc-fridericia", "QRS axis": "axis-qrs", "P axis": "axis-p"},
    **{"T axis": "axis-t", "RR variation": "rr-variation"},
}


def of_pdf(report: Report) -> Said:
    with pdfplumber.open(io.BytesIO(report.pdf)) as pdf:
        first, *rest = (page.extract_text().replace("\N{MINUS SIGN}", "-") for page in pdf.pages)
    whole = "\n".join((first, *rest))
    assert "PRELIMINARY" in first and "unverified until a physician has signed" in whole
    said = Said(status="amended" if re.search(r"report, version \d+: it replaces", first) else "preliminary")
    for each in (score.finding for score in report.reading.prediction.scores):
        coded = re.search(rf"\({re.escape(each.code)}\)\s*([\d.]+) %\s*([\d.]+) %", whole)
        found = coded or re.search(
            rf"{re.escape(each.name)}\s*([\d.]+) %\s*([\d.]+) %", whole
        )  # a long name has no code
        assert found is not None, each.code
        said.scores[each.code] = (float(found[1]), float(found[2]))
    names = {each.name: each.code for each in (score.finding for score in report.reading.prediction.scores)}
    stated = re.findall(r"Pattern of (.+?): probability ([\d.]+) % \(threshold ([\d.]+) %\)", " ".join(first.split()))
    said.asserted = {names[finding] for finding, _, _ in stated}
    for finding, value, limit in stated:
        assert said.scores[names[finding]] == (float(value), float(limit)), "both pages say the same"
    if found := re.search(r"No model read this recording: .*?\[([\w-]+)\]", " ".join(first.split())):
        said.abstention = found[1]
    if found := re.search(r"(\S+) (\S+), card SHA-256 ([0-9a-f]{16})", first):  # the foot of every page
        (digest,) = re.findall(r"SHA-256 of its card:\s*([0-9a-f]{64})", whole)
        assert digest.startswith(found[3])
        said.model = (found[1], found[2], digest)
    for label, code in LABELS.items():
        if found := re.search(rf"{label} (-?[\d.]+|\N{{EN DASH}})", first):
            said.measured[code] = None if found[1] == "\N{EN DASH}" else float(found[1])
    return said


def composed(of: Report, version: int = 1) -> Report:
    """Return the report as the service would issue it, page and words and all."""
    return compose(of.recording, of.reading, of.issued, Amendment(of.id, version) if version > 1 else None)


WHOLE = reports.measured(reports.report(asserted=("MI", "STTC")), absent=("axis-p",))
CASES: dict[str, Callable[[], Report]] = {
    "findings": lambda: composed(WHOLE),
    "none": lambda: composed(reports.measured(reports.report(), absent=("pr", "rr-variation"))),
    "normal": lambda: composed(reports.measured(reports.report(asserted=("NORM",)))),
    "abstained": lambda: composed(reports.measured(reports.report(abstained=True), leads=("II",))),
    "amended": lambda: composed(WHOLE, 2),
    "nothing measured": lambda: composed(reports.report(asserted=("MI",))),
}


def everywhere(report: Report) -> dict[str, Said]:
    bundle = encode(report)
    return {"R4": of_fhir(bundle), "R5": of_fhir(as_r5(bundle)), "SR": of_sr(report), "PDF": of_pdf(report)}


def _shown(probability: float) -> float:
    return min(max(100 * probability, 0.1), 99.9)


def agree(report: Report) -> None:
    """Hold each rendering against the JSON; the page has probabilities in percent with one decimal."""
    json_, others = of_json(report), everywhere(report)
    for where, said in others.items():
        page = where == "PDF"
        told = {"status", "asserted", "abstention", "model"}
        for what in told:
            assert getattr(said, what) == getattr(json_, what), (where, what)
        for code, figures in json_.scores.items():
            there = said.scores[code]
            # The page rounds to 0.1 %, and never to certainty.
            assert list(there) == (
                pytest.approx([_shown(each) for each in figures], abs=0.0501) if page else list(figures)
            ), where
        assert said.scores.keys() == json_.scores.keys(), where
        for code in LABELS.values() if page else json_.measured:
            value = json_.measured.get(code)
            wanted = round(100 * value, 1) if page and code == "rr-variation" and value is not None else value
            assert said.measured.get(code) == wanted, (where, code)


@pytest.mark.parametrize("case", CASES)
def test_every_rendering_says_the_same(case: str) -> None:
    agree(CASES[case]())


def test_so_does_a_real_ecgs(read_sample: Report) -> None:
    assert of_json(read_sample).scores, "the shipped model reads it"
    agree(read_sample)


def test_nothing_is_compared_in_vain() -> None:
    found = everywhere(CASES["findings"]())
    for where, said in found.items():
        assert said.asserted == {"MI", "STTC"} and said.model == ("synthetic-12", "0.0.1", "a" * 64), where
        assert len(said.scores) == len(reports.FINDINGS) and said.measured["qt"] == 384, where
        assert said.measured["axis-p"] is None and "axis-p" in said.measured, where


def test_a_rendering_that_differs_is_found() -> None:
    right = CASES["findings"]()
    other = replace(right, reading=reports.measured(reports.report(asserted=("MI",))).reading)
    with pytest.raises(AssertionError):
        agree(replace(right, reading=other.reading))  # the page is of the first
    less = replace(right, reading=replace(right.reading, measurements=Measurements()))
    with pytest.raises(AssertionError):
        agree(less)
