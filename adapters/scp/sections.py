"""The sections of an SCP-ECG record, each found by its pointer and proved by its checksum (EN 1064, 5.2 to 5.3)."""

import binascii
import struct
from dataclasses import dataclass, field
from typing import Final

from ecg.errors import MalformedPayload

PREAMBLE: Final = 6  # bytes: the checksum of all that follows (2), the length of the record (4)
HEADER: Final = 16  # bytes: checksum (2), section (2), length (4), versions of section and protocol (1 each), reserved
POINTER: Final = 10  # bytes in section 0: section (2), length (4), place counted from 1 (4)
FIRST_POINTER: Final = PREAMBLE + HEADER
# 5.3.3: what stands in the reserved bytes of section 0 from protocol 1.3 on.
MARK: Final = b"SCPECG"
STANDARD: Final = range(12)  # sections of the standard; those above are a manufacturer's, or long-term data


@dataclass(frozen=True)
class Section:
    """One section: what follows its header, and the version of the protocol that it is written by, times ten."""

    data: bytes = field(repr=False)
    protocol: int

    def u8(self, at: int) -> int:
        """Return the byte at a place."""
        return int(self._unpacked("<B", at))

    def u16(self, at: int) -> int:
        """Return the unsigned 16-bit integer at a place."""
        return int(self._unpacked("<H", at))

    def i16(self, at: int) -> int:
        """Return the signed 16-bit integer at a place."""
        return int(self._unpacked("<h", at))

    def u32(self, at: int) -> int:
        """Return the unsigned 32-bit integer at a place."""
        return int(self._unpacked("<I", at))

    def part(self, at: int, size: int) -> bytes:
        """Return so many bytes from a place.

        Raises:
            MalformedPayload: the section ends before.
        """
        if at + size > len(self.data):
            raise MalformedPayload(f"A section of {len(self.data)} bytes is cut short: {at + size} are needed.")
        return self.data[at : at + size]

    def _unpacked(self, kind: str, at: int) -> int:
        return int(struct.unpack(kind, self.part(at, struct.calcsize(kind)))[0])


def is_record(data: bytes) -> bool:
    """Say by the structure at its beginning whether it is a record: section 0 stands first, and points to itself."""
    if len(data) < FIRST_POINTER + POINTER:
        return False
    section, length = struct.unpack_from("<HI", data, PREAMBLE + 2)
    itself = struct.unpack_from("<HII", data, FIRST_POINTER)
    well = section == 0 and length > HEADER and (length - HEADER) % POINTER == 0
    return well and (data[16:22] == MARK or itself == (0, length, PREAMBLE + 1))


def sections(data: bytes) -> dict[int, Section]:
    """Return the sections of a record by their numbers, their checksums proved.

    Raises:
        MalformedPayload: lengths, pointers or checksums are not those of the bytes.
    """
    checksum, length = struct.unpack_from("<HI", data, 0)
    if length != len(data):
        raise MalformedPayload(f"The record says that it has {length} bytes; there are {len(data)}.")
    if _crc(data[2:]) != checksum:
        raise MalformedPayload("The record's checksum is not that of its bytes.")
    pointers = _section(data, 0, struct.unpack_from("<I", data, PREAMBLE + 4)[0], PREAMBLE)
    found: dict[int, Section] = {}
    for at in range(0, len(pointers.data) - POINTER + 1, POINTER):
        number, size, place = pointers.u16(at), pointers.u32(at + 2), pointers.u32(at + 6)
        if not size or number == 0:
            continue
        if number in found:
            raise MalformedPayload(f"Section {number} stands twice.")
        if number in STANDARD:
            found[number] = _section(data, number, size, place - 1)
    return found


def _section(data: bytes, number: int, size: int, at: int) -> Section:
    if at < PREAMBLE or size < HEADER or at + size > len(data):
        raise MalformedPayload(f"Section {number} of {size} bytes does not lie within the record.")
    whole = data[at : at + size]
    checksum, said, length = struct.unpack_from("<HHI", whole, 0)
    if (said, length) != (number, size):
        raise MalformedPayload(f"Section {number} is not where the record says, or not as long.")
    if _crc(whole[2:]) != checksum:
        raise MalformedPayload(f"The checksum of section {number} is not that of its bytes.")
    return Section(whole[HEADER:], whole[9])


def _crc(data: bytes) -> int:
    """Return the checksum of EN 1064, 5.2.7: CRC-CCITT, beginning with 0xFFFF."""
    return binascii.crc_hqx(data, 0xFFFF)
