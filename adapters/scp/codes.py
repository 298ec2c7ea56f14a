"""The codes of SCP-ECG, each under its citation."""

from typing import Final

from adapters.leads import LEAD_BY_NUMBER, OTHER_LEAD_BY_NUMBER

# EN 1064, 5.6.3 table 5: what only SCP-ECG numbers so.
_FURTHER: Final = {19: "CC5", 20: "CM5", 70: "D", 71: "A", 72: "J"}

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
# 5.4.5, tag 34: no zone is said.
NO_ZONE: Final = 0x7FFF

UNDEFINED: Final = frozenset({29999, 0xFFFF, 999})  # 5.10: what section 7 holds where nothing was measured


def lead_of(code: int) -> str | None:
    """Return the lead of a code, None for 0, which is none in particular."""
    known = LEAD_BY_NUMBER.get(code) or OTHER_LEAD_BY_NUMBER.get(code) or _FURTHER.get(code)
    return known or f"SCP {code}" if code else None
