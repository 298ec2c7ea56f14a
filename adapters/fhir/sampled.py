"""SampledData as leads in millivolt (R4 and R5 datatypes.html#SampledData)."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adapters.fhir.codes import UCUM, Json
from adapters.fhir.timing import frequency, number
from adapters.leads import ELECTRIC_POTENTIAL, LEAD_BY_NUMBER, potential
from adapters.voltage import MILLIVOLT_PER_UNIT, checked_step, millivolt_per, ucum
from ecg.errors import AmbiguousPayload, MalformedPayload
from ecg.leads import INVERTED_AVR, LEADS, lead_name
from ecg.payload import Declared

# ISO/IEEE 11073-10101, by its URN and by the OID that R4's own ECG example has.
MDC: Final = frozenset({"urn:iso:std:iso:11073:10101", "urn:oid:2.16.840.1.113883.6.24"})
LEAD_BY_CODE: Final = {str(ELECTRIC_POTENTIAL + number): lead for number, lead in LEAD_BY_NUMBER.items()}
_REFERENCE_ID: Final = re.compile(r"MDC_ECG_(?:ELEC_POTL|LEAD)_", re.IGNORECASE)

MAX_SAMPLES: Final = 8_000_000  # of one SampledData: an hour at 2000 Hz

# Decimals (R4 datatypes.html#decimal) and E, U, L, separated by spaces. Possessive: nothing is ever tried again.
_DATA: Final = re.compile(r"\s*+(?:(?:[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?|[EUL])(?:\s++|\Z))++", re.ASCII)
_TOKEN: Final = re.compile(r"(?<!\S)[EUL](?!\S)")


@dataclass(frozen=True)
class Source:
    """A SampledData with the concept that says of what."""

    concept: Json = field(repr=False)
    sampled: Json = field(repr=False)

    @property
    def lead(self) -> str | None:
        """The lead it names, '-aVR' and others of MDC's ('MDC 131344') among them; None where it names none.

        Raises:
            MalformedPayload: codes and texts name different ones.
        """
        named = set(_named(self.concept))
        if len(named) > 1:
            raise MalformedPayload("The codes and texts of one lead disagree.")
        return next(iter(named), None)

    @property
    def is_potential(self) -> bool:
        """Whether it is coded as an ECG's potential, of whichever lead."""
        return any(code == str(ELECTRIC_POTENTIAL) for code in _mdc_codes(self.concept))


@dataclass(frozen=True)
class Strip:
    """Consecutive samples of one lead: float64 (samples,) in mV, NaN where none was measured; fs in Hz."""

    lead: str
    signal: NDArray[np.float64] = field(repr=False)
    fs: float


def sources(observation: Json) -> tuple[Source, ...]:
    """Return each SampledData of an Observation: its own first, then those of its components."""
    holders = (observation, *observation.get("component", ()))
    return tuple(Source(each["code"], each["valueSampledData"]) for each in holders if "valueSampledData" in each)


def strips(source: Source, lead: str | None, leads: int, declared: Declared) -> Iterator[Strip]:
    """Decode a SampledData: sample x factor + origin, in the origin's unit.

    Args:
        source: what to decode.
        lead: the lead that it is known to be of; None where it may be the declared leads, interlaced.
        leads: how many leads the ECG has.
        declared: unit, fs and leads, as the sender said them.

    Raises:
        AmbiguousPayload: it does not say its unit or its leads.
        MalformedPayload: numbers are none or absurd, lengths disagree, or it contradicts what was declared.
    """
    sampled = source.sampled
    scale, origin = _scale(sampled, declared.unit)
    values = _values(sampled.get("data")) * scale + origin
    if np.isinf(values).any():
        raise MalformedPayload("A sample is beyond all numbers.")
    dimensions = number(sampled, "dimensions")
    # Real profiles write 12, or as many leads as there are, as the dimensions of each single one.
    if lead is not None and dimensions not in (1, leads, len(LEADS)):
        raise MalformedPayload(f"A SampledData of one lead has {dimensions:g} dimensions.")
    fs = frequency(sampled, len(values) if lead is not None else len(values) / max(dimensions, 1.0))
    if declared.fs is not None and not math.isclose(declared.fs, fs, rel_tol=1e-6):
        raise MalformedPayload("The declared sampling frequency and the payload's disagree.")
    if lead is not None:
        yield Strip("aVR", 0.0 - values, fs) if lead == INVERTED_AVR else Strip(lead, values, fs)
        return
    if not declared.leads:
        raise AmbiguousPayload("A SampledData does not name its lead.", declare=("leads",))
    if dimensions != len(declared.leads) or len(values) % len(declared.leads):
        raise MalformedPayload(
            f"{len(values)} samples in {dimensions:g} dimensions are no {len(declared.leads)} leads."
        )
    for at, label in enumerate(declared.leads):
        yield Strip(standard(label), values[at :: len(declared.leads)], fs)


