"""What the log says of the router: arms and codes, and no sentence, since that may hold what the source wrote."""

from ecg.reading import Abstention, Choice, Declined, Prediction
from service.worker import _routed
from tests.golden.reports import CHOICE, MODEL, report


def test_an_arm_that_reads_is_logged_with_those_that_declined() -> None:
    scores = report().reading.prediction.scores
    choice = Choice("why", "b" * 64, "subset", (Declined("12-lead", "lead-flat"),))
    assert _routed(Prediction(choice, MODEL, scores)) == {
        "arm": "subset",
        "declined": ["12-lead: lead-flat"],
        "abstention": None,
    }


def test_an_abstention_is_logged_by_its_code_alone() -> None:
    made = _routed(Prediction(CHOICE, abstention=Abstention("paced", "The recorder states something of Erika Muster.")))
    assert made == {"arm": None, "declined": [], "abstention": "paced"}
