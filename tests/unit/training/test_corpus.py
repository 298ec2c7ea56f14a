"""The corpus: folds, near-duplicates, units and lead names, and the same scores as through the DICOM door."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from adapters.readers import read
from ecg.canonical import canonicalise
from ecg.leads import LEADS
from ecg.payload import Payload
from models.network import WEIGHTS, NetworkClassifier, load
from models.prepare import Preparation
from tests.golden import corpus as golden
from tests.golden import dicom_files, networks
from training.corpus import Corpus, Entry, prepared

PTBXL = Path(__file__).parents[3] / ".." / "shared" / "ptbxl"
ROWS = golden.rows(per_fold=2)
FIRST, SECOND, NINTH = ROWS[0], ROWS[2], ROWS[16]  # of folds 1, 2 and 9


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(golden.write(tmp_path / "corpus", ROWS, [(FIRST, NINTH), (ROWS[1], SECOND)]))


@pytest.fixture
def classifier(tmp_path: Path) -> NetworkClassifier:
    """The shipped model, or a tiny one where none is shipped yet."""
    shipped = WEIGHTS / "twelve-lead.json"
    return load(shipped if shipped.exists() else networks.write(tmp_path))


def ids(entries: tuple[Entry, ...]) -> list[int]:
    return [entry.ecg_id for entry in entries]


def test_folds_are_chosen_by_their_number(corpus: Corpus) -> None:
    assert ids(corpus.fold(3)) == [5, 6]
    assert ids(corpus.fold(1, 10)) == [1, 2, 19, 20]
    assert corpus.fold(11) == ()


def test_a_twin_beyond_the_split_is_left_out_of_training_but_not_of_evaluation(corpus: Corpus) -> None:
    folds = range(1, 9)
    assert set(ids(corpus.fold(*folds))) - set(ids(corpus.training(folds))) == {FIRST.ecg_id}
    assert NINTH.ecg_id in ids(corpus.fold(9))
    assert ROWS[1].ecg_id not in ids(corpus.training([1])) and SECOND.ecg_id not in ids(corpus.training([2]))


def test_without_a_table_of_twins_nothing_is_left_out(tmp_path: Path) -> None:
    plain = Corpus(golden.write(tmp_path / "plain", ROWS))
    assert plain.training([1, 2]) == plain.fold(1, 2)


@pytest.mark.parametrize("fs", [100, 500])
def test_signals_come_in_millivolt_by_the_standard_names(tmp_path: Path, fs: int) -> None:
    source = Corpus(golden.write(tmp_path / "both", ROWS[:2], high_rate=True), high_rate=fs == 500)
    waveform = source.waveform(source.entries[1])
    assert (waveform.leads, waveform.fs, waveform.signal.shape) == (LEADS, fs, (12, 10 * fs))
    np.testing.assert_allclose(waveform.signal, golden.signal(ROWS[1], fs).T, atol=1e-6)


def test_another_unit_is_the_same_signal(corpus: Corpus) -> None:
    entry = corpus.entries[0]
    before = corpus.waveform(entry).signal
    header = (corpus.directory / entry.signal).with_suffix(".hea")
    header.write_text(header.read_text().replace("1000.0(0)/mV", "1.0(0)/uV"))
    assert "uV" in header.read_text()
    np.testing.assert_allclose(corpus.waveform(entry).signal, before, atol=1e-6)


def test_leads_go_by_name_and_not_by_place(corpus: Corpus) -> None:
    entry = corpus.entries[0]
    before = corpus.window(entry).signal
    header = (corpus.directory / entry.signal).with_suffix(".hea")
    swapped = header.read_text().replace(" V1\n", " X\n").replace(" V6\n", " V1\n").replace(" X\n", " V6\n")
    header.write_text(swapped)
    after = corpus.window(entry).signal
    np.testing.assert_array_equal(after[[6, 11]], before[[11, 6]])
    np.testing.assert_array_equal(after[[*range(6), *range(7, 11)]], before[[*range(6), *range(7, 11)]])


def test_prepared_tensors_are_kept_and_are_those_of_the_service(corpus: Corpus, tmp_path: Path) -> None:
    entries = corpus.fold(1)
    made = prepared(corpus, entries, Preparation(), tmp_path / "cache")
    assert made.shape == (2, 12, 1000) and made.dtype == np.float32
    assert [each.suffix for each in (tmp_path / "cache").iterdir()] == [".npy"]
    shutil.rmtree(corpus.directory / "records100")
    np.testing.assert_array_equal(prepared(corpus, entries, Preparation(), tmp_path / "cache"), made)
    with pytest.raises(FileNotFoundError):
        prepared(corpus, corpus.fold(2), Preparation(), tmp_path / "cache")


def through_dicom(classifier: NetworkClassifier, microvolts: np.ndarray, fs: int) -> np.ndarray:
    dataset = dicom_files.twelve_lead_dataset(microvolts.astype(np.int16), fs=fs)
    (recording,) = read(Payload(dicom_files.to_bytes(dataset), "application/dicom"))
    return classifier.probabilities(classifier.logits([canonicalise(recording.waveform)[0]]))


def through_corpus(classifier: NetworkClassifier, source: Corpus, entry: Entry) -> np.ndarray:
    return classifier.probabilities(classifier.logits([source.window(entry)]))


@pytest.mark.parametrize("fs", [100, 500])
def test_a_recording_scores_the_same_through_the_corpus_and_as_dicom(
    tmp_path: Path, classifier: NetworkClassifier, fs: int
) -> None:
    source = Corpus(golden.write(tmp_path / "both", ROWS[:2], high_rate=True), high_rate=fs == 500)
    for row, entry in zip(ROWS, source.entries, strict=False):
        microvolts = np.rint(golden.signal(row, fs) * 1000)
        expected = through_corpus(classifier, source, entry)
        np.testing.assert_allclose(through_dicom(classifier, microvolts, fs), expected, atol=1e-4)


def unpacker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("unpack", PTBXL / "unpack.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not PTBXL.exists(), reason="PTB-XL is not beside the project")
def test_real_recordings_score_the_same_through_the_corpus_and_as_dicom(
    tmp_path: Path, classifier: NetworkClassifier
) -> None:
    unpack = unpacker()
    for table in ("ptbxl_database.csv", "scp_statements.csv"):
        (tmp_path / table).symlink_to((PTBXL / table).resolve())
    source = Corpus(tmp_path)
    entries = source.fold(9)
    signals = unpack.unpack_fold(PTBXL / "signals" / "fold09.xz", len(entries))
    for entry, signal in list(zip(entries, signals, strict=True))[:400:80]:
        stem = tmp_path / entry.signal
        stem.parent.mkdir(parents=True, exist_ok=True)
        stem.with_suffix(".dat").write_bytes(np.ascontiguousarray(signal.T).tobytes())
        stem.with_suffix(".hea").write_text(unpack.header(stem.name, signal))
        np.testing.assert_allclose(source.waveform(entry).signal, signal / 1000, atol=1e-6)
        expected = through_corpus(classifier, source, entry)
        np.testing.assert_allclose(through_dicom(classifier, signal.T, 100), expected, atol=1e-4)
