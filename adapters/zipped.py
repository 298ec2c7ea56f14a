"""Takes the files out of an archive, so that each is read for itself; those of one WFDB record stay together."""

from dataclasses import dataclass

from adapters.archive import files, is_archive, packed
from adapters.declared import merged
from adapters.sidecar import beside
from adapters.wfdb.grouping import grouped, is_record
from ecg.payload import Declared, Payload


@dataclass(frozen=True)
class ArchiveWrapper:
    """Takes off a zip or tar. Every file in it must be an ECG: one that is none is refused, not passed over."""

    name: str = "Archive (zip, tar)"

    def claims(self, payload: Payload) -> bool:
        """Claim every archive but that of one WFDB record, which is read as it is."""
        return is_archive(payload.data) and not is_record(payload.data)

    def unwrap(self, payload: Payload) -> tuple[Payload, ...]:
        """Return a payload for each file, a zip for each WFDB record, with what was declared of all and by side-cars.

        Raises:
            MalformedPayload, TooLarge: as `files`, `beside` and `grouped`; also where a side-car contradicts.
        """
        held = beside(files(payload.data))
        records, others = grouped(held.files)
        inner = {each.header: packed({name: held.files[name] for name in each.parts + each.beside}) for each in records}
        inner |= {name: held.files[name] for name in others}
        return tuple(
            Payload(inner[name], declared=merged(payload.declared, held.declared.get(name, Declared())))
            for name in held.files
            if name in inner
        )
