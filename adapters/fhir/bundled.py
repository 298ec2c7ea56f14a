"""The resources of a payload, each with the Bundle it stands in, by which its references are resolved."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from adapters.fhir.codes import Json
from ecg.errors import MalformedPayload

MAX_WRAPPERS: Final = 3  # Bundles in Bundles


@dataclass(frozen=True)
class Bundled:
    """One resource; `index` is that of the outermost Bundle's entry it came in. No field shows in a repr."""

    resource: Json = field(repr=False)
    url: str = field(default="", repr=False)
    index: int = 0
    beside: "Neighbours" = field(default_factory=lambda: Neighbours(()), repr=False)

    @property
    def kind(self) -> str:
        """The type of resource."""
        return str(self.resource["resourceType"])

    def referred(self, reference: Json | None, kind: str) -> Json | None:
        """Return the resource of that type which a Reference of this one leads to, None where it is not here.

        Contained ones by '#id'; the others by their fullUrl, a relative reference by this resource's own server
        (R4 bundle.html#references). One that could be of two resources or is of another server leads nowhere.
        """
        literal = (reference or {}).get("reference", "").partition("/_history/")[0]
        if literal.startswith("#"):
            inner = [each for each in self.resource.get("contained", ()) if each.get("id") == literal[1:]]
            found = inner[0] if len(inner) == 1 else None
        else:
            found = self.beside.found(literal, self.url)
        return found if found is not None and found["resourceType"] == kind else None


@dataclass(frozen=True)
class Neighbours:
    """The resources of one Bundle by what references call them."""

    entries: tuple[tuple[str, Json], ...] = field(repr=False)

    def found(self, literal: str, base: str) -> Json | None:
        """Return what a literal reference of a resource with the fullUrl `base` means, None where that is not here."""
        of_server = base.startswith("http")
        same_server = base.rsplit("/", 2)[0] + "/" + literal if of_server else None
        called = self._by_url.get(literal) or self._by_url.get(same_server) or self._by_name.get(literal, [])
        url, resource = called[0] if len(called) == 1 else ("", None)
        elsewhere = of_server and url.startswith("http") and url not in (literal, same_server)
        return None if elsewhere else resource

    @cached_property
    def _by_url(self) -> dict[str | None, list[tuple[str, Json]]]:
        return _grouped((url, url, resource) for url, resource in self.entries if url)

    @cached_property
    def _by_name(self) -> dict[str | None, list[tuple[str, Json]]]:
        return _grouped((f"{each['resourceType']}/{each.get('id', '')}", url, each) for url, each in self.entries)


def _grouped(named: Iterable[tuple[str, str, Json]]) -> dict[str | None, list[tuple[str, Json]]]:
    """Return by their names the resources with their URLs: the same one once, and two are as good as many."""
    found: dict[str | None, list[tuple[str, Json]]] = {}
    for name, url, resource in named:
        held = found.setdefault(name, [])
        if len(held) < 2 and all(resource != each for _, each in held):
            held.append((url, resource))
    return found


def bundled(document: Json, index: int | None = None, depth: int = 0) -> Iterator[Bundled]:
    """Yield the resource itself, or of a Bundle every resource at any depth, in their order.

    Of a history only the newest version of each, and none that was deleted.

    Raises:
        MalformedPayload: there are more than three Bundles around a resource.
    """
    if document["resourceType"] != "Bundle":
        yield Bundled(document, index=index or 0)
        return
    if depth == MAX_WRAPPERS:
        raise MalformedPayload(f"More than {MAX_WRAPPERS} Bundles stand in each other.")
    numbered = list(enumerate(document.get("entry", ())))
    if document.get("type") == "history":  # R4 http.html#history: newest first
        newest = {_versioned(each, at): (at, each) for at, each in reversed(numbered)}
        numbered = sorted(newest.values(), key=lambda each: each[0])
    held = [(at, each.get("fullUrl", ""), each["resource"]) for at, each in numbered if "resource" in each]
    beside = Neighbours(tuple((url, resource) for _, url, resource in held))
    for at, url, resource in held:
        place = at if index is None else index
        if resource["resourceType"] == "Bundle":
            yield from bundled(resource, place, depth + 1)
        else:
            yield Bundled(resource, url, place, beside)


def _versioned(entry: Json, at: int) -> str:
    """Return what all versions of a resource in a history have in common."""
    resource, url = entry.get("resource", {}), entry.get("request", {}).get("url", "")
    name = f"{resource['resourceType']}/{resource['id']}" if "id" in resource else url.partition("/_history")[0]
    return name or f"entry {at}"
