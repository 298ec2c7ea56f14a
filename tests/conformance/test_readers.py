"""What every reader promises; a new one is held to it by standing in READERS and GOLDEN, without an edit here."""

import os
import time
import tracemalloc
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.formats import FORMATS
from adapters.readers import PAGES, READERS, WRAPPERS, read, unwrapped
from ecg.canonical import canonicalise
from ecg.errors import PayloadError, UnknownFormat
from ecg.leads import LEADS
from ecg.payload import Payload
from ecg.ports import Reader, Wrapper
from ecg.recording import Recording
from tests.golden.payloads import GOLDEN, WRAPPED

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "500"))
FUZZ = settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), print_blob=True)
MEGABYTE = 1024 * 1024

each_reader = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)


@cache
def golden(reader: Reader) -> Payload:
    return GOLDEN[reader.name]()


@cache
def wrapped(wrapper: Wrapper) -> Payload:
    return WRAPPED[wrapper.name]()


def secrets(recordings: tuple[Recording, ...]) -> set[str]:
    """Return what names the patient and is long enough to be told from chance."""
    return {
        text
        for each in recordings
        for text in (each.patient.name, each.patient.id)
        if text is not None and len(text) > 3
    }


def tells(error: BaseException, words: frozenset[str]) -> bool:
    return any(word in f"{error!s} {error!r}" for word in words)


@cache
def usual(reader: Reader) -> tuple[float, frozenset[str]]:
    """Return the seconds of the processor that its golden payload takes, and what names the patient in it."""
    payload = golden(reader)
    began = time.thread_time()  # not the clock's: the machine may have other work
    recordings = read(payload)
    return time.thread_time() - began, frozenset(secrets(recordings))


@each_reader
def test_it_has_one_golden_payload_that_no_other_reader_claims(reader: Reader) -> None:
    assert [each.name for each in READERS if each.claims(golden(reader))] == [reader.name]
    assert not any(each.claims(golden(reader)) for each in WRAPPERS)


def test_no_golden_payload_is_left_without_a_reader() -> None:
    assert sorted(GOLDEN) == sorted(each.name for each in READERS)


def test_each_has_a_row_among_the_formats_and_each_proof_is_there() -> None:
    assert sorted(FORMATS) == sorted([*GOLDEN, *WRAPPED]) and sorted(WRAPPED) == sorted(each.name for each in WRAPPERS)
    root = Path(__file__).parents[2]
    assert all(row.proofs and all((root / each).is_file() for each in row.proofs) for row in FORMATS.values())


@each_reader
def test_it_gives_recordings_with_plausible_waveforms_under_canonical_names(reader: Reader) -> None:
    recordings = reader.read(golden(reader))
    assert isinstance(recordings, tuple) and recordings
    for recording in recordings:
        waveform = recording.waveform
        heights = np.nanmax(waveform.signal, axis=1) - np.nanmin(waveform.signal, axis=1)
        assert 0.1 < np.nanmedian(heights) < 10, "median peak to peak in mV: is the unit right?"
        assert 50 <= waveform.fs <= 2000 and 2.5 <= waveform.seconds <= 3600
        assert set(waveform.leads) & set(LEADS)
        assert [each for each in waveform.leads if each in LEADS] == [each for each in LEADS if each in waveform.leads]
        assert recording.provenance.reader == reader.name
        windows = canonicalise(waveform)
        assert windows and all(window.mask.any() for window in windows)


@each_reader
def test_it_is_pure(reader: Reader) -> None:
    payload = golden(reader)
    before, digest = bytes(bytearray(payload.data)), payload.sha256
    first, second = reader.read(payload), reader.read(payload)
    assert payload.data == before and Payload(payload.data).sha256 == digest
    for one, other in zip(first, second, strict=True):
        assert one.waveform.signal.tobytes() == other.waveform.signal.tobytes()
        assert (one.waveform.leads, one.waveform.fs) == (other.waveform.leads, other.waveform.fs)
        assert replace(one, waveform=other.waveform) == other


@each_reader
def test_its_signals_cannot_be_written_to(reader: Reader) -> None:
    for recording in reader.read(golden(reader)):
        with pytest.raises(ValueError, match="read-only"):
            recording.waveform.signal[0, 0] = 1


@each_reader
def test_no_repr_names_the_patient(reader: Reader) -> None:
    payload = golden(reader)
    recordings = reader.read(payload)
    for word in secrets(recordings):
        assert word not in f"{recordings!r} {payload!r} {payload!s}"


