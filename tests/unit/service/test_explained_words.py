"""What a report says of its explanations: the lead that matters most, what flips the read, and what is withheld."""

from dataclasses import replace

import numpy as np

from ecg.canonical import SAMPLES
from ecg.findings import MI
from ecg.leads import LEADS
from ecg.reading import Explanation, MapCheck
from ecg.report import Report
from service.renderings import summary
from service.sentences import sentences
from tests.golden import reports

PASSED, FAILED = MapCheck("deletion", 1.5, 0.4, "log-odds"), MapCheck("deletion", 0.1, 0.4, "log-odds")


def explaining(*explanations: Explanation) -> list[str]:
    made: Report = reports.report(asserted=("MI",))
    said = sentences(made.recording, replace(made.reading, explanations=explanations))
    known = {each.id for each in explanations}
    return [each.text for each in said if known & set(each.about)]


def by_lead(flips: tuple[str, ...] = (), **relevance: float) -> Explanation:
    row = np.array([relevance.get(lead, 0.0) for lead in LEADS], dtype=np.float32)
    return Explanation(MI, "Lead ablation", row, 1.234, "log-odds", flips=flips)


def test_the_lead_that_matters_most_is_named_with_what_it_costs() -> None:
    (said,) = explaining(by_lead(V2=1.0, V5=-0.5))
    assert "lead V2 matters most" in said and "loses 1.23 in log-odds" in said


def test_the_leads_that_flip_the_read_are_named() -> None:
    _, said = explaining(by_lead(("V2", "V3"), V2=1.0, V3=0.4))
    assert said == "Without V2 and V3 the score of myocardial infarction falls below its threshold."


def test_no_lead_is_named_where_none_speaks_for_the_finding() -> None:
    assert explaining(by_lead(V5=-1.0)) == []


def test_a_map_that_failed_is_said_to_be_withheld_and_is_not_among_the_maps() -> None:
    shown = Explanation(MI, "Grad-CAM", np.ones((1, SAMPLES), np.float32), 1.0, "log-odds", checks=(PASSED,))
    none = np.zeros((0, SAMPLES), np.float32)
    withheld = Explanation(MI, "Saliency", none, 1.0, "log-odds/mV", checks=(FAILED,))
    (said,) = explaining(shown, withheld)
    assert "myocardial infarction: Saliency withheld" in said and "Grad-CAM" not in said
    assert replace(reports.report().reading, explanations=(shown, withheld)).maps == (shown,)


def test_report_json_tells_the_checks_what_leads_weigh_and_what_is_withheld() -> None:
    none = np.zeros((0, SAMPLES), np.float32)
    withheld = Explanation(MI, "Saliency", none, 1.0, "log-odds/mV", checks=(FAILED,))
    made = reports.report(asserted=("MI",))
    made = replace(made, reading=replace(made.reading, explanations=(withheld, by_lead(("V2",), V2=1.0, V5=-0.5))))
    failed, leads = summary(made)["explanations"]
    assert failed["withheld"] and failed["checks"] == [
        {"name": "deletion", "value": 0.1, "least": 0.4, "unit": "log-odds", "passed": False}
    ]
    assert failed["by_lead"] == {} and failed["top_lead"] is None
    assert leads["by_lead"]["V2"] == 1.234 and leads["by_lead"]["V5"] == -0.617
    assert (leads["top_lead"], leads["flips"], leads["withheld"]) == ("V2", ["V2"], False)
    named = {id_ for each in sentences(made.recording, made.reading) for id_ in each.about}
    assert {failed["id"], leads["id"]} <= named
