"""Takes the files out of an archive, so that each is read for itself; those of one WFDB record stay together."""

from dataclasses import dataclass

from adapters.archive import files, is_archive, packed
from adapters.wfdb.grouping import grouped, is_record
from ecg.payload import Payload


@dataclass(frozen=True)
class ArchiveWrapper:
    """Takes off a zip or tar. Every file in it must be an ECG: one that is none is refused, not passed over."""

    name: str = "Archive (zip, tar)"

    def claims(self, payload: Payload) -> bool:
        """Claim every archive but that of one WFDB record, which is read as it is."""
        return is_archive(payload.data) and not is_record(payload.data)

    def unwrap(self, payload: Payload) -> tuple[Payload, ...]:
        """Return a payload for each file, a zip for each WFDB record, all with what was declared.

        Raises:
            MalformedPayload, TooLarge: as `files` and `grouped`.
        """
        held = files(payload.data)
        records, others = grouped(held)
        inner = {each.header: packed({name: held[name] for name in each.parts + each.beside}) for each in records}
        inner |= {name: held[name] for name in others}
        return tuple(Payload(inner[name], declared=payload.declared) for name in held if name in inner)
