"""Grad-CAM and saliency: equal to a calculation by hand and to captum, at the right time, and made by the weights."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam, Saliency
from safetensors.torch import load_file
from scipy.stats import spearmanr
from torch import Tensor, nn

from ecg.canonical import SAMPLES, canonicalise
from models import explain
from models.card import read_card
from models.nets.resnet1d import ResNet1d
from models.network import WEIGHTS, build
from models.prepare import Preparation, Prepare
from tests.golden import networks
from tests.golden.reports import waveform

SHIPPED = WEIGHTS / "twelve-lead.json"
CELL = 80  # canonical samples per cell of 63: a stride of 16 at 100 Hz

FEATURES = torch.tensor([[[1.0, 2.0, 4.0, 1.0], [3.0, 0.0, 1.0, 2.0]]])  # 2 channels x 4 times


def pooled(features: Tensor) -> Tensor:
    return torch.cat([features.mean(dim=-1), features.amax(dim=-1)], dim=1)


def signal(seed: int = 0, time: int = 200) -> Tensor:
    return torch.randn(1, 12, time, generator=torch.Generator().manual_seed(seed))


def test_grad_cam_through_mean_pooling_is_what_the_hand_finds() -> None:
    # logit = 8 mean(A1) - 4 mean(A2); d/dA1 = 8/4 = 2 and d/dA2 = -4/4 = -1 at each of the 4 times, so these are the
    # weights. Map = relu(2 A1 - A2) = relu([2-3, 4-0, 8-1, 2-2]) = [0, 4, 7, 0].
    def head(features: Tensor) -> Tensor:
        return features.mean(dim=-1) @ torch.tensor([[8.0], [-4.0]])

    assert explain.grad_cam(head, FEATURES, 0).tolist() == [0.0, 4.0, 7.0, 0.0]


def test_grad_cam_through_mean_and_maximum_is_what_the_hand_finds() -> None:
    # logit 1 = 8 mean(A1) - 4 mean(A2) + 4 max(A1) + 8 max(A2).
    # d/dA1 = [2, 2, 2 + 4, 2], mean 3;  d/dA2 = [-1 + 8, -1, -1, -1], mean 1.
    # Map = relu(3 A1 + A2) = [3+3, 6+0, 12+1, 3+2] = [6, 6, 13, 5]. The other logit, its negative, has none.
    weight = torch.tensor([[-8.0, 8.0], [4.0, -4.0], [-4.0, 4.0], [-8.0, 8.0]])
    assert explain.grad_cam(lambda x: pooled(x) @ weight, FEATURES, 1).tolist() == [6.0, 6.0, 13.0, 5.0]
    assert explain.grad_cam(lambda x: pooled(x) @ weight, FEATURES, 0).tolist() == [0.0] * 4


@pytest.mark.parametrize("output", [0, 1, 2])
def test_grad_cam_equals_captum_on_a_residual_network(output: int) -> None:
    network, x = networks.network(), signal()
    ours = explain.grad_cam(network.head, network.features(x), output)
    theirs = LayerGradCam(network, network.stages).attribute(x, target=output, relu_attributions=True)
    assert ours.max() > 0
    torch.testing.assert_close(ours, theirs[0, 0].detach(), rtol=1e-4, atol=1e-6)


def test_grad_cam_of_random_weights_is_another_map() -> None:
    x = signal(time=1000)
    maps = [explain.grad_cam(net.head, net.features(x), 0).numpy() for net in map(networks.network, range(12))]
    alive = [each for each in maps if each.max() > 0]
    assert len(alive) >= 6
    rhos = [abs(spearmanr(alive[0], other).statistic) for other in alive[1:]]
    assert np.mean(rhos) < 0.7


def test_saliency_of_a_linear_network_is_the_size_of_its_weights() -> None:
    # logit k = sum(W_k * x): the gradient is W_k, whatever x is.
    weights = torch.tensor([[[1.0, -2.0, 0.0], [3.0, 0.5, -1.0]], [[0.0, 0.0, 7.0], [-1.0, 0.0, 0.0]]])
    found = explain.saliency(lambda x: torch.einsum("blt,klt->bk", x, weights), torch.ones(1, 2, 3), [1, 0])
    assert found.tolist() == weights[[1, 0]].abs().tolist()


def test_saliency_equals_captum_through_the_preparation() -> None:
    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.prepare, self.network = Prepare(Preparation()), networks.network()

        def forward(self, x: Tensor) -> Tensor:
            return self.network(self.prepare(x, torch.ones_like(x, dtype=torch.bool)))

    whole, x = Whole(), signal(time=SAMPLES)
    ours = explain.saliency(whole, x, [2, 0])
    for row, output in enumerate([2, 0]):
        theirs = Saliency(whole).attribute(x.clone().requires_grad_(True), target=output, abs=True)
        torch.testing.assert_close(ours[row], theirs[0], rtol=1e-3, atol=float(theirs.max()) * 1e-4)


@pytest.mark.parametrize("cell", range(63))
def test_the_relevance_of_a_cell_stands_at_its_time(cell: int) -> None:
    grid = explain.on_canonical_grid(nn.functional.one_hot(torch.tensor(cell), 63).float())
    assert grid.shape == (1, SAMPLES) and grid.dtype == np.float32
    assert cell * CELL - 1 <= grid[0].argmax() <= (cell + 1) * CELL and grid.max() == pytest.approx(1, abs=0.01)
    if 0 < cell < 62:  # those at the ends reach out to the edge
        assert np.average(np.arange(SAMPLES), weights=grid[0]) == pytest.approx((cell + 0.5) * SAMPLES / 63, abs=1)


@pytest.mark.parametrize("at", [400, 1700, 2500, 3300, 4600])
def test_a_beat_is_found_in_the_features_where_it_was_recorded(at: int) -> None:
    network, prepare = networks.network(), Prepare(Preparation())
    still = torch.zeros(1, 12, SAMPLES)
    beat = still.clone()
    beat[..., at - 20 : at + 20] = torch.hann_window(40)
    known = torch.ones_like(still, dtype=torch.bool)
    change = (network.features(prepare(beat, known)) - network.features(prepare(still, known))).abs().sum(dim=1)[0]
    assert abs(int(explain.on_canonical_grid(change)[0].argmax()) - at) < 40  # 80 ms


def test_smoothing_keeps_the_sum_and_the_place_and_mixes_no_leads() -> None:
    sharp = torch.zeros(12, SAMPLES)
    sharp[3, 2000], sharp[7, 100] = 1.0, 2.0
    smooth = explain.smoothed(sharp)
    np.testing.assert_allclose(smooth.sum(axis=1), sharp.sum(dim=1), atol=1e-5)
    assert (np.flatnonzero(smooth[3])[[0, -1]] == (1990, 2010)).all() and not smooth[[0, 1, 2, 4, 5, 6, 8]].any()
    np.testing.assert_allclose(explain.smoothed(torch.full((12, SAMPLES), 3.0))[:, 20:-20], 3.0, rtol=1e-5)


def shipped() -> ResNet1d:
    signed = read_card(SHIPPED)
    network = build(signed.card.network.kind, signed.card.network.shape, SHIPPED.name).eval()
    weights = load_file(SHIPPED.parent / signed.card.weights.file)
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    return network


@pytest.mark.skipif(not SHIPPED.exists(), reason="no weights in models/weights")
@pytest.mark.parametrize("part", ["classify", "stages.6"])
def test_the_shipped_map_depends_on_its_weights(part: str) -> None:
    # Adebayo et al., NeurIPS 2018: a map that stays when weights are shuffled explains nothing.
    network, shuffled = shipped(), shipped()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in shuffled.get_submodule(part).parameters():
            weight.copy_(weight.flatten()[torch.randperm(weight.numel(), generator=generator)].view_as(weight))
    (window,) = canonicalise(waveform())
    x = Prepare(Preparation())(torch.tensor(window.signal)[None], torch.tensor(window.mask)[None])
    pairs = [
        [explain.grad_cam(net.head, net.features(x), output).numpy() for net in (network, shuffled)]
        for output in range(network.shape.outputs)
    ]
    rhos = [abs(spearmanr(*pair).statistic) if pair[1].any() else 0.0 for pair in pairs if pair[0].any()]
    assert rhos and np.mean(rhos) < 0.9
