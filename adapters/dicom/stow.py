"""STOW-RS as its origin server (PS3.18 10.5): what becomes of each object, by the statuses of a C-STORE."""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset

from adapters.dicom import statuses
from adapters.dicom.codes import JPEG_BASELINE, STORAGE_CLASSES, transfer_syntaxes
from adapters.dicom.elements import UNREADABLE, is_part10, parse, sop_class, transfer_syntax
from adapters.dicom.values import unique_identifier
from ecg.payload import Payload

_LOG = logging.getLogger(__name__)

_NAMES: Final = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")


@dataclass(frozen=True)
class Stored:
    """What became of one object.

    Attributes:
        sop_class, instance: its UIDs; '' where it names none.
        status: 0 if it is stored; anything else is its Failure Reason (PS3.18 table I.2-2).
    """

    sop_class: str
    instance: str
    status: int


def store(data: bytes, study: str, accept: Callable[[Payload], object]) -> Stored:
    """Hand on one object as the DICOM listener does. Never raises.

    Args:
        data: the object as a DICOM file.
        study: UID of the study that it must belong to; '' for any.
        accept: keeps it durably, or raises; its error becomes the status.
    """
    if not is_part10(data):
        return Stored("", "", statuses.CANNOT_UNDERSTAND)
    try:
        if transfer_syntax(data) not in transfer_syntaxes(sop_class(data)):
            return Stored("", "", statuses.SYNTAX_NOT_SUPPORTED)
        item = parse(data, (JPEG_BASELINE,))
        kind, instance, belongs = (unique_identifier(item.text(each)) for each in _NAMES)
    except UNREADABLE:
        return Stored("", "", statuses.CANNOT_UNDERSTAND)
    if not (kind and instance):
        return Stored("", "", statuses.CANNOT_UNDERSTAND)
    if kind not in STORAGE_CLASSES:
        return Stored(kind, instance, statuses.CLASS_NOT_SUPPORTED)
    if study and belongs != study:
        return Stored(kind, instance, statuses.DOES_NOT_MATCH_CLASS)
    try:
        accept(Payload(data, "application/dicom"))
    except Exception as error:  # the outermost boundary of one object, as in the listener: the others go on
        if (status := statuses.status_of(error)) == statuses.FAILED:  # an error's text may hold what was sent
            _LOG.error("STOW-RS failed: %s.", type(error).__name__)
        return Stored(kind, instance, status)
    return Stored(kind, instance, statuses.SUCCESS)


def is_study(text: str) -> bool:
    """Say whether a text is a UID."""
    return bool(unique_identifier(text))


def response(objects: Sequence[Stored]) -> bytes:
    """Return the Store Instances Response Module as DICOM JSON (PS3.18 table I.1-1).

    There is no Retrieve URL (0008,1190): nothing that is stored here is given back.
    """
    dataset = Dataset()
    dataset.RetrieveURL = None
    if stored := [each for each in objects if each.status == statuses.SUCCESS]:
        dataset.ReferencedSOPSequence = [_item(each) for each in stored]
    failed = [each for each in objects if each.status != statuses.SUCCESS]
    if named := [each for each in failed if each.instance]:
        dataset.FailedSOPSequence = [_item(each) for each in named]
    if others := [each for each in failed if not each.instance]:
        dataset.OtherFailuresSequence = [_item(each) for each in others]
    return json.dumps(dataset.to_json_dict()).encode()


def all_stored(objects: Iterable[Stored]) -> bool:
    """Say whether every object is stored."""
    return all(each.status == statuses.SUCCESS for each in objects)


def none_stored(objects: Iterable[Stored]) -> bool:
    """Say whether no object is stored."""
    return all(each.status != statuses.SUCCESS for each in objects)


def out_of_resources(objects: Iterable[Stored]) -> bool:
    """Say whether every object was refused for want of room: the same request may succeed later."""
    return all(each.status == statuses.OUT_OF_RESOURCES for each in objects)


def _item(of: Stored) -> Dataset:
    item = Dataset()
    if of.instance:
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = of.sop_class, of.instance
    if of.status == statuses.SUCCESS:
        item.RetrieveURL = None
    else:
        item.FailureReason = of.status
    return item
