"""What is quantized are the weights that a layer computes with, and what pruning set to zero stays zero."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from lowland.errors import LowlandError
from lowland.quantization import Precision, QuantizedNetwork, build_quantized, calibrate, freeze
from lowland.quantization.effective_weights import pruned_tensors, with_plain_weights
from lowland.training import Recipe, TrainingData, TrainingOptions, train
from tests.quantization.networks import rows

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
FINE = Precision(method="qat", weight_bits=12, activation_bits=12)


class Sparse(nn.Module):
    """Half of the weights, as a parametrization."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight * (torch.arange(weight.numel()).reshape(weight.shape) % 2)


def half(layer: nn.Module) -> None:
    prune.l1_unstructured(layer, "weight", 0.5)


def half_and_moved(layer: nn.Module) -> None:
    """Moved after the weight was last computed, as an optimizer's step does."""
    half(layer)
    with torch.no_grad():
        layer.weight_orig.mul_(3)


def longer(layer: nn.Module) -> None:
    weight_norm(layer)
    with torch.no_grad():
        layer.weight_g.mul_(2)


WAYS: dict[str, Callable[[nn.Module], object]] = {
    "pruned": half,
    "pruned and moved": half_and_moved,
    "weight norm": longer,
    "spectral norm": spectral_norm,
    "parametrized weight norm": parametrizations.weight_norm,
    "parametrized spectral norm": parametrizations.spectral_norm,
    "parametrized sparsity": lambda layer: parametrize.register_parametrization(layer, "weight", Sparse()),
}


def network(way: str, *, norm: bool = False) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Linear(6, 16), *([nn.BatchNorm1d(16)] if norm else []), nn.ReLU(), nn.Linear(16, 4)]
        made = nn.Sequential(*layers).eval()
        WAYS[way](made[0])
        WAYS[way](made[-1])
    return made.eval()


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("equalization", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_computed_weights_are_deployed(way: str, norm: bool, equalization: bool) -> None:
    given, inputs = network(way, norm=norm), rows(200)[0]
    before, classes = copy.deepcopy(given.state_dict()), [type(layer) for layer in given]
    precision = FINE.model_copy(update={"equalization": equalization})
    deployed = freeze(calibrate(build_quantized(given, precision, input_bits=12), inputs))
    expected = given(inputs).detach()
    assert float((deployed(inputs) - expected).abs().max()) < 0.003 * float(expected.abs().max())
    if "pruned" in way or "sparsity" in way:
        assert float((deployed.codes["0.weight"] == 0).double().mean()) >= 0.5
    assert classes == [type(layer) for layer in given]
    assert all(torch.equal(tensor, before[name]) for name, tensor in given.state_dict().items())


def test_a_network_with_nothing_computed_is_itself() -> None:
    plain = nn.Sequential(nn.Linear(6, 4))
    assert with_plain_weights(plain) is plain


def pruned_twin(**options: str) -> QuantizedNetwork:
    twin = build_quantized(network("pruned"), FINE.model_copy(update=dict(weight_bits=4)), input_bits=8, **options)
    return calibrate(twin, rows(200)[0])


@pytest.mark.parametrize(
    "recipe",
    [
        {"kind": "plain"},
        {"kind": "weight_decay", "weight": 0.1},
        {"kind": "orthogonal", "weight": 0.1},
        {"kind": "sam", "rho": 0.1},
        {"kind": "bit_errors", "rate": 0.05, "bits": 4, "limit": 0.3},
    ],
    ids=lambda recipe: recipe["kind"],
)
def test_a_mask_is_kept_through_fine_tuning(recipe: dict) -> None:
    inputs, targets = rows(200)
    data = TrainingData((inputs, targets), (inputs, targets), nn.CrossEntropyLoss())
    options = TrainingOptions(epochs=2, batch_size=50, learning_rate=0.01, schedule="constant")
    twin = pruned_twin()
    before = {name: parameter.detach().clone() for name, parameter, _ in pruned_tensors(twin.layers)}
    assert set(before) == {"0.weight", "2.weight"}
    twin = copy.deepcopy(twin)  # as training in other processes gets it
    trained = train(twin, data, recipe=Recipe.model_validate(recipe).root, options=options, key=("k",)).network
    for name, parameter, mask in pruned_tensors(trained.layers):
        assert not parameter[mask == 0].any()
        assert not torch.equal(parameter, before[name])
    assert (freeze(trained).codes["0.weight"] == 0).double().mean() >= 0.5


def test_the_mask_of_a_float_part_is_kept_and_not_deployed() -> None:
    inputs, targets = rows(200)
    twin = pruned_twin(float_from="2")
    data = TrainingData((inputs, targets), (inputs, targets), nn.CrossEntropyLoss())
    options = TrainingOptions(epochs=1, batch_size=50, learning_rate=0.01, schedule="constant")
    trained = train(
        twin, data, recipe=Recipe.model_validate({"kind": "plain"}).root, options=options, key=("k",)
    ).network
    kept = {name: float((p == 0).double().mean()) for name, p, _ in pruned_tensors(trained.layers)}
    assert kept == {"0.weight": 0.5, "2.2.weight": 0.5}
    deployed = freeze(trained)
    assert not any(name.endswith("mask") for name in deployed.state_dict())
    torch.testing.assert_close(deployed(inputs), trained(inputs))


def test_a_mask_that_was_lost_is_refused() -> None:
    twin = pruned_twin()
    with torch.no_grad():
        twin.layers.get_submodule("2").weight.add_(0.1)
    with pytest.raises(LowlandError, match=r"2\.weight holds 32 values other than 0 where pruning had put 0"):
        freeze(twin)


def test_bias_correction_may_fill_a_pruned_bias() -> None:
    given = network("pruned")
    prune.l1_unstructured(given[0], "bias", 0.5)
    inputs = rows(200)[0]
    kept = calibrate(build_quantized(given, FINE, input_bits=12), inputs)
    assert int((freeze(kept).codes["0.bias"] == 0).sum()) == 8
    corrected = build_quantized(given, FINE.model_copy(update={"bias_correction": True}), input_bits=12)
    deployed = freeze(calibrate(corrected, inputs))
    expected = given(inputs).detach()
    assert float((deployed(inputs) - expected).abs().max()) < 0.003 * float(expected.abs().max())
