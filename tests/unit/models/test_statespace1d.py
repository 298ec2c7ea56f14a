"""The state-space network: its layers are convolutions with the responses they state, both ways in time."""

import pytest
import torch

from models.nets.statespace1d import Diagonal, Layer, StateSpace1d, StateSpace1dShape

SHAPE = StateSpace1dShape(leads=12, outputs=3, widths=(8, 16), layers=2, stem_kernel=5)


def test_a_response_is_the_sum_of_its_states_sampled_in_time() -> None:
    torch.manual_seed(1)
    response = Diagonal(width=2, states=4)
    later, sooner = response(20)
    step = response.log_step.exp()[:, None]
    pole = torch.complex(-response.log_decay.exp(), response.frequency)
    gain = torch.view_as_complex(response.weight) * (torch.exp(pole * step) - 1) / pole
    for at in (0, 1, 7, 19):
        by_hand = 2 * (gain * torch.exp(pole * step * at)).sum(dim=-1).real
        assert torch.allclose(torch.cat([later[:, at], sooner[:, at]]), by_hand, atol=1e-5)


@pytest.mark.parametrize("training", [True, False], ids=["by matrix, in training", "Fourier's way"])
def test_a_layer_convolves_with_its_responses_both_ways(training: bool) -> None:
    torch.manual_seed(2)
    layer, length = Layer(width=3, states=4).train(training), 11
    x = torch.randn(3, 2, length)
    through = layer._through_time(x)
    later, sooner = layer.response(length)
    for t in range(length):
        by_hand = sum(later[:, None, t - s] * x[:, :, s] for s in range(t + 1))
        by_hand = by_hand + sum(sooner[:, None, s - t] * x[:, :, s] for s in range(t + 1, length))
        assert torch.allclose(through[:, :, t], by_hand, atol=1e-5)


def test_head_of_features_are_the_logits_and_time_is_a_quarter() -> None:
    network = StateSpace1d(SHAPE).eval()
    x = torch.randn(2, 12, 1000)
    features = network.features(x)
    assert features.shape == (2, 16, 250) and features.min() >= 0
    assert torch.equal(network(x), network.head(features))
    assert network(x).shape == (2, 3)


def test_a_batch_is_its_recordings_one_by_one() -> None:
    network = StateSpace1d(SHAPE).eval()
    x = torch.randn(3, 12, 400)
    assert torch.allclose(network(x), torch.cat([network(one[None]) for one in x]), atol=1e-5)


def test_a_network_that_does_not_change_keeps_its_spectra_and_can_still_be_explained() -> None:
    network = StateSpace1d(SHAPE).eval()
    x = torch.randn(2, 12, 400)
    changing = network(x).detach()
    network.requires_grad_(False)
    with torch.inference_mode():
        assert torch.allclose(network(x), changing, atol=1e-5)
    layers = [each for each in network.layers if isinstance(each, Layer)]
    kept = [layer.response.kept[100] for layer in layers]
    x.requires_grad_(True)
    network(x).sum().backward()
    assert x.grad is not None and bool((x.grad != 0).any())
    assert all(layer.response.kept[100] is each for layer, each in zip(layers, kept, strict=True))


@pytest.mark.parametrize("wrong", [{"widths": (8, 16, 4)}, {"layers": 0}, {"states": 0}])
def test_a_shape_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        StateSpace1dShape(**{**SHAPE.__dict__, **wrong})
