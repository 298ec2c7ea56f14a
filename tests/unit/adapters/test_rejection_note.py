"""What a PACS hears of former versions: a note on exactly those objects, with a reason, known again as ours."""

import pytest
from pydicom.dataset import Dataset

from adapters.dicom.codes import KEY_OBJECT_SELECTION
from adapters.dicom.outgoing import PDF, PICTURE, instance_uid
from adapters.dicom.rejection import rejection_note
from adapters.dicom.results import encoded, own_report_id, part10
from ecg.recording import Order
from tests.golden.reports import ORDER, amended, report, withdrawn

FIRST = report(asserted=("MI",))
SECOND = amended(FIRST)
FORMER = [str(each.SOPInstanceUID) for each in encoded(FIRST)]


def note(of: object = SECOND, former: list[str] = FORMER) -> Dataset:
    made = rejection_note(of, former)  # type: ignore[arg-type]
    assert made is not None
    return made


@pytest.mark.parametrize(
    "of, title",
    [
        (SECOND, "113001"),
        (withdrawn(FIRST, "quality"), "113001"),
        (withdrawn(FIRST, "wrong-patient"), "113037"),
        (withdrawn(FIRST, "safety"), "113037"),
    ],
)
def test_the_title_says_why(of: object, title: str) -> None:
    (code,) = note(of).ConceptNameCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == (title, "DCM")


def test_it_stands_in_the_same_study_in_a_series_of_its_own() -> None:
    made = note()
    assert made.SOPClassUID == KEY_OBJECT_SELECTION and made.Modality == "KO"
    assert made.StudyInstanceUID == ORDER.study_uid
    assert made.SeriesInstanceUID not in {each.SeriesInstanceUID for each in (*encoded(FIRST), *encoded(SECOND))}
    (study,) = made.CurrentRequestedProcedureEvidenceSequence
    named = [str(o.ReferencedSOPInstanceUID) for s in study.ReferencedSeriesSequence for o in s.ReferencedSOPSequence]
    assert named == FORMER and study.StudyInstanceUID == ORDER.study_uid
    series = [str(each.SeriesInstanceUID) for each in study.ReferencedSeriesSequence]
    assert series == [each.SeriesInstanceUID for each in encoded(FIRST)]


def test_the_same_version_gives_the_same_note_and_each_version_another() -> None:
    assert part10(note()) == part10(note())
    assert note().SOPInstanceUID != note(withdrawn(SECOND)).SOPInstanceUID


def test_only_what_is_there_is_rejected() -> None:
    assert rejection_note(SECOND, []) is None
    assert rejection_note(FIRST, FORMER) is None, "nothing is earlier than the first"
    second = [instance_uid(FIRST.id, part, 2) for part in (PDF, PICTURE)]
    (study,) = note(withdrawn(SECOND), [second[0], "1.2.3", "never", "sent"]).CurrentRequestedProcedureEvidenceSequence
    ((rejected,),) = (each.ReferencedSOPSequence for each in study.ReferencedSeriesSequence)
    assert rejected.ReferencedSOPInstanceUID == second[0]


def test_a_note_that_comes_back_is_known_as_ours() -> None:
    assert own_report_id(part10(note())) == FIRST.id


def test_a_withdrawn_report_has_no_objects() -> None:
    assert encoded(withdrawn(FIRST)) == ()


def test_an_amended_document_names_the_one_that_it_replaces() -> None:
    document, picture, _ = encoded(SECOND, FORMER)
    (study,) = document.PredecessorDocumentsSequence
    ((former,),) = (each.ReferencedSOPSequence for each in study.ReferencedSeriesSequence)
    assert former.ReferencedSOPInstanceUID == FORMER[0] and "PredecessorDocumentsSequence" not in picture
    assert "PredecessorDocumentsSequence" not in encoded(SECOND)[0], "what was never sent is no predecessor"


def test_without_a_study_there_is_no_note_either() -> None:
    lonely = report(asserted=("MI",), order=Order())
    assert rejection_note(amended(lonely), []) is None
