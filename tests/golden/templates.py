"""PS3.16 TID 3700, ECG Report, row by row, and what in an object breaks it. Written from the standard, not the encoder.

A row's concept name is one code, or any of a context group of pydicom's copy of PS3.16. An included template of several
rows stands as its rows. The templates are extensible: they may hold items of concept names that no row has; what we add
bears our own scheme.
"""

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from functools import cache

from pydicom.dataset import Dataset
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

OWN = "99TWELVELEAD"
MANY = 99

Code = tuple[str, str]
Content = Callable[[Dataset], str | None]


@cache
def group(*cids: int) -> frozenset[Code]:
    """Return the codes of context groups (PS3.16 annex B)."""
    return frozenset({
        (scheme, value.replace(" ", ""))
        for cid in cids
        for scheme, names in cid_concepts[cid].items()
        for name in names
        for value, (_, groups) in concepts[scheme][name].items()
        if cid in groups
    })  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row of a template."""

    relationship: str
    kind: str
    names: Set[Code]
    least: int = 0
    most: int = 1
    content: Content = lambda item: None
    below: tuple["Row", ...] = field(default=())


def unit(value: str) -> Content:
    def check(item: Dataset) -> str | None:
        if not item.MeasuredValueSequence:
            return None if "NumericValueQualifierCodeSequence" in item else "no value and no qualifier"
        (held,) = item.MeasuredValueSequence
        (code,) = held.MeasurementUnitsCodeSequence
        return None if (code.CodingSchemeDesignator, code.CodeValue) == ("UCUM", value) else f"unit {code.CodeValue}"

    return check


def within(*cids: int) -> Content:
    def check(item: Dataset) -> str | None:
        return None if key(item.ConceptCodeSequence[0]) in group(*cids) else "no code of its group"

    return check


def exactly(*allowed: Code) -> Content:
    def check(item: Dataset) -> str | None:
        return None if key(item.ConceptCodeSequence[0]) in allowed else "another code"

    return check


def own_or(*allowed: Code) -> Content:
    """Allow codes that extend a group: those named here, and ours."""

    def check(item: Dataset) -> str | None:
        code = key(item.ConceptCodeSequence[0])
        return None if code in allowed or code[0] == OWN else "another code"

    return check


def modifier(kind: str, *names: Code, least: int = 0, content: Content = lambda item: None) -> Row:
    return Row("HAS CONCEPT MOD", kind, set(names), least, content=content)


def holds(kind: str, *names: Code, least: int = 0, content: Content = lambda item: None) -> Row:
    return Row("CONTAINS", kind, set(names), least, content=content)


ALGORITHM = (("DCM", "111001"), ("DCM", "111003"), ("DCM", "111002"))
TID_3708 = (
    holds("DATETIME", ("DCM", "122146"), least=1),
    holds("WAVEFORM", ("DCM", "121112")),
    holds("CODE", ("MDC", "10:11345"), content=within(3263)),
    holds("TEXT", ALGORITHM[0]),
    holds("TEXT", ALGORITHM[1]),
    holds("TEXT", ALGORITHM[2]),
)
CORRECTION = (Row("HAS PROPERTIES", "CODE", {("DCM", "111001")}, content=within(3678)),)
NAMED = {("MDC", f"2:{each}") for each in (15872, 16156, 16160)}  # of CID 3689, but with a row of their own
TID_3713 = (
    holds("NUM", ("MDC", "2:16016"), least=1, content=unit("{H.B.}/min")),
    holds("NUM", ("MDC", "2:16160"), least=1, content=unit("ms")),
    Row("CONTAINS", "NUM", {("MDC", "2:15876")}, content=unit("ms"), below=CORRECTION),
    Row("CONTAINS", "NUM", group(3227) - {("MDC", "2:15876")}, most=MANY, content=unit("ms"), below=CORRECTION),
    holds("NUM", ("MDC", "2:15872"), least=1, content=unit("ms")),
    holds("NUM", ("MDC", "2:16156"), least=1, content=unit("ms")),
    holds("NUM", ("MDC", "2:16168"), least=1, content=unit("ms")),
    Row("CONTAINS", "NUM", group(3689) - NAMED, most=MANY, content=unit("ms")),
    Row("CONTAINS", "NUM", group(3229), most=MANY, content=unit("deg")),
)
TID_3714 = (
    modifier("CODE", ("DCM", "122148"), least=1, content=within(3001)),
    Row("CONTAINS", "NUM", group(3687), most=MANY, content=unit("ms")),
    Row("CONTAINS", "NUM", group(3688), most=MANY, content=unit("mV")),
)
FINDING = ("SCT", "271921002")
TID_3717 = (
    holds("TEXT", FINDING),
    Row(
        "CONTAINS",
        "CODE",
        {FINDING},
        most=MANY,
        content=own_or(*group(3230), ("SCT", "164865005"), ("SCT", "164861001")),
        below=(
            modifier("TEXT", ("DCM", "121051")),
            Row("HAS PROPERTIES", "IMAGE", {("DCM", "130401")}),
        ),
    ),
)
TID_3719 = (
    holds("TEXT", ("LN", "55112-7")),
    holds("CODE", ("LN", "18810-2"), content=within(3677)),
)
TID_1004 = (
    Row("HAS OBS CONTEXT", "CODE", {("DCM", "121005")}, 1, content=exactly(("DCM", "121007"))),
    Row("HAS OBS CONTEXT", "UIDREF", {("DCM", "121012")}, 1),
    *(Row("HAS OBS CONTEXT", "TEXT", {("DCM", each)}) for each in ("121013", "121014", "121015", "121016")),
)
TID_3700 = (
    modifier("CODE", ("DCM", "121049"), least=1),
    *TID_1004,
    modifier("CODE", ("DCM", "121058")),
    Row("CONTAINS", "CONTAINER", {("LN", "55111-9")}, 1, below=TID_3708),
    Row(
        "CONTAINS",
        "CONTAINER",
        {("DCM", "122144")},
        1,
        below=(
            Row("CONTAINS", "CONTAINER", {("DCM", "122158")}, below=TID_3713),
            Row("CONTAINS", "CONTAINER", {("DCM", "122159")}, most=MANY, below=TID_3714),
        ),
    ),
    Row("CONTAINS", "CONTAINER", {("DCM", "122145")}, below=TID_3717),
    Row("CONTAINS", "CONTAINER", {("LN", "55112-7")}, below=TID_3719),
)

# PS3.3 table A.35.3-2, Comprehensive SR: which value types may be related to which.
_ANY = {"TEXT", "CODE", "NUM", "DATETIME", "DATE", "TIME", "UIDREF", "PNAME", "COMPOSITE"}
RELATIONS: dict[str, tuple[set[str], set[str]]] = {
    "CONTAINS": ({"CONTAINER"}, _ANY | {"SCOORD", "TCOORD", "IMAGE", "WAVEFORM", "CONTAINER"}),
    "HAS OBS CONTEXT": ({"TEXT", "CODE", "NUM", "CONTAINER"}, _ANY),
    "HAS CONCEPT MOD": (_ANY | {"CONTAINER", "IMAGE", "WAVEFORM", "SCOORD", "TCOORD"}, {"TEXT", "CODE"}),
    "HAS PROPERTIES": ({"TEXT", "CODE", "NUM", "PNAME"}, _ANY | {"IMAGE", "WAVEFORM", "SCOORD", "TCOORD"}),
    "INFERRED FROM": (
        {"TEXT", "CODE", "NUM"},
        _ANY | {"IMAGE", "WAVEFORM", "SCOORD", "TCOORD", "CONTAINER"},
    ),
}
TEMPLATES = {
    ("LN", "55111-9"): "3708",
    ("DCM", "122158"): "3713",
    ("DCM", "122159"): "3714",
    ("DCM", "122145"): "3717",
    ("LN", "55112-7"): "3719",
    ("LN", "28010-7"): "3700",
}


def key(code: Dataset) -> Code:
    """Return scheme and value of a code."""
    return str(code.CodingSchemeDesignator), str(code.get("CodeValue") or code.LongCodeValue)


def name(item: Dataset) -> Code:
    """Return the concept name of a content item."""
    return key(item.ConceptNameCodeSequence[0])


def faults(report: Dataset, *, undated: bool = False) -> list[str]:
    """Return what breaks the template, or the relations of the IOD. `undated`: nobody knows when it was acquired."""
    found = [] if name(report) == ("LN", "28010-7") else ["another title"]
    found += _relations(report)
    found += _within(report, TID_3700, "3700")
    missing = "3700/55111-9: 0 of 122146"
    return [each for each in found if not (undated and each == missing)]


def _within(holder: Dataset, rows: tuple[Row, ...], where: str) -> Iterator[str]:
    items = list(holder.get("ContentSequence", ()))
    at = 0
    for row in rows:
        held = [each for each in items if name(each) in row.names]
        label = f"{where}: {len(held)} of {sorted(row.names)[0][1]}"
        kinds = [each for each in held if each.ValueType == row.kind]
        if not row.least <= len(kinds) <= row.most:
            yield label
        for each in kinds:
            if each.RelationshipType != row.relationship:
                yield f"{label}: {each.RelationshipType}"
            if (wrong := row.content(each)) is not None:
                yield f"{label}: {wrong}"
            place = next(number for number, item in enumerate(items) if item is each)
            if place < at:
                yield f"{label}: out of order"
            at = max(at, place) if row.most == 1 else at
            yield from _within(each, row.below, f"{where}/{name(each)[1]}")
        if len(held) != sum(each.ValueType in {r.kind for r in rows if name(each) in r.names} for each in held):
            yield f"{label}: another value type"
    for each in items:
        known = {code for row in rows for code in row.names}
        if rows and name(each) not in known and name(each)[0] != OWN and each.RelationshipType == "CONTAINS":
            yield f"{where}: {name(each)} is in no row"


def _relations(item: Dataset) -> Iterator[str]:
    if item.ValueType == "CONTAINER" and name(item) in TEMPLATES:
        (template,) = item.ContentTemplateSequence
        if (template.MappingResource, template.TemplateIdentifier) != ("DCMR", TEMPLATES[name(item)]):
            yield f"{name(item)}: template {template.TemplateIdentifier}"
    for each in item.get("ContentSequence", ()):
        sources, targets = RELATIONS[each.RelationshipType]
        if item.ValueType not in sources or each.ValueType not in targets:
            yield f"{item.ValueType} {each.RelationshipType} {each.ValueType}"
        yield from _relations(each)
