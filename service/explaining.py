"""A kept report in words for who asks: with the ids of its values for a clinician, in plain words for a patient."""

from typing import Final
from uuid import UUID

from ecg.errors import UnknownReport
from ecg.report import Sentence
from service.archive import ARCHIVE, told
from service.plain_words import for_patient
from service.store import Store

CLINICIAN: Final = "clinician"
PATIENT: Final = "patient"
AUDIENCES: Final = (CLINICIAN, PATIENT)


def explained(store: Store, report_id: UUID, audience: str, language: str) -> tuple[Sentence, ...]:
    """Return the latest version of a report in sentences, for one of AUDIENCES.

    Raises:
        UnknownReport: there is none.
    """
    archive = store.file(report_id, ARCHIVE)
    if archive is None:
        raise UnknownReport("No report of that id is kept here.")
    kept = told(archive)
    return for_patient(kept, language) if audience == PATIENT else kept.sentences
