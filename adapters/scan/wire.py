"""What passes out of the sandbox, as bytes that are read without trust: JSON, samples, a picture. No pickle."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from adapters.scan.nouns import Digitised, Word
from ecg.errors import UnreadablePage
from ecg.leads import LEADS
from ecg.reasons import PAGES
from ecg.recording import PageEvidence

MAX_HEAD: Final = 4_000_000  # bytes: a page full of print has 0.5 MB of words
_LENGTH: Final = 8  # bytes that tell the head's length


@dataclass(frozen=True)
class Outcome:
    """What became of one page: what it gave, or why it gave nothing, a key of `ecg.reasons.PAGES`.

    `pages` is how many the file has, 0 where not even that is known.
    """

    pages: int
    found: Digitised | None = None
    reason: str | None = None


TOO_HARD: Final = Outcome(0, reason="too-hard")


def packed(outcome: Outcome) -> bytes:
    """Return an outcome as bytes."""
    found = outcome.found
    head: dict[str, Any] = {"pages": outcome.pages, "reason": outcome.reason}
    if found is None:
        return _framed(head, b"", b"")
    evidence = found.evidence
    head["found"] = {
        "shape": found.signal.shape,
        "leads": found.leads,
        "scale_assumed": found.scale_assumed,
        "einthoven": evidence.einthoven,
        "on_ink": evidence.on_ink,
        "explained": evidence.explained,
        "confidence": evidence.confidence,
        "layout": evidence.layout,
        "scale": evidence.scale,
        "gain_assumed": evidence.gain_assumed,
        "words": [[each.text, each.box, each.surety] for each in found.words],
    }
    return _framed(head, found.signal.astype("<f4").tobytes(), evidence.overlay)


def unpacked(data: bytes) -> Outcome:
    """Return the outcome that the bytes hold. Whatever else they are, the page was too hard."""
    try:
        length = int.from_bytes(data[:_LENGTH], "big")
        if length > MAX_HEAD:
            return TOO_HARD
        head = json.loads(data[_LENGTH : _LENGTH + length])
        found = _found(head["found"], data[_LENGTH + length :]) if head.get("found") else None
        reason = head["reason"] if head["reason"] in PAGES or found else "too-hard"
        return Outcome(int(head["pages"]), found, None if found else reason)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return TOO_HARD


def gathered(found: Sequence[Digitised]) -> bytes:
    """Return what the pages of a file gave, as bytes to be kept."""
    frames = [packed(Outcome(len(found), each)) for each in found]
    return b"".join(len(each).to_bytes(_LENGTH, "big") + each for each in frames)


def parted(data: bytes) -> tuple[Digitised, ...]:
    """Return what was gathered; nothing where it is damaged."""
    found: list[Digitised] = []
    while data:
        end = _LENGTH + int.from_bytes(data[:_LENGTH], "big")
        whole = len(data) >= end
        outcome, data = unpacked(data[_LENGTH:end]), data[end:]
        if outcome.found is None or not whole:
            return ()
        found.append(outcome.found)
    return tuple(found)


def refused(error: UnreadablePage, pages: int = 0) -> Outcome:
    """Return the outcome of a page that was refused."""
    return Outcome(pages, reason=error.reason)


def _framed(head: dict[str, Any], *bodies: bytes) -> bytes:
    text = json.dumps(head).encode()
    return b"".join((len(text).to_bytes(_LENGTH, "big"), text, *bodies))


def _found(head: dict[str, Any], body: bytes) -> Digitised:
    leads, samples = (int(each) for each in head["shape"])
    signal = np.frombuffer(body, "<f4", leads * samples).reshape(leads, samples).astype(np.float32)
    named = tuple(str(each) for each in head["leads"])
    if len(named) != leads or not set(named) <= set(LEADS):
        raise ValueError("leads and samples disagree")
    evidence = PageEvidence(
        overlay=body[signal.nbytes :],
        einthoven=None if head["einthoven"] is None else float(head["einthoven"]),
        on_ink=float(head["on_ink"]),
        explained=float(head["explained"]),
        confidence=tuple((str(lead), float(value)) for lead, value in head["confidence"]),
        layout=str(head["layout"]),
        scale=str(head["scale"]),
        gain_assumed=tuple(str(lead) for lead in head.get("gain_assumed", ())),
    )
    words = tuple(Word(str(text), _box(box), float(surety)) for text, box, surety in head["words"])
    return Digitised(signal, named, bool(head["scale_assumed"]), evidence, words)


def _box(box: list[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(each) for each in box)
    return left, top, right, bottom
