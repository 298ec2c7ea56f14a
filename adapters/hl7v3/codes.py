"""The codes of annotated ECGs, each under its citation."""

import re
from typing import Final

from ecg.leads import lead_name

# HL7 v3 Normative Edition, Annotated ECG R1 (PORT_MT020001): what the root is called.
ROOT: Final = "AnnotatedECG"

# HL7 ActCode (2.16.840.1.113883.5.4): what a series is, and the two kinds of time that a sequence may hold.
RHYTHM: Final = "RHYTHM"
TIMES: Final = ("TIME_ABSOLUTE", "TIME_RELATIVE")

# ISO/IEEE 11073-10101, by the OID that aECG names it with.
MDC: Final = "2.16.840.1.113883.6.24"
# Annex A of 11073-10101: 131328 is MDC_ECG_ELEC_POTL; that of a lead is this and the lead's number, below 256.
_ELECTRIC_POTENTIAL: Final = 131328
_NUMBERS: Final = {
    **{1: "I", 2: "II", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR"},
    **{3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6"},
}
_LEAD: Final = re.compile(r"MDC_ECG_(?:LEAD|ELEC_POTL)_(\w{1,16})", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
# Cabrera's -aVR is aVR with its sign changed. Kligfield et al., Circulation 2007;115:1306.
INVERTED_AVR: Final = "-aVR"

# Its control variables for filters, and for the frequencies of these.
FILTER_LOW: Final = "MDC_ECG_CTL_VBL_ATTR_FILTER_LOW_PASS"
FILTER_HIGH: Final = "MDC_ECG_CTL_VBL_ATTR_FILTER_HIGH_PASS"
FILTER_NOTCH: Final = "MDC_ECG_CTL_VBL_ATTR_FILTER_NOTCH"
FILTER_FREQUENCIES: Final = ("MDC_ECG_CTL_VBL_ATTR_FILTER_CUTOFF_FREQ", "MDC_ECG_CTL_VBL_ATTR_FILTER_NOTCH_FREQ")

# Millivolt per unit. UCUM is case-sensitive: MV is megavolt. The micro sign and mu stand for UCUM's u in some files.
MILLIVOLT_PER_UNIT: Final = {"nV": 1e-6, "uV": 1e-3, "\u00b5V": 1e-3, "\u03bcV": 1e-3, "mV": 1.0, "V": 1e3}
UNITS_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000}  # UCUM

# LOINC: the age as it was reported. UCUM: years per unit of time.
REPORTED_AGE: Final = "21612-7"
YEARS_PER_UNIT: Final = {"a": 1.0, "mo": 1 / 12, "wk": 7 / 365.25, "d": 1 / 365.25}
# HL7 AdministrativeGender (2.16.840.1.113883.5.1), in DICOM's letters.
SEX: Final = {"F": "F", "M": "M", "UN": "O"}


def lead_of(code: str) -> str | None:
    """Return the lead that an MDC code names, by reference id or by number; None where it is no lead's.

    A lead that is none of the twelve keeps the name that the code has for it, such as V3R.
    """
    if _NUMBER.fullmatch(code):
        number = int(code) - _ELECTRIC_POTENTIAL
        return _NUMBERS.get(number, f"MDC {code}") if 0 < number < 256 else None
    match = _LEAD.fullmatch(code)
    if match is None:
        return None
    name = match.group(1)
    return INVERTED_AVR if name.upper() in ("AVRNEG", "NEG_AVR") else lead_name(name) or name
