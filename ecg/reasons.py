"""Every reason why no model reads a recording, by its code: what it means, and what the sender can do."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Reason:
    """What a code of an abstention means, and what whoever sent the ECG can do about it."""

    meaning: str
    remedy: str


_AGAIN: Final = "Check the electrode, its contact and its cable, and record again."
_PLACES: Final = "Record with the electrodes at the standard places: limb leads at the limbs, V1 to V6."

REASONS: Final[dict[str, Reason]] = {
    "age-below-limit": Reason(
        "The patient is younger than the models' youngest: 18 years.",
        "Nothing, if the age is right: no model here reads children. Else correct birth date or age, and send again.",
    ),
    "placement-right": Reason("Chest electrodes were placed on the right side, such as V4R.", _PLACES),
    "placement-posterior": Reason("Chest electrodes were placed on the back, V7 to V9.", _PLACES),
    "placement-easi": Reason("The twelve leads were derived from the EASI electrodes.", _PLACES),
    "placement-mason-likar": Reason("The limb electrodes were placed on the trunk (Mason-Likar).", _PLACES),
    "placement-frank": Reason("The leads are those of Frank, or were derived from them.", _PLACES),
    "placement": Reason("The electrodes were placed in another way that is not standard.", _PLACES),
    "paced": Reason(
        "Spikes of a pacemaker were seen, or the recorder states one.",
        "Nothing, if it is so: no model here reads paced rhythms. A physician reads it.",
    ),
    "digitised": Reason(
        "The signal was recovered from a page, and the model reads recordings only.",
        "Send the ECG as the recorder exports it.",
    ),
    "digital": Reason(
        "The only model for what it offers reads pages, and this is a recording.",
        "Send twelve leads of 10 s: other models read those.",
    ),
    "too-long": Reason("It is longer than 60 s.", "Send the stretch of interest, 10 s of it or more."),
    "too-short": Reason("It is shorter than 9.5 s.", "Record 10 s."),
    "sampling-too-low": Reason(
        "Its sampling frequency is below 100 Hz.", "Export it at the recorder's own rate, 500 Hz or more."
    ),
    "high-pass-too-high": Reason(
        "Its high-pass filter lies above 0.67 Hz, which changes the ST segment.",
        "Set the recorder to diagnostic mode: 0.05 Hz, or 0.67 Hz without phase distortion.",
    ),
    "low-pass-too-low": Reason(
        "Its low-pass filter lies below 40 Hz, which rounds QRS complexes.",
        "Set the recorder to diagnostic mode: 150 Hz.",
    ),
    "leads-missing": Reason(
        "A lead that the model needs is not there, or is known for less than 95 % of 10 s.",
        "Send all leads; a limb lead is derived where two others are there. Names must be standard ones.",
    ),
    "lead-flat": Reason("A lead is constant within 0.01 mV.", _AGAIN),
    "lead-saturated": Reason(
        "A lead stands at a rail of the recorder: the same highest or lowest value, again and again or for long.",
        "Wait until the baseline has settled, check contact and gain, and record again.",
    ),
    "lead-off": Reason(
        "A lead is constant for 2 s or longer, or shows something else instead of the beats that other leads show.",
        _AGAIN,
    ),
    "noise-wander": Reason(
        "The baseline of a lead wanders by more than 5 mV.", "Let the patient lie still, check contacts, record again."
    ),
    "noise-muscle": Reason(
        "Noise of muscle in a lead is above 0.12 mV.", "Let the patient relax and keep warm, and record again."
    ),
    "noise-mains": Reason(
        "Mains interference in a lead is above 0.5 mV.", "Keep mains cables away, check the earth, record again."
    ),
    "no-beats": Reason(
        "No heart beats stand out of the noise.",
        "Look at the patient first: this may be asystole or fibrillation. Else check all electrodes, record again.",
    ),
    "limb-reversal": Reason(
        "The leads look more like an ECG with limb electrodes exchanged: those at RA, LA and LL are probably swapped.",
        "Check the limb cables (R, L, F) and record again. If all are right, a physician reads it.",
    ),
    "out-of-distribution": Reason(
        "The beats look like none that the models were trained on.",
        "Check names and order of leads, gain (mV) and sampling frequency or paper speed, and send again. If all are"
        " right, a physician reads it.",
    ),
    "withdrawn": Reason("The report was withdrawn.", "Nothing: its notice says why."),
}

_PICTURE: Final = "Take it again from straight above, the whole page, in even light, without flash."
_EXPORT: Final = "Send the ECG as the recorder exports it."

# Every reason why a page is refused, by its code.
PAGES: Final[dict[str, Reason]] = {
    "no-ecg": Reason("There is no ECG on this page.", "Send the page with the ECG."),
    "no-grid": Reason("No grid was found, so that nothing tells the millimetres.", _PICTURE),
    "resolution-too-low": Reason("There are fewer than 2.2 pixels per millimetre.", "Scan it at 200 dpi or more."),
    "no-trace": Reason("No trace could be followed surely.", _PICTURE),
    "layout-unknown": Reason("Its leads could not be told from each other.", _EXPORT),
    "leads-disagree": Reason("I, II and III do not add up, so a trace must have been misread.", _PICTURE),
    "scale-disagrees": Reason(
        "Its calibration pulses, its print or its grid say different things about speed or gain.", _EXPORT
    ),
    "too-short": Reason("It shows less than 2.5 s of a rhythm.", _EXPORT),
    "protected": Reason("The PDF is encrypted.", "Send it without a password."),
    "damaged": Reason("The file is damaged, or breaks its format.", "Send it again from its source."),
    "too-large": Reason("It has more pixels or pages than are read here.", "Send one page, at most 100 megapixels."),
    "own-report": Reason("It is a report of this service, not an ECG.", _EXPORT),
    "too-hard": Reason("It could not be read within the time and memory that one page may take.", _EXPORT),
}
