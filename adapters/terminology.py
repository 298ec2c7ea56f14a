"""One table of what is measured and found, in the words of each standard: where SR and FHIR differ, it tells how."""

from dataclasses import dataclass
from typing import Final

from adapters.leads import LEAD_BY_NUMBER, MASON_LIKAR
from ecg.findings import FINDINGS, SNOMED_CT, Finding
from ecg.leads import LEADS
from ecg.measurement import DEGREE, MILLIVOLT, MS, PER_MINUTE, RATIO
from ecg.recording import STANDARD

# PS3.16 section 8: designators of coding schemes.
DCM: Final = "DCM"
LN: Final = "LN"
MDC: Final = "MDC"
SCT: Final = "SCT"
UCUM: Final = "UCUM"
OWN: Final = "99TWELVELEAD"  # PS3.16 8.2: 99 begins those of no registered scheme


@dataclass(frozen=True)
class Concept:
    """A code with the scheme that defines it, by its DICOM designator."""

    scheme: str
    value: str
    meaning: str


@dataclass(frozen=True)
class Terms:
    """What a measurement is called.

    Attributes:
        name: for people.
        sr: concept name in an ECG report (PS3.16 TID 3713 and 3714), base term of all leads; None: it has a code of
            ours there.
        loinc: LOINC's code for just that, with its name; None where there is none.
        method: by what formula, where the code alone does not say.
        algorithm: the same for SR (CID 3678).
    """

    name: str
    sr: Concept | None = None
    loinc: Concept | None = None
    method: str | None = None
    algorithm: Concept | None = None

    @property
    def mdc(self) -> Concept | None:
        """Its MDC code, None where it has none."""
        return self.sr if self.sr is not None and self.sr.scheme == MDC else None


def _mdc(value: str, meaning: str) -> Concept:
    return Concept(MDC, value, meaning)


def _loinc(value: str, meaning: str) -> Concept:
    return Concept(LN, value, meaning)


# By ecg.measurement.GLOBAL_UNITS. SR: TID 3713; CID 3227 QTc, 3228 timing, 3229 axes; MDC_ECG_ANGLE_*_FRONT and
# MDC_ECG_TIME_PD_*_GL of ISO/IEEE 11073-10102. LOINC: https://loinc.org/<code>.
GLOBAL: Final = {
    "heart-rate": Terms("Heart rate", _mdc("2:16016", "Ventricular Heart Rate"), _loinc("8867-4", "Heart rate")),
    "rr-variation": Terms("Variation of the RR intervals, standard deviation over mean"),
    "p-duration": Terms("P duration", _mdc("2:16184", "P duration global")),
    "pr": Terms("PR interval", _mdc("2:15872", "PR interval global"), _loinc("8625-6", "P-R interval")),
    "qrs": Terms("QRS duration", _mdc("2:16156", "QRS duration global"), _loinc("8633-0", "QRS duration")),
    "qt": Terms("QT interval", _mdc("2:16160", "QT interval global"), _loinc("8634-8", "Q-T interval")),
    "qtc-bazett": Terms(
        "QTc, Bazett",
        _mdc("2:15880", "QTc global using Bazett formula"),
        _loinc("76635-2", "Q-T interval corrected based on Bazett formula"),
        algorithm=Concept(DCM, "122730", "Bazett QT Correction Algorithm"),
    ),
    "qtc-fridericia": Terms(
        "QTc, Fridericia",
        _mdc("2:15892", "QTc global using Fredericia formula"),
        _loinc("76634-5", "Q-T interval corrected based on Fridericia formula"),
        algorithm=Concept(DCM, "122732", "Fridericia QTc Algorithm"),
    ),
    "qtc-framingham": Terms(
        "QTc, Framingham",
        _mdc("2:15876", "QTc interval global"),
        _loinc("8636-3", "Q-T interval corrected"),
        method="Framingham formula",
        algorithm=Concept(DCM, "122733", "Framingham QTc Algorithm"),
    ),
    "axis-p": Terms("P axis, frontal", _mdc("2:16128", "P Axis"), _loinc("8626-4", "P wave axis")),
    "axis-qrs": Terms("QRS axis, frontal", _mdc("2:16132", "QRS axis"), _loinc("8632-2", "QRS axis")),
    "axis-t": Terms("T axis, frontal", _mdc("2:16136", "T axis"), _loinc("8638-9", "T wave axis")),
}
# By ecg.measurement.LEAD_UNITS. SR: TID 3714; CID 3687 durations, 3688 voltages, base terms. LOINC has none of the J
# point or of 60 ms after it; of the others it is left out, so that one lead's values have codes of one kind.
LEAD: Final = {
    "st-j": Terms("ST level at the J point", _mdc("2:1024", "J point Amplitude, per lead")),
    "st-j60": Terms(
        "ST level 60 ms after the J point", _mdc("2:14336", "Amplitude at 60 ms into ST segment, per lead")
    ),
    "t-amplitude": Terms("T amplitude"),  # MDC's are of its maximum (2:2560) or minimum (2:2816), ours of either sign
    "q-amplitude": Terms("Q amplitude", _mdc("2:1792", "Q amplitude, per lead")),
    "q-duration": Terms("Q duration", _mdc("2:7680", "Q duration, per lead")),
    "r-amplitude": Terms("R amplitude", _mdc("2:2048", "R amplitude, per lead")),
    "s-amplitude": Terms("S amplitude", _mdc("2:2304", "S amplitude, per lead")),
}

