"""Lead numbers and electrode placements, which SCP-ECG, ISO/IEEE 11073-10101 (MDC) and DICOM share."""

from typing import Final

from ecg.leads import INVERTED_AVR, LEADS
from ecg.recording import STANDARD

# SCP-ECG: EN 1064, 5.6.3, table 5. MDC has them as 2:n (Annex A of 11073-10101), PS3.16 as CID 3001.
LEAD_BY_NUMBER: Final = {
    **{1: "I", 2: "II", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: INVERTED_AVR},
    **{3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6"},
}
# Leads of other places, and what was calculated from them (d): never one of the twelve, whatever a text beside says.
OTHER_LEAD_BY_NUMBER: Final = {
    **{9: "V7", 66: "V8", 67: "V9", 10: "V2R", 11: "V3R", 12: "V4R", 13: "V5R", 14: "V6R", 15: "V7R"},
    **{68: "V8R", 69: "V9R", 16: "X", 17: "Y", 18: "Z", 131: "ES", 132: "AS", 133: "AI"},
    **{31: "dI", 32: "dII", 111: "dIII", 112: "daVR", 113: "daVL", 114: "daVF"},
    **{33: "dV1", 34: "dV2", 35: "dV3", 36: "dV4", 37: "dV5", 38: "dV6"},
}
# 11073-10101: 131328 is MDC_ECG_ELEC_POTL; that of a lead is this and the lead's number, below 256.
ELECTRIC_POTENTIAL: Final = 131328
MOST_LEADS: Final = 256

# EN 1064, 5.4.5, tag 33, first byte; MDC has them as 10:11264+n, PS3.16 as CID 3263.
MASON_LIKAR: Final = "Mason-Likar"
FRANK: Final = "Frank"
EASI: Final = "EASI"
OTHER_PLACES: Final = "non-standard"
PLACEMENT_BY_NUMBER: Final = {
    **{1: STANDARD, 2: MASON_LIKAR, 3: MASON_LIKAR, 4: "electrode pad", 5: FRANK, 6: OTHER_PLACES},
}


def potential(code: str) -> int:
    """Return the number of the lead whose potential an MDC code means; 0 for that of no lead in particular, or none."""
    number = int(code) - ELECTRIC_POTENTIAL if code.isascii() and code.isdigit() and len(code) < 10 else 0
    return number if 0 < number < MOST_LEADS else 0


def place(lead: str) -> int:
    """Return where a lead stands among the twelve, behind which all others do."""
    return LEADS.index(lead) if lead in LEADS else len(LEADS)


def placement_notes(placement: str | None) -> tuple[str, ...]:
    """Return what a report says of electrodes that were not placed as is standard."""
    if placement in (None, STANDARD):
        return ()
    return (f"The electrodes were not at the standard places: {placement}.",)
