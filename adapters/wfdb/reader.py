"""Reads a WFDB record: a header with its signal files in one zip or tar, of one segment or many."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from adapters.archive import files, is_archive
from adapters.declared import agreed_order, agreed_patient, agreed_time
from adapters.wfdb.comments import told
from adapters.wfdb.grouping import grouped, is_record
from adapters.wfdb.header import looks_like, parsed
from adapters.wfdb.record import Bundle, whole
from adapters.wfdb.waveform import waveform
from ecg.errors import MalformedPayload
from ecg.payload import Payload
from ecg.recording import Order, Provenance, Recording

MAX_STATEMENTS: Final = 200
# Endings of files that could hold signals which the header forgot, or an ECG by itself; annotations have others.
_SIGNAL_FILES: Final = frozenset({".dat", ".mat", ".edf", ".bdf", ".flac", ".xyz", ".bin"})
_ECG_FILES: Final = frozenset({".csv", ".dcm", ".scp", ".tsv", ".txt", ".xml"})


@dataclass(frozen=True)
class RecordReader:
    """Reads the one WFDB record of an archive, in the units of its header."""

    name: str = "WFDB record"

    def claims(self, payload: Payload) -> bool:
        """Claim an archive with one record and nothing else; a lone header too, so that its sender hears why not."""
        if is_archive(payload.data):
            return is_record(payload.data)
        return looks_like(payload.data)

    def read(self, payload: Payload) -> tuple[Recording, ...]:
        """Read the record; its name is nobody's identity.

        Raises:
            UnknownFormat: signals are in a format that is not read.
            AmbiguousPayload: sampling frequency, calibration or a lead's name is missing.
            MalformedPayload: header and files break the rules, or contradict each other or what was declared.
            TooLarge: it announces more than may come of it.
            Overloaded: there is no room for temporary files.
        """
        if not is_archive(payload.data):
            raise MalformedPayload("A WFDB header came alone: send header and signal files together in one zip.")
        held, declared = files(payload.data), payload.declared
        (record,), _ = grouped(held)
        header = parsed(held[record.header])
        bundle = Bundle(record.header, {name: held.pop(name) for name in record.parts})
        parts = whole(bundle, header)
        samples, notes = waveform(bundle, parts, declared, len(payload.data))
        if any(PurePosixPath(name).suffix.lower() in _SIGNAL_FILES | _ECG_FILES for name in record.beside):
            notes += ("A file beside the header, which does not name it, was left out.",)
        patient, statements = told(parts.comments)
        recording = Recording(
            waveform=samples,
            provenance=Provenance(self.name, notes=header.notes + notes),
            patient=agreed_patient(patient, declared.patient),
            order=agreed_order(Order(), declared.order),
            acquired_at=agreed_time(header.begun, declared.acquired_at),
            statements=statements[:MAX_STATEMENTS],
        )
        return (recording,)
