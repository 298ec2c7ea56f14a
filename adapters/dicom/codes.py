"""The codes of DICOM waveforms, each under its citation."""

from typing import Final

# PS3.4 B.5: SOP classes this package reads as ECG.
TWELVE_LEAD_ECG: Final = "1.2.840.10008.5.1.4.1.1.9.1.1"
SOP_CLASSES: Final = (TWELVE_LEAD_ECG,)
KEY_OBJECT_SELECTION: Final = "1.2.840.10008.5.1.4.1.1.88.59"  # in which a rejection note comes
# PS3.4 B.5: what every door for DICOM objects takes. Those that hold no ECG end there, as a PACS may forward all.
STORAGE_CLASSES: Final = {
    TWELVE_LEAD_ECG: "12-lead ECG Waveform Storage",
    "1.2.840.10008.5.1.4.1.1.9.1.2": "General ECG Waveform Storage",
    "1.2.840.10008.5.1.4.1.1.9.1.3": "Ambulatory ECG Waveform Storage",
    "1.2.840.10008.5.1.4.1.1.9.1.4": "General 32-bit ECG Waveform Storage",
    "1.2.840.10008.5.1.4.1.1.104.1": "Encapsulated PDF Storage",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture Image Storage",
    KEY_OBJECT_SELECTION: "Key Object Selection Document Storage",
}

# PS3.5 annex A and 10.1: the uncompressed transfer syntaxes.
IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE: Final = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"
TRANSFER_SYNTAXES: Final = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED_LITTLE, EXPLICIT_BIG)

# PS3.3 C.10.9.1.4.2 asks for UCUM in Channel Sensitivity Units.
# Millivolt per unit. UCUM is case-sensitive: MV is megavolt.
MILLIVOLT_PER_UNIT: Final = {"nV": 1e-6, "uV": 1e-3, "mV": 1.0, "V": 1e3}

# PS3.16 CID 3001, ECG Leads: MDC codes 2:n. SCP-ECG (EN 1064, 5.6.3) numbers the same leads alike, as 5.6.3-9-n.
_LEAD_NUMBERS: Final = {
    **{1: "I", 2: "II", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF", 65: "-aVR"},
    **{3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6"},
}
LEAD_BY_CODE: Final = {
    **{("MDC", f"2:{number}"): lead for number, lead in _LEAD_NUMBERS.items()},
    **{("SCPECG", f"5.6.3-9-{number}"): lead for number, lead in _LEAD_NUMBERS.items()},
}
# Cabrera's -aVR is aVR with its sign changed. Kligfield et al., Circulation 2007;115:1306.
INVERTED_AVR: Final = "-aVR"

# PS3.3 C.10.9: terms of Channel Status that say the channel recorded no patient.
NOT_MEASURED: Final = frozenset({"DISCONNECTED", "INVALID", "TEST DATA"})

# Words in Multiplex Group Label (free text) of a group that is an averaged beat, not a recording.
BEAT_LABELS: Final = ("MEDIAN", "BEAT", "TEMPLATE")
