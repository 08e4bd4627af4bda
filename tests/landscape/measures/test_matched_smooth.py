"""Matched curvature of deployed networks that are not piecewise linear: sampled, against dense Hessians."""

import copy
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.landscape import flip_curvature, rounding_curvature, scaled_trace
from lowland.landscape.measures.mismatch import flip_mismatch_curvature, rounding_mismatch_curvature
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from tests.cases import CASES
from tests.oracles import dense_hessian, second_order_flip_rise
from tests.quantization.networks import rows as blobs

LOSS = functional.cross_entropy


class _Coded:
    """Any network on a grid: codes, scales and widths of all its parameters, whatever its layers."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.codes = {n: (p.detach() / 0.1).round().clamp(-32, 31).to(torch.int16) for n, p in model.named_parameters()}
        self.scales = {n: torch.tensor(0.1, dtype=torch.float64) for n in self.codes}
        self.bits = dict.fromkeys(self.codes, 6)

    def dequantized(self):
        model = copy.deepcopy(self._model)
        model.load_state_dict({n: codes * self.scales[n] for n, codes in self.codes.items()})
        return model


def _frozen_with_tanh():
    """A deployed encoder in front of a smooth part that stays float."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        parts = {"first": nn.Linear(6, 5), "relu": nn.ReLU(), "second": nn.Linear(5, 4)}
        decoder = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 4))
        network = nn.Sequential(OrderedDict(**parts, activation=nn.ReLU(), decoder=decoder))
    precision = Precision(method="ptq", weight_bits=4, activation_bits=6)
    quantized = build_quantized(network, precision, input_bits=8, float_from="decoder")
    calibrate(quantized, blobs(100)[0])
    return freeze(quantized)


SMOOTH = {  # deployed networks that are not piecewise linear, with rows
    "lstm": lambda: (_Coded(CASES["lstm"].model()), [part[:8] for part in CASES["lstm"].data()]),
    "tanh": lambda: (_Coded(CASES["tanh"].model()), CASES["tanh"].data()),
    "float island": lambda: (_frozen_with_tanh(), blobs(30)),
}


@pytest.mark.parametrize("name", list(SMOOTH))
def test_smooth_networks_against_dense_hessians(name):
    """The first order is exact, the second within four standard errors; the probes are counted."""
    network, rows = SMOOTH[name]()
    twin = network.dequantized().eval()
    matrix = dense_hessian(twin, LOSS, *rows).detach().double()
    diagonal, place = {}, 0
    for key, p in twin.named_parameters():
        diagonal[key] = matrix.diagonal()[place : place + p.numel()].reshape(p.shape)
        place += p.numel()
    steps = {key: float(network.scales[key]) for key in network.codes}
    weights = {key: p.detach().double().square() for key, p in twin.named_parameters()}
    expected = {
        flip_curvature: second_order_flip_rise(network, LOSS, *rows, ("weight", "bias", "_l0")),
        rounding_curvature: sum(float(diagonal[key].sum()) * step**2 / 24 for key, step in steps.items()),
        scaled_trace: sum(float((diagonal[key] * weight).sum()) for key, weight in weights.items()),
    }
    for measure, truth in expected.items():
        found = measure(network, LOSS, [rows], num_probes=30)
        assert found.status == "ok" and found.num_samples == 30 and found.standard_error > 0
        assert abs(found.value - truth) < 4 * found.standard_error, measure
        assert found.standard_error < 0.5 * abs(truth) + 0.01 or measure is flip_curvature
    predicted = [measure(network, [rows]) for measure in (flip_mismatch_curvature, rounding_mismatch_curvature)]
    assert all(share.status == "ok" and 0 < share.value < 1 for share in predicted)


def test_sampled_second_orders_have_honest_errors():
    """Over 200 seeds, through the public function."""
    torch.manual_seed(3)
    network = _Coded(nn.Sequential(nn.Linear(3, 2, bias=False), nn.Tanh(), nn.Linear(2, 2, bias=False)).double().eval())
    rows = torch.randn(2, 6, 3, dtype=torch.float64)
    rows = rows[0], rows[1, :, :2]
    truth = second_order_flip_rise(network, functional.mse_loss, *rows, ("weight",))
    found = [
        flip_curvature(
            network, functional.mse_loss, [rows], num_probes=25, generator=torch.Generator().manual_seed(seed)
        )
        for seed in range(200)
    ]
    scores = torch.tensor([(e.value - truth) / e.standard_error for e in found])
    assert 0.8 < float(scores.var()) < 1.25, scores.var()
    assert abs(float(scores.mean())) < 4 / 200**0.5
