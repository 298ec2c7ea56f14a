"""The codes of SCP-ECG, each under its citation."""

from typing import Final

from ecg.leads import LEADS

# EN 1064, 5.6.3 table 5: leads by their codes. The right-sided, posterior and corrected ones never stand for others.
_TWELVE: Final = {
    **{1: "I", 2: "II", 3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6"},
    **{61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR"},
}
_OTHERS: Final = {
    **{9: "V7", 10: "V2R", 11: "V3R", 12: "V4R", 13: "V5R", 14: "V6R", 15: "V7R", 16: "X", 17: "Y", 18: "Z"},
    **{19: "CC5", 20: "CM5", 66: "V8", 67: "V9", 68: "V8R", 69: "V9R", 70: "D", 71: "A", 72: "J"},
}
LEAD_BY_CODE: Final = {**_TWELVE, **_OTHERS}
# Cabrera's -aVR is aVR with its sign changed. Kligfield et al., Circulation 2007;115:1306.
INVERTED_AVR: Final = "-aVR"

# 5.4.5, tag 14: the encoding of texts by the language support code, where bit 0 says that there is one.
ENCODINGS: Final = {
    **{0x01: "latin-1", 0x03: "iso8859_2", 0x0B: "iso8859_4", 0x13: "iso8859_5", 0x1B: "iso8859_6"},
    **{0x23: "iso8859_7", 0x2B: "iso8859_8", 0x33: "iso8859_11", 0x3B: "iso8859_15", 0x07: "utf-16-le"},
    **{0x0F: "shift_jis", 0x17: "euc_jp", 0x1F: "euc_jp", 0x27: "gb2312", 0x2F: "cp949", 0x37: "utf-8"},
}

# 5.4.5: sexes (tag 8), units of age in years (tag 4), and notch filters by their bits (tag 29).
SEX: Final = {1: "M", 2: "F"}
YEARS: Final = {1: 1.0, 2: 1 / 12, 3: 7 / 365.25, 4: 1 / 365.25, 5: 1 / 8766}
NOTCHES: Final = {0x01: 60.0, 0x02: 50.0}
# Tag 33, its first byte: 12-lead electrodes. What is derived from Frank's leads are none of the twelve.
PLACEMENTS: Final = {
    2: "Electrodes placed by Mason-Likar.",
    3: "Electrodes placed by Mason-Likar, on one pad.",
    4: "All electrodes on one pad.",
    6: "Electrodes not placed as is standard.",
}
DERIVED: Final = 5
# 5.4.5, tag 34: no zone is said.
NO_ZONE: Final = 0x7FFF

UNDEFINED: Final = frozenset({29999, 0xFFFF, 999})  # 5.10: what section 7 holds where nothing was measured


def lead_of(code: int) -> str | None:
    """Return the lead of a code, None for 0, which is none in particular."""
    return LEAD_BY_CODE.get(code, f"SCP {code}") if code else None


def place(lead: str) -> int:
    """Return where a lead stands among the twelve, behind which all others do."""
    return LEADS.index(lead) if lead in LEADS else len(LEADS)
