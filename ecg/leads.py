"""The twelve standard leads: their order, their names, and what follows from Einthoven and Goldberger."""

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
LIMB_LEADS: Final = LEADS[:6]

# Each limb lead as a combination of I and II: Einthoven's law (III = II - I) and Goldberger's augmented leads
# (aVR = -(I + II)/2, aVL = I - II/2, aVF = II - I/2). Kligfield et al., Circulation 2007;115:1306, table 2.
LIMB_FROM_I_II: Final[NDArray[np.float64]] = np.array(
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [-0.5, -0.5], [1.0, -0.5], [-0.5, 1.0]]
)

# Cabrera's -aVR is aVR with its sign changed. Kligfield et al., Circulation 2007;115:1306.
INVERTED_AVR: Final = "-aVR"
_INVERTED: Final = re.compile(r"(?:LEAD[\s_:]*+)?(?:[-\u2212]\s*+AVR|AVR\s*+[-\u2212])")

_BY_UPPER: Final = {
    **{lead.upper(): lead for lead in LEADS},
    # How Romance languages name the limb leads: 'derivação II' is DII or D2.
    **{f"D{name}": lead for number, lead in enumerate(LEADS[:3], 1) for name in (lead, number)},
}
# In brackets stands whose system it is, what it is of, or its unit. Any other word, such as 'inverted', 'right' or
# 'derived', may make it another lead.
_LABEL = re.compile(
    r"(?:E[CK]G[\s_:]*)?(?:LEAD[\s_:]*)?(AVR|AVL|AVF|D?III|D?II|D?I|D[1-3]|V[1-6])"
    r"(?:\s*\((?:EINTHOVEN|GOLDBERGER|WILSON|PRECORDIAL|CHEST|LIMB|E[CK]G|[NUM]?V)\))?"
)


def lead_name(label: str) -> str | None:
    r"""Return the standard name for a lead's label, or None where it names none of the twelve.

    'Lead I (Einthoven)', 'ECG lead II', 'DIII', ' avr', 'V1\0' are known. 'V3R', '-aVR' or 'MLII', the modified lead of
    Holter recorders, are other leads and give None, and so does 'aVR (inverted)'.
    """
    match = _LABEL.fullmatch(label.replace("\0", " ").strip().upper())
    return _BY_UPPER[match.group(1)] if match else None


def signed_lead_name(label: str) -> str | None:
    """Return what `lead_name` does, and INVERTED_AVR for a label of aVR with its sign changed."""
    return INVERTED_AVR if _INVERTED.fullmatch(label.replace("\0", " ").strip().upper()) else lead_name(label)


def derive_limb_leads(signal: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Fill what is missing of the six limb leads wherever two of them were measured at that sample.

    Args:
        signal: float32 (6, samples) in mV, in the order of LIMB_LEADS, NaN where not measured.

    Returns:
        A filled copy, and the names of the leads that hold at least one derived sample. Measured samples are kept.
    """
    filled = signal.copy()
    known = ~np.isnan(signal)
    pattern = (known * (1 << np.arange(6))[:, None]).sum(axis=0)
    touched = np.zeros(6, dtype=bool)
    for code in np.unique(pattern):
        measured = np.flatnonzero(code >> np.arange(6) & 1)
        missing = np.setdiff1d(np.arange(6), measured)
        if len(measured) < 2 or not len(missing):
            continue
        at = np.flatnonzero(pattern == code)
        sources = measured[:2]
        to_missing = LIMB_FROM_I_II[missing] @ np.linalg.inv(LIMB_FROM_I_II[sources])
        filled[np.ix_(missing, at)] = to_missing @ signal[np.ix_(sources, at)]
        touched[missing] = True
    return filled, tuple(lead for lead, one in zip(LIMB_LEADS, touched, strict=True) if one)
