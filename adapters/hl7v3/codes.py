"""The codes of annotated ECGs, each under its citation."""

import re
from typing import Final

from adapters.leads import LEAD_BY_NUMBER, potential
from ecg.leads import INVERTED_AVR, lead_name

# HL7 v3 Normative Edition, Annotated ECG R1 (PORT_MT020001): what the root is called.
ROOT: Final = "AnnotatedECG"

# HL7 ActCode (2.16.840.1.113883.5.4): what a series is, and the two kinds of time that a sequence may hold.
RHYTHM: Final = "RHYTHM"
TIMES: Final = ("TIME_ABSOLUTE", "TIME_RELATIVE")

# ISO/IEEE 11073-10101, by the OID that aECG names it with.
MDC: Final = "2.16.840.1.113883.6.24"
_LEAD: Final = re.compile(r"MDC_ECG_(?:LEAD|ELEC_POTL)_(\w{1,16})", re.IGNORECASE)

# Its control variables for filters, and for the frequencies of these.
FILTER_LOW: Final = "MDC_ECG_CTL_VBL_ATTR_FILTER_LOW_PASS"
FILTER_HIGH: Final = "MDC_ECG_CTL_VBL_ATTR_FILTER_HIGH_PASS"
FILTER_NOTCH: Final = "MDC_ECG_CTL_VBL_ATTR_FILTER_NOTCH"
FILTER_FREQUENCIES: Final = ("MDC_ECG_CTL_VBL_ATTR_FILTER_CUTOFF_FREQ", "MDC_ECG_CTL_VBL_ATTR_FILTER_NOTCH_FREQ")

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
    if code.isdigit():
        number = potential(code)
        return LEAD_BY_NUMBER.get(number, f"MDC {code}") if number else None
    match = _LEAD.fullmatch(code)
    if match is None:
        return None
    name = match.group(1)
    return INVERTED_AVR if name.upper() in ("AVRNEG", "NEG_AVR") else lead_name(name) or name
