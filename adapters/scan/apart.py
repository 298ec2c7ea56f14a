"""Digitises pages in the sandbox: a file's bytes in, what each page gave out. The child's half stands here, too."""

from typing import Final

from adapters.scan import wire
from adapters.scan.nouns import Digitised
from adapters.scan.sandbox import Sandbox
from adapters.scan.wire import Outcome
from ecg.errors import UnreadablePage

# What the template process loads before the first page comes, so that no page's process need.
START: Final = """
import adapters.scan.digitise, adapters.scan.pictures
from adapters.scan.apart import work
from adapters.scan.words import recogniser
recogniser()
"""
_NUMBER: Final = 2  # bytes before the file: which page
# Pages of a document that show no ECG: a cover, a letter, a table. Others beside them are read all the same.
_OTHERWISE: Final = frozenset({"no-ecg", "no-grid", "no-trace"})


def work(asked: bytes) -> bytes:
    """Digitise one page, in the child. What Python raises beyond refusals ends there; nothing is answered then."""
    from adapters.scan.digitise import digitise  # the parent, which imports this module, needs no OpenCV
    from adapters.scan.pictures import count_pages, page

    number, data, pages = int.from_bytes(asked[:_NUMBER], "big"), asked[_NUMBER:], 0
    try:
        pages = count_pages(data)
        found = digitise(page(data, number))
    except UnreadablePage as error:
        return wire.packed(wire.refused(error, pages))
    return wire.packed(Outcome(pages, found))


def digitised(sandbox: Sandbox, data: bytes) -> tuple[tuple[int, Digitised], ...]:
    """Return what each page with an ECG gave, with its number, 0 the first.

    Raises:
        UnreadablePage: no page gave an ECG, or one that shows an ECG cannot be read. A page that is too hard ends the
            document; those before it stand.
    """
    outcomes: list[Outcome] = []
    while not outcomes or len(outcomes) < outcomes[0].pages:
        answer = sandbox.run(len(outcomes).to_bytes(_NUMBER, "big") + data)
        outcomes.append(wire.unpacked(answer) if answer else wire.TOO_HARD)
        reason = outcomes[-1].reason
        if reason == wire.TOO_HARD.reason:  # what follows might be as hard, and each may take its time
            break
        if reason is not None and reason not in _OTHERWISE:
            raise UnreadablePage(reason)
    found = tuple((number, each.found) for number, each in enumerate(outcomes) if each.found is not None)
    if not found:
        raise UnreadablePage(outcomes[-1].reason or "no-ecg")
    return found
