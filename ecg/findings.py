"""The findings a model may score, and the codes under which they may be said."""

from dataclasses import dataclass
from typing import Final

SNOMED_CT: Final = "http://snomed.info/sct"


@dataclass(frozen=True)
class Coding:
    """A code with the system that defines it."""

    system: str
    code: str
    display: str


@dataclass(frozen=True)
class Finding:
    """A pattern in the ECG.

    Attributes:
        code: our own code, as in cards, reports and figures.
        name: for people, as it stands after 'pattern of'.
        snomed: an ECG finding of SNOMED CT that means just this, where there is one; never the disorder itself.
        asserted: whether it may be stated as a finding. A score of normality is a number only: nothing here
            concludes that a heart is well.
    """

    code: str
    name: str
    snomed: Coding | None = None
    asserted: bool = True


# SNOMED codes stand for MI and for ischaemia alone: STTC, CD, HYP and MI-or-STTC are classes of PTB-XL, wider than any
# one concept. Wagner et al., Sci Data 7, 154 (2020), table 5.
NORM: Final = Finding("NORM", "a normal ECG", asserted=False)
NOT_NORMAL: Final = Finding("not-normal", "an abnormality of any kind")
MI: Final = Finding(
    "MI", "myocardial infarction", Coding(SNOMED_CT, "164865005", "ECG: myocardial infarction (finding)")
)
STTC: Final = Finding("STTC", "ST-T abnormality")
CD: Final = Finding("CD", "conduction disturbance")
HYP: Final = Finding("HYP", "hypertrophy")
MI_OR_STTC: Final = Finding("MI-or-STTC", "myocardial infarction or ST-T abnormality")
ISCHAEMIA: Final = Finding(
    "ischaemia", "myocardial ischaemia", Coding(SNOMED_CT, "164861001", "ECG: myocardial ischemia (finding)")
)

# Parts of the classes above, as far as a corpus holds enough of them to set a threshold. No SNOMED code: each of
# PTB-XL's statements is wider or narrower than the concept of the same name.
INFERIOR_MI: Final = Finding("inferior-MI", "inferior myocardial infarction")
ANTERIOR_MI: Final = Finding("anterior-MI", "anterior myocardial infarction")
ANTEROSEPTAL_MI: Final = Finding("anteroseptal-MI", "anteroseptal myocardial infarction")
ANTEROLATERAL_ISCHAEMIA: Final = Finding("anterolateral-ischaemia", "ischaemia in anterior or lateral leads")
LBBB: Final = Finding("LBBB", "complete left bundle branch block")
RBBB: Final = Finding("RBBB", "complete right bundle branch block")
INCOMPLETE_RBBB: Final = Finding("incomplete-RBBB", "incomplete right bundle branch block")
LAFB: Final = Finding("LAFB", "left anterior fascicular block")
IVCD: Final = Finding("IVCD", "non-specific intraventricular conduction disturbance")
FIRST_DEGREE_AVB: Final = Finding("first-degree-AVB", "first degree AV block")
LVH: Final = Finding("LVH", "left ventricular hypertrophy")
ATRIAL_FIBRILLATION: Final = Finding("AFIB", "atrial fibrillation")

CLASSES: Final = (NORM, MI, STTC, CD, HYP, MI_OR_STTC, ISCHAEMIA, NOT_NORMAL)
SUBCLASSES: Final = (
    INFERIOR_MI,
    ANTERIOR_MI,
    ANTEROSEPTAL_MI,
    ANTEROLATERAL_ISCHAEMIA,
    LBBB,
    RBBB,
    INCOMPLETE_RBBB,
    LAFB,
    IVCD,
    FIRST_DEGREE_AVB,
    LVH,
    ATRIAL_FIBRILLATION,
)
FINDINGS: Final = {each.code: each for each in (*CLASSES, *SUBCLASSES)}
