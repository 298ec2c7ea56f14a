"""Which leads show ST elevation by the limits of the universal definition of myocardial infarction."""

from typing import Final

from ecg.measurement import Measurements

# New ST elevation at the J point in two contiguous leads: 0.1 mV in all leads other than V2 and V3, where it is 0.2 mV
# in men from 40 years, 0.25 mV in younger men, 0.15 mV in women of any age. Thygesen et al., Fourth Universal
# Definition of Myocardial Infarction, Circulation 2018;138:e618, table 2. Whether it is new, one recording cannot tell.
LIMIT: Final = 0.1
LIMIT_MEN: Final = 0.2
LIMIT_YOUNGER_MEN: Final = 0.25
LIMIT_WOMEN: Final = 0.15
YOUNGER_THAN: Final = 40.0
V2_V3: Final = ("V2", "V3")
# Contiguous: neighbours of the chest, and of the frontal plane in the order of Cabrera (aVL, I, -aVR, II, aVF, III),
# without -aVR, which the limits do not know: I and II then are no neighbours. Thygesen et al., as above; Wagner et al.,
# Circulation 2009;119:e262.
CONTIGUOUS: Final = (("aVL", "I"), ("II", "aVF", "III"), ("V1", "V2", "V3", "V4", "V5", "V6"))


def limit(lead: str, sex: str, age: float) -> float | None:
    """Return from how many mV on the J point counts as elevated; None where there is no limit for such a person.

    `sex` is 'F' or 'M' (DICOM PS3.3 C.7.1.1); `age` is in years.
    """
    if sex not in ("F", "M") or age < 0:
        return None
    if lead not in V2_V3:
        return LIMIT
    if sex == "F":
        return LIMIT_WOMEN
    return LIMIT_YOUNGER_MEN if age < YOUNGER_THAN else LIMIT_MEN


def elevated(measurements: Measurements, sex: str | None, age: float | None) -> tuple[str, ...]:
    """Return the leads with ST elevation at the J point, each with a contiguous lead that has it too.

    Empty where fewer than two contiguous leads reach their limit, where ST was not measured, or where sex or age is not
    known. The values behind it are `st-j` of the leads.
    """
    if sex is None or age is None:
        return ()
    found: list[str] = []
    for group in CONTIGUOUS:
        reached = [_reached(measurements, lead, sex, age) for lead in group]
        beside = [before or after for before, after in zip([False, *reached[:-1]], [*reached[1:], False], strict=True)]
        found.extend(lead for lead, one, other in zip(group, reached, beside, strict=True) if one and other)
    return tuple(found)


def _reached(measurements: Measurements, lead: str, sex: str, age: float) -> bool:
    measured, least = measurements.get("st-j", lead), limit(lead, sex, age)
    return measured is not None and measured.value is not None and least is not None and measured.value >= least
