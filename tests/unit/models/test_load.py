"""Loading a model: whatever is missing, changed or does not fit is refused, by name, and nothing is ever unpickled."""

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from ecg.errors import ModelRefused
from ecg.report import report_id
from models.network import load
from tests.golden import networks
from tests.golden.reports import recording


def content(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def refusal(path: Path) -> str:
    """Return why the model is refused: one sentence that names no directory."""
    with pytest.raises(ModelRefused) as caught:
        load(path)
    message = str(caught.value)
    assert str(path.parent) not in message and "/tmp" not in message
    return message


def with_weights(directory: Path, data: bytes) -> Path:
    path = networks.write(directory)
    weights = {**content(path)["weights"], "sha256": hashlib.sha256(data).hexdigest()}
    (directory / networks.WEIGHTS).write_bytes(data)
    return networks.write_card(directory, {**content(path), "weights": weights})


def test_a_whole_model_loads_with_its_name_and_statements(tmp_path: Path) -> None:
    classifier = load(networks.write(tmp_path))
    assert (classifier.name.name, classifier.name.version) == ("tiny", "0.0.1")
    assert (
        classifier.digest
        == classifier.name.digest
        == hashlib.sha256((tmp_path / networks.CARD).read_bytes()).hexdigest()
    )
    assert "Not for patients." in classifier.name.statements
    assert "Trained on none 0, folds 1 to 2; thresholds and calibration tuned on fold 9." in classifier.name.statements


@pytest.mark.parametrize("at", [0, 200, -1])
def test_a_changed_byte_in_the_weights_is_refused(tmp_path: Path, at: int) -> None:
    path = networks.write(tmp_path)
    data = bytearray((tmp_path / networks.WEIGHTS).read_bytes())
    data[at] ^= 1
    (tmp_path / networks.WEIGHTS).write_bytes(data)
    assert networks.WEIGHTS in (said := refusal(path)) and "SHA-256" in said


def test_a_changed_card_is_another_model_and_another_report(tmp_path: Path) -> None:
    before = load(networks.write(tmp_path)).digest
    after = load(networks.write(tmp_path, version="0.0.2")).digest
    assert before != after
    ids = {report_id(recording(), models=each, release="1", settings="") for each in (before, after)}
    assert len(ids) == 2


def test_a_pickle_in_the_place_of_weights_is_refused_and_never_run(tmp_path: Path) -> None:
    planted = tmp_path / "planted"

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (planted,)

    pickle.loads(pickle.dumps(Hostile()))
    assert planted.exists()  # the trap works
    planted.unlink()
    torch.save({"classify.bias": Hostile()}, tmp_path / "hostile.pt")
    for data in (pickle.dumps(Hostile()), (tmp_path / "hostile.pt").read_bytes()):
        assert networks.WEIGHTS in refusal(with_weights(tmp_path, data))
        assert not planted.exists()


@pytest.mark.parametrize("name", [networks.WEIGHTS, networks.CARD])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    path = networks.write(tmp_path)
    (tmp_path / name).unlink()
    assert f"{name} cannot be read" in refusal(path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    other = networks.network().state_dict()
    less = {name: value for name, value in other.items() if name != "classify.bias"}
    more = {**other, "extra": torch.zeros(1)}
    wider = {**other, "classify.bias": torch.zeros(4)}
    for weights in (less, more, wider):
        assert f"{networks.WEIGHTS} do not fit" in refusal(with_weights(tmp_path, save(weights)))


@pytest.mark.parametrize(
    "shape",
    [
        {"widths": [8, 32]},
        {"widths": [8]},
        {"widths": [8, -16]},
        {"kernel": 7},
        {"kernel": "five"},
        {"outputs": 4},
        {"depth": 3},
    ],
)
def test_a_shape_that_does_not_fit_is_refused(tmp_path: Path, shape: dict[str, Any]) -> None:
    network = content(networks.write(tmp_path))["network"]
    network["shape"].update(shape)
    assert "tiny" in refusal(networks.write(tmp_path, network=network))


@pytest.mark.parametrize("codes", [["NORM", "MI"], ["NORM", "MI", "STTC", "CD"]])
def test_findings_and_outputs_must_agree(tmp_path: Path, codes: list[str]) -> None:
    said = refusal(networks.write(tmp_path, findings=[networks.finding(code) for code in codes]))
    assert said == f"The card tiny.json lists {len(codes)} findings for 3 outputs."


@pytest.mark.parametrize("file", ["../tiny.safetensors", "/etc/tiny.safetensors", "a/b.safetensors", "tiny.pt", ""])
def test_weights_lie_beside_their_card_and_nowhere_else(tmp_path: Path, file: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = networks.write(inner)
    networks.write(tmp_path)
    weights = {**content(path)["weights"], "file": file}
    assert refusal(networks.write_card(inner, {**content(path), "weights": weights})).endswith("'weights', 'file').")


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"surprise": 1}, "surprise"),
        ({"limits": {"least_agee": 18}}, "least_agee"),
        ({"limits": {"least_known": 0}}, "least_known"),
        ({"limits": {"leads": ["I", "V7"]}}, "V7"),
        ({"findings": [networks.finding("fever")] * 3}, "fever"),
        ({"findings": [networks.finding("MI", threshold=0)] * 3}, "threshold"),
        ({"findings": [networks.finding("MI", slope=-1)] * 3}, "slope"),
        ({"findings": [networks.finding("MI", positives=49)] * 3}, "positives"),
        ({"network": {"kind": "transformer", "shape": {}}}, "transformer"),
        ({"preparation": {"fs": 300, "cutoff": 45, "taps": 101}}, "300 Hz"),
    ],
)
def test_a_card_that_breaks_its_rules_is_refused(tmp_path: Path, changed: dict[str, Any], where: str) -> None:
    said = refusal(networks.write(tmp_path, **changed))
    assert networks.CARD in said and where in said


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_card_that_is_no_json_object_is_refused(tmp_path: Path, text: bytes) -> None:
    path = networks.write(tmp_path)
    path.write_bytes(text)
    assert networks.CARD in refusal(path)
