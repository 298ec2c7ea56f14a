"""Which version of FHIR a resource is written in: as the sender says, and by what only one version has."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fhir.resources import R4B as r4b_classes
from fhir.resources import get_fhir_model_class as r5_class

from adapters.fhir.codes import Json
from ecg.errors import MalformedPayload, UnknownFormat


@dataclass(frozen=True)
class Version:
    """A version of FHIR, with the class of each of its resources.

    Attributes:
        name: as HL7 calls it.
        number: as the media type's parameter has it (R4 http.html#version-parameter).
        model: returns the class of a type of resource, by fhir.resources; raises LookupError.
    """

    name: str
    number: str
    model: Callable[[str], Any]


# fhir.resources has no classes of R4. R4B's are R4's in all that an ECG comes in or refers to (R4B history.html); the
# resources that it added are refused in R4.
R4: Final = Version("R4", "4.0", r4b_classes.get_fhir_model_class)
R4B: Final = Version("R4B", "4.3", r4b_classes.get_fhir_model_class)
R5: Final = Version("R5", "5.0", r5_class)
# In the order in which they are tried: this server's own first (R4 http.html#version-parameter).
VERSIONS: Final = {each.number: each for each in (R4, R4B, R5)}

# R4B history.html, 'Changes from both R4 and R4B': the resources that R4 does not have.
_SINCE_R4B: Final = frozenset({
    "AdministrableProductDefinition", "Citation", "ClinicalUseDefinition", "EvidenceReport", "Ingredient",
    "ManufacturedItemDefinition", "MedicinalProductDefinition", "NutritionProduct", "PackagedProductDefinition",
    "RegulatedAuthorization", "SubscriptionStatus", "SubscriptionTopic", "SubstanceDefinition",
})  # fmt: skip
# SampledData: R4 datatypes.html#SampledData, R5 datatypes.html#SampledData.
_UNTIL_R4B: Final = frozenset({"period"})
_SINCE_R5: Final = frozenset({"interval", "intervalUnit", "offsets", "codeMap"})
# A profile of the standard itself, with the version it was published in (R4 references.html#canonical).
_PROFILE: Final = re.compile(
    r"http://hl7\.org/fhir/(?:(\d\.\d)/)?StructureDefinition/\w+(?:\|(\d\.\d)(?:\.\d+)?)?", re.ASCII
)


def stated(media_type: str) -> str:
    """Return the fhirVersion that a media type names, '' where it names none."""
    _, *parameters = (each.strip().lower() for each in media_type.split(";"))
    named = dict(each.split("=", 1) for each in parameters if "=" in each)
    return named.get("fhirversion", "").strip('"')


def possible(nodes: Iterable[Json], media_type: str) -> tuple[Version, ...]:
    """Return the versions that a resource can be of, in the order in which they are tried.

    Args:
        nodes: every JSON object in it.
        media_type: what the sender says it is.

    Raises:
        UnknownFormat: it says that it is of another version.
        MalformedPayload: what it says and has is of two versions.
    """
    left = frozenset(VERSIONS)
    if said := stated(media_type):
        left &= _known(said)
    for each in nodes:
        for mark in _marks(each):
            left &= mark
    if not left:
        told = f", and {VERSIONS[said].name} is what was declared" if said else ""
        raise MalformedPayload(f"The resource has what is of two versions of FHIR{told}.")
    return tuple(each for number, each in VERSIONS.items() if number in left)


def _marks(node: Json) -> Iterator[frozenset[str]]:
    """Yield for each sign of a version in a JSON object the versions that have it."""
    older, newer = frozenset({R4.number, R4B.number}), frozenset({R5.number})
    if "origin" in node:  # of all data types and resources, SampledData alone has one
        yield from [older] * (not _UNTIL_R4B.isdisjoint(node)) + [newer] * (not _SINCE_R5.isdisjoint(node))
    kind, meta = node.get("resourceType"), node.get("meta")
    if isinstance(kind, str) and kind in _SINCE_R4B:
        yield frozenset({R4B.number, R5.number})
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    for each in profiles if isinstance(profiles, list) else ():
        if isinstance(each, str) and (match := _PROFILE.fullmatch(each)):
            yield from (_known(number) for number in match.groups() if number)


def _known(number: str) -> frozenset[str]:
    if number not in VERSIONS:
        raise UnknownFormat(f"FHIR is read in {', '.join(each.name for each in VERSIONS.values())} alone.")
    return frozenset({number})
