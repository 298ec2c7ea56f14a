"""The codes of DICOM waveforms, each under its citation."""

from typing import Final

from adapters.leads import PLACEMENT_BY_NUMBER
from ecg.leads import LEADS
from ecg.recording import STANDARD

# PS3.4 B.5: SOP classes this package reads as ECG.
TWELVE_LEAD_ECG: Final = "1.2.840.10008.5.1.4.1.1.9.1.1"
GENERAL_ECG: Final = "1.2.840.10008.5.1.4.1.1.9.1.2"
AMBULATORY_ECG: Final = "1.2.840.10008.5.1.4.1.1.9.1.3"
GENERAL_32_BIT_ECG: Final = "1.2.840.10008.5.1.4.1.1.9.1.4"
# What each class allows of Waveform Sample Interpretation (PS3.3 A.34.3 to A.34.5; Supplement 237 for 32 bits). All are
# signed and linear: unsigned samples, mu-law (MB) and A-law (AB) belong to classes that are no ECG.
SAMPLE_KINDS: Final = {
    TWELVE_LEAD_ECG: ("SS",),
    GENERAL_ECG: ("SS",),
    AMBULATORY_ECG: ("SB", "SS"),
    GENERAL_32_BIT_ECG: ("SS", "SL"),
}
SOP_CLASSES: Final = tuple(SAMPLE_KINDS)
# PS3.3 C.10.9.1.5: bits of a sample by its interpretation.
BITS: Final = {"SB": 8, "SS": 16, "SL": 32}
ENCAPSULATED_PDF: Final = "1.2.840.10008.5.1.4.1.1.104.1"
SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
COMPREHENSIVE_SR: Final = "1.2.840.10008.5.1.4.1.1.88.33"
KEY_OBJECT_SELECTION: Final = "1.2.840.10008.5.1.4.1.1.88.59"  # in which a rejection note comes
# PS3.4 B.5: what every door for DICOM objects takes. Those that hold no ECG end there, as a PACS may forward all.
STORAGE_CLASSES: Final = {
    TWELVE_LEAD_ECG: "12-lead ECG Waveform Storage",
    GENERAL_ECG: "General ECG Waveform Storage",
    AMBULATORY_ECG: "Ambulatory ECG Waveform Storage",
    GENERAL_32_BIT_ECG: "General 32-bit ECG Waveform Storage",
    ENCAPSULATED_PDF: "Encapsulated PDF Storage",
    SECONDARY_CAPTURE: "Secondary Capture Image Storage",
    COMPREHENSIVE_SR: "Comprehensive SR Storage",
    KEY_OBJECT_SELECTION: "Key Object Selection Document Storage",
}

# PS3.5 annex A and 10.1: the uncompressed transfer syntaxes.
IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"
JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"  # PS3.5 A.4.1; of a document's picture only
TRANSFER_SYNTAXES: Final = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED_LITTLE, EXPLICIT_BIG)


def transfer_syntaxes(sop_class: str) -> tuple[str, ...]:
    """Return in which transfer syntaxes an object of a class is taken: a picture also as JPEG."""
    return (*TRANSFER_SYNTAXES, JPEG_BASELINE) if sop_class == SECONDARY_CAPTURE else TRANSFER_SYNTAXES


# PS3.16 CID 3001, ECG Leads: MDC codes 2:n, of which 131072 + n is another way to write; SCP-ECG writes 5.6.3-9-n.
LEAD_SCHEMES: Final = {"MDC": (("2:", 0), ("", -131072)), "SCPECG": (("5.6.3-9-", 0),)}
# Unspecified, chest and precordial lead: these leave it to the text.
VAGUE_LEADS: Final = frozenset({0, 86, 87})

# PS3.3 C.10.9: terms of Channel Status that say the channel recorded no patient.
NOT_MEASURED: Final = frozenset({"DISCONNECTED", "INVALID", "TEST DATA"})

# Words in Multiplex Group Label (free text) of a group that is an averaged beat, not a recording.
BEAT_LABELS: Final = ("MEDIAN", "BEAT", "TEMPLATE")

# PS3.16 CID 3263, Electrode Placement Values: MDC codes 10:n. SCP-ECG (5.4.5, tag 33) has the first of them, from 11264
# on, as 5.4.5-33-1-n. The systems that are not here leave the electrodes of the twelve leads open.
PLACEMENT_SCHEMES: Final = {"MDC": (("10:", 0),), "SCPECG": (("5.4.5-33-1-", 11264),)}
PLACEMENTS: Final = {
    **{11264 + number: placement for number, placement in PLACEMENT_BY_NUMBER.items()},
    **dict.fromkeys((11286, 11287, 11288, 11289, 11290, 11291, 11292), STANDARD),
    **{11271: "limb leads on the back", 11272: "one intercostal space higher", 11283: "Frank", 11284: "EASI"},
    11285: "fewer chest leads",
}
# Of these systems the leads were calculated from others, not measured.
DERIVED: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("Frank", "non-standard", "EASI"), LEADS),
    "fewer chest leads": LEADS[6:],
}