# PS3.16 TID 3713: RR interval global, which is to be there; the one that the heart rate is the inverse of.
RR: Final = _mdc("2:16168", "RR interval global")

# UCUM as each standard writes it: TID 3713 has heart beats, FHIR's heart rate profile a bare inverse minute.
UNITS: Final = {
    MS: Concept(UCUM, "ms", "millisecond"),
    MILLIVOLT: Concept(UCUM, "mV", "millivolt"),
    PER_MINUTE: Concept(UCUM, "{H.B.}/min", "BPM"),
    DEGREE: Concept(UCUM, "deg", "degree"),
    RATIO: Concept(UCUM, "1", "no units"),
}

# CID 3001.
LEAD_IDS: Final = {
    **{name: _mdc(f"2:{number}", f"Lead {name}") for number, name in LEAD_BY_NUMBER.items() if name in LEADS},
    "aVR": _mdc("2:62", "aVR, augmented voltage, right"),
    "aVL": _mdc("2:63", "aVL, augmented voltage, left"),
    "aVF": _mdc("2:64", "aVF, augmented voltage, foot"),
}

EKG_STUDY: Final = Concept(LN, "11524-6", "EKG study")
# CID 3263, by ecg.recording.Recording.placement.
PLACEMENTS: Final = {
    STANDARD: _mdc("10:11265", "Standard 12-lead positions, electrodes placed individually"),
    MASON_LIKAR: _mdc("10:11266", "Mason-Likar lead positions, electrodes placed individually"),
}

# Of ours, by the same codes in SR and FHIR.
THRESHOLD: Final = Concept(OWN, "decision-threshold", "Probability from which the finding counts")
AGREEMENT: Final = Concept(OWN, "agreement", "Agreement of the beats that the value stands on, 0 to 1")

# Why a value is absent (ecg.measure): these were not looked for, as the recording does not allow it; these waves are
# not there; all others failed.
NOT_ATTEMPTED: Final = frozenset({
    "high-pass-unknown", "high-pass-too-high", "scale-assumed", "lead-missing", "paced", "not-looked-for",
})  # fmt: skip
NO_SUCH: Final = frozenset({"no-such-wave"})

# Where one finding has two codes: PS3.16 CID 3230 names ST changes by SNOMED CT concepts (SR) that are not the ECG
# findings below 'electrocardiogram finding', which FHIR's conclusions use. By the FHIR code.
DIFFERING: Final = {
    "164931005": Concept(SCT, "76388001", "ST elevation"),
    "429622005": Concept(SCT, "26141007", "ST depression"),
}


def sr_finding(finding: Finding) -> Concept:
    """Return a finding's code in an ECG report (TID 3717)."""
    if finding.snomed is None:
        return Concept(OWN, finding.code, finding.name)
    same = Concept(SCT, finding.snomed.code, finding.snomed.display)
    return DIFFERING.get(finding.snomed.code, same)


def probability(finding: Finding) -> Concept:
    """Return the observable of a score: ours alone, since a clinical code would read as the finding itself."""
    return Concept(OWN, f"probability-{finding.code}", f"Probability of ECG pattern of {finding.name}, AI")


def own_measurement(code: str, named: Terms) -> Concept:
    """Return the observable of a measurement that no standard has a code for."""
    return Concept(OWN, f"measurement-{code}", named.name)


def finding_of(concept: Concept) -> Finding | None:
    """Return the finding that an ECG report's code means; None where it is none of ours."""
    return next((each for each in FINDINGS.values() if _key(sr_finding(each)) == _key(concept)), None)


def fhir_finding_of(system: str, code: str) -> Finding | None:
    """Return the finding that a SNOMED CT code means in FHIR; None where it is none of ours."""
    held = (each for each in FINDINGS.values() if each.snomed and system == SNOMED_CT)
    return next((each for each in held if each.snomed and each.snomed.code == code), None)


def terms(code: str, lead: str | None = None) -> Terms:
    """Return what a measurement is called."""
    return GLOBAL[code] if lead is None else LEAD[code]


def mdc_number(concept: Concept, lead: str | None = None) -> int:
    """Return an MDC code as FHIR writes it, one number; of a lead the base term's and the lead's together.

    Partition and code are a number's halves of 16 bits; a lead is added to its base term (11073-10102; CID 3688).
    """
    partition, number = (int(each) for each in concept.value.split(":"))
    of_lead = 0 if lead is None else int(LEAD_IDS[lead].value.split(":")[1])
    return (partition << 16) + number + of_lead


def _key(concept: Concept) -> tuple[str, str]:
    return concept.scheme, concept.value
