"""Takes the files out of an archive, so that each is read for itself."""

from dataclasses import dataclass

from adapters.archive import files, is_archive
from ecg.payload import Payload


@dataclass(frozen=True)
class ArchiveWrapper:
    """Takes off a zip or tar. Every file in it must be an ECG: one that is none is refused, not passed over."""

    name: str = "Archive (zip, tar)"

    def claims(self, payload: Payload) -> bool:
        """Claim every archive."""
        return is_archive(payload.data)

    def unwrap(self, payload: Payload) -> tuple[Payload, ...]:
        """Return a payload for each file, with what was declared of all.

        Raises:
            MalformedPayload, TooLarge: as `files`.
        """
        return tuple(Payload(each, declared=payload.declared) for each in files(payload.data).values())
