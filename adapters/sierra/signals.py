"""The parsed waveforms of a Sierra document as leads in millivolt."""

import binascii
import math
import re
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from adapters.markup import attribute, text
from adapters.sierra.context import calculated_from
from adapters.sierra.xli import decoded
from adapters.voltage import checked_step
from ecg.errors import MalformedPayload, UnknownFormat
from ecg.leads import LEADS, LIMB_LEADS, lead_name
from ecg.payload import Declared
from ecg.recording import Waveform

MAX_LEADS: Final = 64
MAX_SAMPLES: Final = 8_000_000  # of one lead: an hour at 2000 Hz

_STANDARD_LEADS: Final = frozenset({"STD-12", "10-WIRE"})  # acquisition types whose channels are the twelve, in order
_FIGURE: Final = re.compile(r"[-+]?\d{1,9}(?:\.\d{1,9})?", re.ASCII)
# Limb leads come of the same electrodes, so that Einthoven's law holds but for filters and rounding.
_LIMB_ERROR: Final = 0.05  # mV, the median of |II - I - III|


def waveform(root: Element, declared: Declared) -> tuple[Waveform, tuple[str, ...]]:
    """Return the leads in their standard order, with notes on what was left out.

    Raises:
        MalformedPayload: figures are missing or absurd, the leads contradict each other, or what was declared.
        UnknownFormat: the samples are in an encoding or of leads that are not read here.
    """
    signals, waves = root.find("{*}dataacquisition/{*}signalcharacteristics"), root.find(".//{*}parsedwaveforms")
    if signals is None or waves is None:
        raise MalformedPayload("The document holds no parsed waveforms, or does not say what they are.")
    fs = _agreed("sampling rate", text(signals, "{*}samplingrate"), attribute(waves, "samplespersecond"))
    step = _agreed(
        "resolution",
        text(signals, "{*}resolution") or text(signals, "{*}signalresolution"),
        attribute(waves, "resolution"),
    )
    duration = _agreed("duration", attribute(waves, "durationperchannel"))
    _check_coding(signals, waves)
    checked_step(max(step, 0.0) / 1000)
    if not 0 < fs <= 100_000:
        raise MalformedPayload(f"{fs:g} Hz is the sampling frequency of no recorder.")
    if declared.fs not in (None, fs) or declared.unit not in (None, "uV"):
        raise MalformedPayload("The declared sampling frequency or unit and the file's disagree.")
    labels = _labels(signals, waves, declared)
    samples = round(duration * fs / 1000)
    if not 0 < samples <= MAX_SAMPLES:
        raise MalformedPayload(f"{samples} samples of a lead; 1 to {MAX_SAMPLES} are read.")
    counts = _counts(waves, labels, samples)
    ecg, notes = _without_calibration(counts, step, fs)
    order = sorted(range(len(labels)), key=lambda at: LEADS.index(labels[at]) if labels[at] in LEADS else len(LEADS))
    signal = (ecg[order] * (step / 1000)).astype(np.float32)
    leads = tuple(labels[at] for at in order)
    _check_limb_leads(signal, leads)
    if calculated_from(signals):
        leads = tuple(f"d{each}" for each in leads)
    return Waveform(signal, leads, fs), notes