def standard(label: str) -> str:
    """Return the standard name of a lead that was declared.

    Raises:
        MalformedPayload: it is none of the twelve.
    """
    if (name := lead_name(label)) is None:
        raise MalformedPayload(f"A declared lead is none of {', '.join(LEADS)}.")
    return name


def _named(concept: Json) -> Iterator[str]:
    """Yield each lead that a concept's codes name; where they name none, those of its texts."""
    codes = [code for code in _mdc_codes(concept) if potential(code)]
    yield from (LEAD_BY_CODE.get(code, f"MDC {code}") for code in codes)
    if all(code in LEAD_BY_CODE for code in codes):  # other leads have texts that look like one of the twelve
        texts = [concept.get("text"), *(each.get("display") for each in concept.get("coding", ()))]
        names = (lead_name(_REFERENCE_ID.sub("", each)) for each in texts if each)
        inverted = INVERTED_AVR in {LEAD_BY_CODE.get(code) for code in codes}
        yield from (INVERTED_AVR if inverted and name == "aVR" else name for name in names if name)


def _mdc_codes(concept: Json) -> list[str]:
    return [each["code"] for each in concept.get("coding", ()) if each.get("system") in MDC and "code" in each]


def _scale(sampled: Json, declared: str | None) -> tuple[float, float]:
    """Return mV for one step of a sample, and the mV of the raw value 0."""
    unit = _unit(sampled["origin"], declared)
    step = unit * (number(sampled, "factor") if "factor" in sampled else 1.0)
    limits = [number(sampled, each) for each in ("lowerLimit", "upperLimit") if each in sampled]
    if limits != sorted(limits):
        raise MalformedPayload("The lower limit of a SampledData is above the upper one.")
    return checked_step(step), unit * number(sampled["origin"], "value")


def _unit(origin: Json, declared: str | None) -> float:
    """Return the mV in the unit of a Quantity: by its UCUM code, else its text, else as declared."""
    coded = origin.get("code") if origin.get("system", UCUM) == UCUM else None
    text = ucum(origin.get("unit", "")) or None
    said = {each for each in (coded, text if coded is None or text in MILLIVOLT_PER_UNIT else None) if each}
    if len(said) > 1:
        raise MalformedPayload("The units of one SampledData disagree.")
    return millivolt_per(next(iter(said), None), declared)


def _values(data: object) -> NDArray[np.float64]:
    """Return the samples as they stand, float64 (samples,); NaN for error (E), above (U) and below (L) the limits."""
    if not isinstance(data, str) or not _DATA.fullmatch(data):
        raise MalformedPayload("The data of a SampledData are no decimals separated by spaces.")
    if data.count(" ") > MAX_SAMPLES or len(data) > 24 * MAX_SAMPLES:
        raise MalformedPayload(f"A SampledData holds more than {MAX_SAMPLES} samples.")
    marked = any(each in data for each in "EUL")  # few are, and looking for tokens takes longer than reading numbers
    return np.fromstring(_TOKEN.sub("nan", data) if marked else data, sep=" ")
