"""The maps equal a calculation by hand and captum's, stand at the right time, and are made by the weights."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients, LayerGradCam, Saliency
from torch import Tensor, nn

from ecg.canonical import FS, SAMPLES
from models.explain import maps
from models.explain.scorer import Scorer
from models.prepare import Preparation, Prepare
from tests.golden import networks

CELL = 80  # canonical samples per cell of 63: a stride of 16 at 100 Hz

FEATURES = torch.tensor([[[1.0, 2.0, 4.0, 1.0], [3.0, 0.0, 1.0, 2.0]]])  # 2 channels x 4 times


def pooled(features: Tensor) -> Tensor:
    return torch.cat([features.mean(dim=-1), features.amax(dim=-1)], dim=1)


def signal(seed: int = 0) -> Tensor:
    """Return twelve leads of noise about zero, (12, 5000)."""
    made = torch.randn(12, SAMPLES, generator=torch.Generator().manual_seed(seed))
    return made - made.mean(dim=-1, keepdim=True)


KNOWN = torch.ones(12, SAMPLES, dtype=torch.bool)


def scorer(seed: int = 0, slope: float = 1.0, intercept: float = 0.0) -> Scorer:
    network = networks.network(seed)
    return Scorer(Prepare(Preparation()), network, torch.tensor(slope), torch.tensor(intercept))


class Whole(nn.Module):
    """What captum is given: a network with its preparation."""

    def __init__(self) -> None:
        super().__init__()
        self.prepare, self.network = Prepare(Preparation()), networks.network()

    def forward(self, x: Tensor) -> Tensor:
        return self.network(self.prepare(x, torch.ones_like(x, dtype=torch.bool)))


def by_hand(head: Callable[[Tensor], Tensor], output: int) -> list[float]:
    """Return the Grad-CAM of FEATURES through a head."""
    leaf = FEATURES.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(head(leaf)[0, output], leaf)
    return maps.grad_cam(FEATURES, gradient)[0].tolist()


def test_grad_cam_through_mean_pooling_is_what_the_hand_finds() -> None:
    # logit = 8 mean(A1) - 4 mean(A2); d/dA1 = 8/4 = 2 and d/dA2 = -4/4 = -1 at each of the 4 times, so these are the
    # weights. Map = relu(2 A1 - A2) = relu([2-3, 4-0, 8-1, 2-2]) = [0, 4, 7, 0].
    weight = torch.tensor([[8.0], [-4.0]])
    assert by_hand(lambda x: x.mean(dim=-1) @ weight, 0) == [0.0, 4.0, 7.0, 0.0]


def test_grad_cam_through_mean_and_maximum_is_what_the_hand_finds() -> None:
    # logit 1 = 8 mean(A1) - 4 mean(A2) + 4 max(A1) + 8 max(A2).
    # d/dA1 = [2, 2, 2 + 4, 2], mean 3;  d/dA2 = [-1 + 8, -1, -1, -1], mean 1.
    # Map = relu(3 A1 + A2) = [3+3, 6+0, 12+1, 3+2] = [6, 6, 13, 5]. The other logit, its negative, has none.
    weight = torch.tensor([[-8.0, 8.0], [4.0, -4.0], [-4.0, 4.0], [-8.0, 8.0]])
    assert by_hand(lambda x: pooled(x) @ weight, 1) == [6.0, 6.0, 13.0, 5.0]
    assert by_hand(lambda x: pooled(x) @ weight, 0) == [0.0] * 4


@pytest.mark.parametrize("output", [0, 1, 2])
def test_grad_cam_equals_captum_on_a_residual_network(output: int) -> None:
    whole, x = Whole(), signal()
    found = maps.gradients(scorer(), x, KNOWN, [output])
    ours = maps.grad_cam(found.features, found.of_features)[0]
    theirs = LayerGradCam(whole, whole.network.stages).attribute(x[None], target=output, relu_attributions=True)
    assert ours.max() > 0
    torch.testing.assert_close(ours, theirs[0, 0].detach(), rtol=1e-4, atol=1e-6)


def test_a_map_is_in_the_log_odds_of_the_card() -> None:
    plain, steep = (maps.gradients(scorer(slope=slope, intercept=0.7), signal(), KNOWN, [1]) for slope in (1.0, 3.0))
    torch.testing.assert_close(3 * plain.of_signal, steep.of_signal, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(3 * plain.of_features, steep.of_features, rtol=1e-4, atol=1e-7)


# logit k = sum(W_k * x), of two leads and three samples about zero: the gradient is W_k, whatever x is.
WEIGHTS = torch.tensor([[[1.0, -2.0, 0.0], [3.0, 0.5, -1.0]], [[0.0, 0.0, 7.0], [-1.0, 0.0, 0.0]]])
SMALL = torch.tensor([[2.0, -1.0, -1.0], [0.0, 4.0, -4.0]])
ALL = torch.ones(2, 3, dtype=torch.bool)


def linear(x: Tensor, mask: Tensor) -> Tensor:
    return torch.einsum("blt,klt->bk", x * mask, WEIGHTS)


class Linear:
    """A network that hands its input on and then weighs it."""

    def features(self, x: Tensor) -> Tensor:
        return 1.0 * x

    def head(self, features: Tensor) -> Tensor:
        return linear(features, torch.ones_like(features))


def test_saliency_of_a_linear_network_is_the_size_of_its_weights() -> None:
    one, none = torch.tensor(1.0), torch.tensor(0.0)
    found = maps.gradients(Scorer(lambda x, mask: x * mask, Linear(), one, none), SMALL, ALL, [1, 0])
    assert maps.saliency(found.of_signal).tolist() == WEIGHTS[[1, 0]].abs().tolist()


def test_gradient_times_input_of_a_linear_network_is_what_each_sample_adds() -> None:
    found = maps.times_input(WEIGHTS, SMALL, ALL) / FS
    assert found.tolist() == (WEIGHTS * SMALL).tolist()
    assert found.sum(dim=(1, 2)).tolist() == linear(SMALL[None], ALL)[0].tolist()


def test_gradient_times_input_counts_from_the_mean_of_what_is_known() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    lifted = torch.where(mask, SMALL + 5, 0)
    # Lead 1 is known as 7 and 4, mean 5.5; lead 2 as 5, 9 and 1, mean 5.
    assert (maps.times_input(WEIGHTS[:1], lifted, mask) / FS).tolist() == [[[1.5, 3.0, 0.0], [0.0, 2.0, 4.0]]]


def test_integrated_gradients_of_a_square_are_what_the_hand_finds() -> None:
    # logit = sum(x^2): the gradient along the path is 2 a x, its mean over a from 0 to 1 is x, times x is x^2.
    found = maps.integrated_gradients(lambda x, m: (x**2 * m).sum(dim=(1, 2))[:, None], SMALL, ALL, [0], 8) / FS
    torch.testing.assert_close(found[0], SMALL**2)


def test_saliency_equals_captum_through_the_preparation() -> None:
    whole, x = Whole(), signal()
    ours = maps.saliency(maps.gradients(scorer(), x, KNOWN, [2, 0]).of_signal)
    for row, output in enumerate([2, 0]):
        theirs = Saliency(whole).attribute(x[None].clone().requires_grad_(True), target=output, abs=True)
        torch.testing.assert_close(ours[row], theirs[0], rtol=1e-3, atol=float(theirs.max()) * 1e-4)


def test_gradient_times_input_equals_captum_through_the_preparation() -> None:
    whole, x = Whole(), signal()
    ours = maps.times_input(maps.gradients(scorer(), x, KNOWN, [2, 0]).of_signal, x, KNOWN) / FS
    for row, output in enumerate([2, 0]):
        theirs = InputXGradient(whole).attribute(x[None].clone().requires_grad_(True), target=output).detach()
        torch.testing.assert_close(ours[row], theirs[0], rtol=1e-3, atol=float(theirs.abs().max()) * 1e-4)


def test_integrated_gradients_equal_captum_and_add_up_to_the_score() -> None:
    whole, x, own = Whole(), signal(), scorer()
    ours = maps.integrated_gradients(own.log_odds, x, KNOWN, [2, 0], 4) / FS
    for row, output in enumerate([2, 0]):
        theirs = IntegratedGradients(whole).attribute(x[None], target=output, n_steps=4, method="riemann_middle")
        peak = float(theirs.abs().max())
        torch.testing.assert_close(ours[row], theirs[0].float(), rtol=1e-3, atol=peak * 1e-3)
    ends = own.log_odds(torch.stack([x, torch.zeros_like(x)]), KNOWN.expand(2, -1, -1))[:, [2, 0]]
    fine = maps.integrated_gradients(own.log_odds, x, KNOWN, [2, 0], 32) / FS
    torch.testing.assert_close(fine.sum(dim=(1, 2)), ends[0] - ends[1], rtol=0.02, atol=0.02)


@pytest.mark.parametrize("cell", range(63))
def test_the_relevance_of_a_cell_stands_at_its_time(cell: int) -> None:
    grid = maps.on_canonical_grid(nn.functional.one_hot(torch.tensor(cell), 63).float())
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
    assert abs(int(maps.on_canonical_grid(change)[0].argmax()) - at) < 40  # 80 ms


def test_smoothing_keeps_the_sum_and_the_place_and_mixes_no_leads() -> None:
    sharp = torch.zeros(12, SAMPLES)
    sharp[3, 2000], sharp[7, 100] = 1.0, 2.0
    smooth = maps.smoothed(sharp)
    np.testing.assert_allclose(smooth.sum(axis=1), sharp.sum(dim=1), atol=1e-5)
    assert (np.flatnonzero(smooth[3])[[0, -1]] == (1990, 2010)).all() and not smooth[[0, 1, 2, 4, 5, 6, 8]].any()
    np.testing.assert_allclose(maps.smoothed(torch.full((12, SAMPLES), 3.0))[:, 20:-20], 3.0, rtol=1e-5)