def _counts(waves: Element, labels: list[str], samples: int) -> NDArray[np.int64]:
    """Return the counts of the converter, int64 (leads, samples)."""
    try:
        data = binascii.a2b_base64("".join((waves.text or "").split()), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedPayload("The samples are no Base64.") from error
    method = (attribute(waves, "compression") or attribute(waves, "compressmethod") or "").upper()
    if attribute(waves, "compressflag") == "False" or method in ("", "UNCOMPRESSED", "NONE"):
        if len(data) != 2 * samples * len(labels):
            raise MalformedPayload(f"{len(data)} bytes are not {len(labels)} leads of {samples} samples.")
        return np.frombuffer(data, "<i2").astype(np.int64).reshape(len(labels), samples)
    if method != "XLI":
        raise UnknownFormat("The samples are in a compression that is not read here.")
    chunks = decoded(data, samples)
    if len(chunks) < len(labels):
        raise MalformedPayload(f"{len(chunks)} leads are in the data, {len(labels)} announced.")
    return _with_limb_leads(np.stack(chunks[: len(labels)]), labels)  # what is above are channels without electrodes


def _with_limb_leads(counts: NDArray[np.int64], labels: list[str]) -> NDArray[np.int64]:
    """Turn what XLI keeps of III, aVR, aVL and aVF, how far they are from what I and II give, into the leads."""
    if tuple(labels[:6]) != LIMB_LEADS:
        raise UnknownFormat("XLI data that do not begin with the six limb leads in their order are not read here.")
    one, two, three, right, left, foot = counts[:6]
    three = two - one - three
    right = -right - (one + two) // 2
    left = (one - three) // 2 - left
    foot = (two + three) // 2 - foot
    return np.concatenate((np.stack((one, two, three, right, left, foot)), counts[6:]))


def _without_calibration(
    counts: NDArray[np.int64], step: float, fs: float
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Cut off the calibration pulse that many recorders append: 1 mV in every lead at once, with zeros around it."""
    height = round(1000 / step)
    same = (counts == counts[0]).all(axis=0) & ((counts[0] == 0) | (counts[0] == height))
    ecg = len(same) - int(np.argmin(same[::-1])) if not same.all() else 0
    pulse = int((counts[0, ecg:] == height).sum())
    if len(counts) < 2 or pulse < 0.05 * fs or counts[0, -1] != 0:
        return counts, ()
    return counts[:, :ecg], (f"A calibration pulse at the end, {(len(same) - ecg) / fs:.2f} s, was left out.",)


def _check_coding(signals: Element, waves: Element) -> None:
    """Hold what is said of the samples against what is read: signed, of 16 bits, around zero."""
    if (attribute(waves, "dataencoding") or "").upper() != "BASE64":
        raise UnknownFormat("The samples are in an encoding that is not read here; Base64 is.")
    bits = {attribute(waves, "bitspersample"), attribute(waves, "nbitspersample"), text(signals, "{*}bitspersample")}
    signed = {attribute(waves, "signalsigned"), text(signals, "{*}signalsigned")}
    offsets = {attribute(waves, "signaloffset"), text(signals, "{*}signaloffset")}
    if bits - {"16", None} or signed - {"True", None} or offsets - {"0", None}:
        raise UnknownFormat("The samples are not signed 16-bit integers around zero: not read here.")


def _labels(signals: Element, waves: Element, declared: Declared) -> list[str]:
    """Return the lead of each channel by the document's labels, else by the kind of acquisition."""
    kinds = {(text(signals, f"{{*}}{each}") or "").upper() for each in ("acquisitiontype", "leadset")}
    count = _agreed("number of leads", attribute(waves, "numberofleads") or text(signals, "{*}numberchannelsvalid"))
    labels = (attribute(waves, "leadlabels") or "").split() or (list(LEADS) if kinds & _STANDARD_LEADS else [])
    if not 1 <= count <= min(MAX_LEADS, len(labels)) or count != int(count):
        raise MalformedPayload(f"{count:g} leads are announced, {len(labels)} named.")
    names = [lead_name(each) or each for each in labels[: int(count)]]
    if declared.leads and [lead_name(each) or each for each in declared.leads] != names:
        raise MalformedPayload("The declared leads and the file's disagree.")
    if not set(names) & set(LEADS):
        raise MalformedPayload(f"None of the {len(names)} leads is one of the twelve.")
    return names


def _check_limb_leads(signal: NDArray[np.float32], leads: tuple[str, ...]) -> None:
    if leads[:3] != LEADS[:3] or not signal.shape[1]:
        return
    if (error := float(np.median(np.abs(signal[1] - signal[0] - signal[2])))) > _LIMB_ERROR:
        raise MalformedPayload(f"I, II and III contradict Einthoven's law by {error:.2f} mV.")


def _agreed(what: str, *written: str | None) -> float:
    """Return the one figure that is written in one or more places."""
    said = [each for each in written if each is not None]
    if not said or not all(_FIGURE.fullmatch(each) for each in said):
        raise MalformedPayload(f"The {what} is missing, or no number.")
    figures = {float(each) for each in said}
    if len(figures) > 1 or not math.isfinite(sum(figures)):
        raise MalformedPayload(f"The {what} is written in two places, and differently.")
    return figures.pop()
