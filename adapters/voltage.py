"""Units of voltage, and how large a step of a sample may be."""

from typing import Final

from ecg.errors import AmbiguousPayload, MalformedPayload

# Millivolt per unit. UCUM is case-sensitive: MV is megavolt.
MILLIVOLT_PER_UNIT: Final = {"nV": 1e-6, "uV": 1e-3, "mV": 1.0, "V": 1e3}
UNITS: Final = ", ".join(MILLIVOLT_PER_UNIT)
# The micro sign and the Greek mu stand in texts for UCUM's u.
_MICRO: Final = str.maketrans("\u00b5\u03bc", "uu")

# One step of a recorder is some microvolt (IEC 60601-2-25 asks for 5 or finer); beyond these the gain must be wrong.
MIN_STEP: Final = 1e-7  # mV
MAX_STEP: Final = 10.0  # mV


def ucum(text: str) -> str:
    """Return a unit with UCUM's u for micro."""
    return text.translate(_MICRO)


def checked_step(step: float) -> float:
    """Return a step of a sample in mV.

    Raises:
        MalformedPayload: it is too small or too large for any recorder.
    """
    if not MIN_STEP <= abs(step) <= MAX_STEP:
        raise MalformedPayload(f"{step:g} mV for one step of a sample is not between {MIN_STEP:g} and {MAX_STEP:g} mV.")
    return step


def millivolt_per(unit: str | None, declared: str | None) -> float:
    """Return the mV in a unit, the file's, or where it has none the declared one.

    Raises:
        AmbiguousPayload: there is neither.
        MalformedPayload: it is no unit of voltage, or the two disagree.
    """
    unit, declared = (ucum(each) if each else None for each in (unit, declared))
    if unit and declared and unit != declared:
        raise MalformedPayload("The declared unit and the file's disagree.")
    if not (unit or declared):
        raise AmbiguousPayload(f"The samples have no unit; it may be one of {UNITS}.", declare=("unit",))
    if (millivolt := MILLIVOLT_PER_UNIT.get(unit or declared or "")) is None:
        raise MalformedPayload(f"The unit of a lead is none of {UNITS} (UCUM).")
    return millivolt