@each_reader
def test_it_warns_of_nothing_on_its_golden_payload(reader: Reader, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.read(golden(reader))
    assert not caplog.records


@each_reader
def test_it_needs_at_most_ten_times_its_input_and_100_mb(reader: Reader) -> None:
    payload = golden(reader)
    tracemalloc.start()
    reader.read(payload)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * len(payload.data) + 100 * MEGABYTE


@FUZZ
@given(data=st.binary(min_size=1, max_size=512))
def test_random_bytes_are_claimed_by_none_or_refused(data: bytes) -> None:
    payload = Payload(data)
    claimed = [each.claims(payload) for each in (*READERS, *WRAPPERS)]
    assert all(isinstance(each, bool) for each in claimed)
    with pytest.raises(PayloadError if any(claimed) else UnknownFormat):
        [read(each) for each in unwrapped(payload)]


@each_reader
def test_the_first_bytes_alone_are_refused(reader: Reader) -> None:
    data = golden(reader).data
    for length in range(1, 400):
        payload = Payload(data[:length])
        assert isinstance(reader.claims(payload), bool)
        with pytest.raises(PayloadError):
            [read(each) for each in unwrapped(payload)]


@each_reader
def test_a_payload_cut_short_is_refused_or_still_a_recording(reader: Reader) -> None:
    payload, (_, words) = golden(reader), usual(reader)
    for length in np.linspace(400, len(payload.data) - 1, 15 if reader is PAGES else 150).astype(int):
        hold_to_contract(replace(payload, data=payload.data[:length]), words, limit=5)


@each_reader
@FUZZ
@given(draw=st.data())
def test_a_mutated_payload_is_refused_or_still_a_recording_within_time(reader: Reader, draw: st.DataObject) -> None:
    if reader is PAGES and draw.draw(st.integers(0, 24)):  # it takes a second, in a process of its own
        return
    payload, (seconds, words) = golden(reader), usual(reader)
    mutated = bytearray(payload.data)
    for _ in range(draw.draw(st.integers(1, 4))):
        mutate(mutated, draw)
    hold_to_contract(replace(payload, data=bytes(mutated) or b"\0"), words, limit=10 * seconds + 1)


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=lambda wrapper: wrapper.name)
def test_a_wrapping_is_claimed_by_one_wrapper_and_comes_off(wrapper: Wrapper) -> None:
    payload = wrapped(wrapper)
    assert [each.name for each in WRAPPERS if each.claims(payload)] == [wrapper.name]
    inner = unwrapped(payload)
    assert inner and payload not in inner


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=lambda wrapper: wrapper.name)
@FUZZ
@given(draw=st.data())
def test_a_mutated_wrapping_is_refused_or_still_one(wrapper: Wrapper, draw: st.DataObject) -> None:
    mutated = bytearray(wrapped(wrapper).data)
    for _ in range(draw.draw(st.integers(1, 4))):
        mutate(mutated, draw)
    hold_to_contract(Payload(bytes(mutated) or b"\0"), frozenset({"Example^Eve"}), limit=5)


def mutate(data: bytearray, draw: st.DataObject) -> None:
    """Flip, overwrite, delete or repeat some bytes; half the time near the start, where the structure stands."""
    if not data:
        return
    reach = draw.draw(st.sampled_from([min(len(data), 4096), len(data)]))
    at, span = draw.draw(st.integers(0, reach - 1)), draw.draw(st.integers(1, 64))
    match draw.draw(st.sampled_from(["flip", "overwrite", "delete", "repeat"])):
        case "flip":
            data[at] ^= 1 << draw.draw(st.integers(0, 7))
        case "overwrite":
            data[at : at + span] = draw.draw(st.binary(min_size=1, max_size=8)) * (span // 8 + 1)
        case "delete":
            del data[at : at + span]
        case "repeat":
            data[at:at] = data[at : at + span]


def hold_to_contract(payload: Payload, words: frozenset[str], limit: float) -> None:
    began = time.thread_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            recordings = tuple(found for each in unwrapped(payload) for found in read(each))
        except PayloadError as error:
            assert not tells(error, words), "the message names the patient"
        else:
            assert recordings and all(isinstance(each, Recording) for each in recordings)
            assert all(canonicalise(each.waveform) for each in recordings)
    assert time.thread_time() - began < limit, f"took longer than {limit:.1f} s"
