"""What was declared with a payload, kept beside it, so that a worker reads the payload as the door did."""

import hashlib
import hmac
from typing import Final

from pydantic import TypeAdapter

from ecg.payload import Declared, Payload
from service.store import Store

_DECLARED: Final = TypeAdapter(Declared)


def digest_of(payload: Payload) -> str | None:
    """Return the digest of what was declared with a payload; None where nothing was."""
    return None if payload.declared == Declared() else _digest(payload.data, _dumped(payload))


def keep(store: Store, payload: Payload) -> str | None:
    """Keep a payload and what was declared with it. Return the digest of the latter; None where nothing was.

    Raises:
        Overloaded: the disk does not take it.
    """
    store.put_payload(payload.sha256, payload.data)
    if digest := digest_of(payload):
        store.put_declared(payload.sha256, digest, _dumped(payload))
    return digest


def kept(store: Store, sha256: str, declared: str | None) -> Payload:
    """Return a payload with what was declared with it.

    Raises:
        LookupError: one of the two is not there, or no longer what it was.
    """
    payload = store.payload(sha256)
    if declared is None:
        return Payload(payload)
    data = store.declared(sha256, declared)
    if _digest(payload, data) != declared:
        raise LookupError("what was declared with a payload is damaged")
    return Payload(payload, declared=_DECLARED.validate_json(data))


def _dumped(payload: Payload) -> bytes:
    return _DECLARED.dump_json(payload.declared, exclude_defaults=True)


def _digest(payload: bytes, data: bytes) -> str:
    # Keyed by the payload: this digest stands in the ledger, and from a bare one a patient's short id could be guessed.
    return hmac.new(payload, data, hashlib.sha256).hexdigest()
