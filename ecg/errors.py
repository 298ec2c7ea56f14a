"""Every error the project raises on purpose, classed by who must act on it.

A message names sizes, leads, tags and digests. It never names a file or a patient.
"""

from typing import ClassVar

from ecg.reasons import PAGES


class EcgError(Exception):
    """Something went wrong while an ECG was handled."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])


class PayloadError(EcgError):
    """The payload cannot be read as it is; the sender must change something."""

    code = "payload"


class UnknownFormat(PayloadError):
    """No reader knows this payload; `twelvelead formats` lists what is read."""

    code = "unknown-format"


class MalformedPayload(PayloadError):
    """The payload claims a format whose rules it breaks; send it again from its source."""

    code = "malformed-payload"


class AmbiguousPayload(PayloadError):
    """The payload can be read in several ways; declare what it leaves open."""

    code = "ambiguous-payload"

    def __init__(self, message: str = "", *, declare: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.declare = declare


class TooLarge(PayloadError):
    """The payload is larger than is taken here; send it in parts."""

    code = "too-large"


class UnreadablePage(PayloadError):
    """The page cannot be read surely; send the ECG as the recorder exports it.

    `reason` is a key of `ecg.reasons.PAGES`, from which the message is taken.
    """

    code = "unreadable-page"

    def __init__(self, reason: str = "damaged") -> None:
        told = PAGES[reason]
        super().__init__(f"{told.meaning} {told.remedy}")
        self.reason = reason


class InvalidQuery(EcgError):
    """The question cannot be answered as it is put; whoever asks must change it."""

    code = "invalid-query"


class Overloaded(EcgError):
    """It cannot be kept safe now; send it again later."""

    code = "overloaded"


class UnknownReport(EcgError):
    """No report of that id, or no such version of it, is kept here."""

    code = "unknown-report"


class Conflict(EcgError):
    """What was asked cannot be done as things stand; look at them first."""

    code = "conflict"


class SetupError(EcgError):
    """The installation is not in order; its operator must act."""

    code = "setup"


class ModelRefused(SetupError):
    """A model's weights or card are not what they should be; install the release's files again."""

    code = "model-refused"


class DeliveryError(EcgError):
    """A report did not reach its destination."""

    code = "delivery"


class Unreachable(DeliveryError):
    """The destination did not take the report; nothing arrived, try again."""

    code = "unreachable"


class Unconfirmed(DeliveryError):
    """The destination did not confirm; the report may have arrived, try again."""

    code = "unconfirmed"


class Refused(DeliveryError):
    """The destination refused the report for good; an operator must look.

    `partly` says that it may hold a part of the report all the same.
    """

    code = "refused"

    def __init__(self, message: str = "", *, partly: bool = False) -> None:
        super().__init__(message)
        self.partly = partly


class Unidentified(Refused):
    """The destination does not surely know whose report it is; an operator must find out. The message is a code."""

    code = "unidentified"


class AlreadyResolved(EcgError):
    """Somebody has resolved this already; look at what became of it."""

    code = "already-resolved"


class AccessError(EcgError):
    """The caller may not do this; it must show another credential, or come later."""

    code = "access"


class Unauthenticated(AccessError):
    """There is no credential, or none that counts; send an API key or a bearer token."""

    code = "unauthenticated"


class InvalidCredential(Unauthenticated):
    """The credential is unknown, expired, revoked or not meant for this service."""

    code = "invalid-credential"


class Forbidden(AccessError):
    """The credential does not reach so far; ask the operator for the scope."""

    code = "forbidden"

    def __init__(self, message: str = "", *, scope: str = "") -> None:
        super().__init__(message)
        self.scope = scope


class Throttled(AccessError):
    """Too many requests from this caller; come again later."""

    code = "throttled"

    def __init__(self, message: str = "", *, seconds: int = 60) -> None:
        super().__init__(message)
        self.seconds = seconds
