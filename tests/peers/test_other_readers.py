"""Readers and writers of other hands agree with ours: ecgdatakit, sierraecg, and BioSig's aECG.

Foreign programs get copies in a place of their own: some write where they were told to read.
"""

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.readers import read
from ecg.leads import LEADS, lead_name
from ecg.payload import Payload
from ecg.recording import Recording
from tests.golden.other_files import Coding, aecg, counts, scp, sierra

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT.parent / "shared" / "samples"
PEER = ROOT / ".peers" / "ecgdatakit" / "bin" / "python"
READER = Path(__file__).parent / "other_readers.py"
FILES = ("aecg/subject1_0.xml", "aecg/subject1_1.xml", "aecg/subject1_2.xml", "scp/Example.scp")
SIERRA = ("sierra/129DYPRG.XML", "sierra/3191723_ZZDEMOPTONLY_1-04_orig.xml")

needs_peer = pytest.mark.skipif(not PEER.exists(), reason="tests/peers/install.sh has not installed ecgdatakit")
needs_biosig = pytest.mark.skipif(shutil.which("save2gdf") is None, reason="no save2gdf: apt-get install biosig-tools")


def peers_microvolt(program: str, data: bytes, folder: Path, suffix: str) -> dict[str, NDArray[np.float64]]:
    """Return what a peer reads, float64 (samples,) in uV by the standard names of leads."""
    source, target = folder / f"source{suffix}", folder / "leads.npz"
    source.write_bytes(data)
    subprocess.run([PEER, READER, program, source, target], check=True, timeout=300, capture_output=True)
    with np.load(target) as held:
        return {lead_name(name) or name: held[name] for name in held}


def read_one(data: bytes) -> Recording:
    (recording,) = read(Payload(data))
    return recording


def agree(recording: Recording, theirs: dict[str, NDArray[np.float64]]) -> None:
    """Hold our leads against theirs, sample by sample; ours may end before a calibration pulse."""
    assert set(recording.waveform.leads) == set(LEADS) <= set(theirs)
    for lead, ours in zip(recording.waveform.leads, recording.waveform.signal, strict=True):
        np.testing.assert_allclose(ours * 1000.0, theirs[lead][: len(ours)], atol=1e-3, err_msg=lead)


@needs_peer
@pytest.mark.parametrize("name", [*FILES, *SIERRA])
def test_ecgdatakit_reads_the_same_microvolt(name: str, tmp_path: Path) -> None:
    path = SAMPLES / name
    if not path.is_file() or not path.stat().st_size:
        pytest.skip(f"no ../shared/samples/{name}, or it is empty")
    data = path.read_bytes()
    agree(read_one(data), peers_microvolt("ecgdatakit", data, tmp_path, path.suffix.lower()))


@needs_peer
@pytest.mark.parametrize("name", SIERRA)
def test_sierraecg_reads_the_same_microvolt(name: str, tmp_path: Path) -> None:
    if not (SAMPLES / name).is_file():
        pytest.skip(f"no ../shared/samples/{name}")
    data = (SAMPLES / name).read_bytes()
    theirs = peers_microvolt("sierraecg", data, tmp_path, ".xml")
    agree(read_one(data), theirs)
    ours = read_one(data).waveform.signal.shape[1]
    tails = np.stack([theirs[lead][ours:] for lead in LEADS])
    assert set(np.unique(tails)) == {0.0, 1000.0} and (tails == tails[0]).all(), "what we leave out is the pulse"


@needs_peer
@pytest.mark.parametrize(
    ("data", "suffix"),
    [
        (aecg(), ".xml"),
        (sierra(), ".xml"),
        *((scp(how=Coding(difference, huffman)), ".scp") for difference in (0, 1, 2) for huffman in (False, True)),
    ],
    ids=["aECG", "Sierra", *(f"SCP-ECG {at} {how}" for at in (0, 1, 2) for how in ("plain", "Huffman"))],
)
def test_what_our_tests_write_is_what_ecgdatakit_reads(data: bytes, suffix: str, tmp_path: Path) -> None:
    theirs = peers_microvolt("ecgdatakit", data, tmp_path, suffix)
    for lead, row in zip(LEADS, counts() * 5.0, strict=True):
        np.testing.assert_allclose(theirs[lead], row, atol=1e-6, err_msg=lead)
    agree(read_one(data), theirs)


@needs_biosig
def test_an_aecg_that_biosig_writes_is_read_to_its_last_digit(tmp_path: Path) -> None:
    source, target = tmp_path / "heart.edf", tmp_path / "heart.xml"
    source.write_bytes(edf(counts() * 5))
    subprocess.run(["save2gdf", "-f=HL7aECG", source, target], check=True, timeout=60, capture_output=True)
    recording = read_one(target.read_bytes())
    assert (recording.waveform.leads, recording.waveform.fs) == (LEADS, 500)
    np.testing.assert_allclose(recording.waveform.signal, counts() * 0.005, atol=1e-6)


def edf(microvolt: NDArray[np.int64]) -> bytes:
    """Return ten seconds of twelve leads, int64 (12, 5000) in uV, as EDF (Kemp et al., 1992)."""

    def fields(values: list[object], width: int) -> bytes:
        return b"".join(str(each).encode().ljust(width) for each in values)

    head = fields(["0"], 8) + fields(["X", "Y"], 80) + b"09.03.2414.30.05" + fields([256 * 13], 8) + b" " * 44
    head += fields([10, 1], 8) + fields([12], 4) + fields(list(LEADS), 16) + b" " * 80 * 12 + fields(["uV"] * 12, 8)
    head += b"".join(fields([limit] * 12, 8) for limit in (-32768, 32767, -32768, 32767))
    head += b" " * 80 * 12 + fields([500] * 12, 8) + b" " * 32 * 12
    blocks = microvolt.reshape(12, 10, 500).transpose(1, 0, 2).ravel()
    return head + struct.pack(f"<{blocks.size}h", *blocks.tolist())
