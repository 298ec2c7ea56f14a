"""Takes the files out of an archive, so that each is read for itself."""

from dataclasses import dataclass

from adapters.archive import files, is_archive
from adapters.declared import merged
from adapters.sidecar import beside
from ecg.payload import Declared, Payload


@dataclass(frozen=True)
class ArchiveWrapper:
    """Takes off a zip or tar. Every file in it must be an ECG: one that is none is refused, not passed over."""

    name: str = "Archive (zip, tar)"

    def claims(self, payload: Payload) -> bool:
        """Claim every archive."""
        return is_archive(payload.data)

    def unwrap(self, payload: Payload) -> tuple[Payload, ...]:
        """Return a payload for each file, with what was declared of all and what its side-car declares.

        Raises:
            MalformedPayload, TooLarge: as `files`; also where a side-car is not what it should be, or contradicts.
        """
        held = beside(files(payload.data))
        return tuple(
            Payload(data, declared=merged(payload.declared, held.declared.get(name, Declared())))
            for name, data in held.files.items()
        )
