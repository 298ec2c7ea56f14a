"""The guards as shipped: on real recordings of another corpus, as they are and changed; and how they are loaded."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg.canonical import CanonicalEcg, canonicalise
from ecg.errors import ModelRefused
from ecg.leads import LEADS
from ecg.ports import Guard
from ecg.quality import assess
from ecg.reading import Check
from ecg.recording import Waveform
from models.guards import GUARDS, load_guards
from models.swaps import LIMB_SWAPS

LUDB = Path(__file__).parents[4] / "shared" / "samples" / "ludb"
FS = 500.0
needs_ludb = pytest.mark.skipif(not LUDB.is_dir(), reason="needs LUDB's records under ../shared/samples")
NUMBERS = range(2, 101, 7)


@dataclass(frozen=True)
class Guards:
    """The shipped guards by the code of what they look for."""

    reversal: Guard
    outlier: Guard


@pytest.fixture(scope="module")
def guards() -> Guards:
    outlier, reversal = load_guards()
    return Guards(reversal, outlier)


@pytest.fixture(scope="module")
def signals() -> list[np.ndarray]:
    return [np.asarray(wfdb.rdrecord(str(LUDB / str(each))).p_signal.T, dtype=np.float32) for each in NUMBERS]


def checked(guard: Guard, signal: np.ndarray, leads: Sequence[str] = LEADS) -> Check | None:
    waveform = Waveform(signal.astype(np.float32), tuple(leads), FS)
    windows = canonicalise(waveform)
    return guard.check(windows, assess(windows, waveform))


def stopped(guard: Guard, signals: list[np.ndarray]) -> int:
    found = [checked(guard, signal) for signal in signals]
    return sum(each is not None and not each.passed for each in found)


@needs_ludb
def test_recordings_of_another_corpus_pass(guards: Guards, signals: list[np.ndarray]) -> None:
    assert stopped(guards.reversal, signals) <= 1 and stopped(guards.outlier, signals) <= 1


@needs_ludb
@pytest.mark.parametrize("swap", LIMB_SWAPS)
def test_swapped_limb_electrodes_are_told_in_another_corpus(
    guards: Guards, signals: list[np.ndarray], swap: str
) -> None:
    assert stopped(guards.reversal, [LIMB_SWAPS[swap] @ signal for signal in signals]) >= 0.7 * len(signals)


@needs_ludb
def test_the_reason_names_what_to_exchange(guards: Guards, signals: list[np.ndarray]) -> None:
    found = checked(guards.reversal, LIMB_SWAPS["RA and LA exchanged"] @ signals[0])
    assert found is not None and found.code == "limb-reversal" and "RA and LA exchanged" in found.reason


@needs_ludb
@pytest.mark.parametrize("changed", ["ten times the gain", "inverted", "the same in all leads"])
def test_what_is_no_such_ecg_is_told(guards: Guards, signals: list[np.ndarray], changed: str) -> None:
    made = {
        "ten times the gain": [signal * 10 for signal in signals],
        "inverted": [-signal for signal in signals],
        "the same in all leads": [np.repeat(signal[1:2], 12, axis=0) for signal in signals],
    }[changed]
    # At ten times the gain the noise of some is too much already for the quality gate, and no guard is asked.
    gated = sum(checked(guards.outlier, signal) is None for signal in made)
    assert stopped(guards.outlier, made) + gated >= 0.8 * len(made)


@needs_ludb
def test_where_a_lead_is_missing_or_nothing_beats_no_guard_judges(guards: Guards, signals: list[np.ndarray]) -> None:
    for guard in (guards.reversal, guards.outlier):
        assert checked(guard, signals[0][:11], LEADS[:11]) is None
        assert checked(guard, np.random.default_rng(0).standard_normal((12, 5000))) is None


@needs_ludb
def test_the_windows_of_a_recording_are_judged_together(guards: Guards, signals: list[np.ndarray]) -> None:
    one, three = checked(guards.reversal, signals[0]), checked(guards.reversal, np.tile(signals[0], (1, 3)))
    assert one is not None and three is not None and three.value == pytest.approx(one.value, abs=2.0)


def test_the_figures_on_the_cards_hold_what_is_asked() -> None:
    outlier, reversal = (guard.card for guard in load_guards())  # type: ignore[attr-defined]
    assert reversal.kind == "reversal" and outlier.kind == "outlier"
    assert reversal.figures["AUC, any exchange of two"] >= 0.96
    for card in (outlier, reversal):
        assert card.limit_fold not in card.train_folds
        assert card.figures_fold not in (*card.train_folds, card.limit_fold)


@pytest.mark.parametrize("kind", ["outlier", "reversal"])
def test_a_changed_byte_or_a_missing_file_is_refused(kind: str, tmp_path: Path) -> None:
    for path in GUARDS.glob(f"{kind}.*"):
        shutil.copy(path, tmp_path / path.name)
    assert len(load_guards(tmp_path)) == 1
    arrays = tmp_path / f"{kind}.safetensors"
    data = bytearray(arrays.read_bytes())
    data[-5] ^= 1
    arrays.write_bytes(data)
    with pytest.raises(ModelRefused, match="not those of their card"):
        load_guards(tmp_path)
    arrays.unlink()
    with pytest.raises(ModelRefused, match="cannot be loaded"):
        load_guards(tmp_path)


def test_no_window_is_no_judgement(guards: Guards) -> None:
    none: list[CanonicalEcg] = []
    assert guards.reversal.check(none, assess(none)) is None and guards.outlier.check(none, assess(none)) is None
