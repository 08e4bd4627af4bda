"""Rational arithmetic is the network's, and intervals hold everything that happens in it."""

from fractions import Fraction

import pytest
import torch
from torch import nn

from lowland.architectures.resnet import ResNet8
from lowland.certification import RealNetwork
from lowland.certification.real_network import Operation, Rounding
from lowland.certification.smt.exact_network import ExactNetwork
from lowland.certification.smt.rationals import fractions
from lowland.errors import LowlandError

NETWORKS = {
    "dense": (nn.Sequential(nn.Linear(3, 5), nn.LeakyReLU(0.125), nn.Linear(5, 2), nn.Hardtanh()), (3,)),
    "images": (
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, stride=2, groups=2),
            nn.ReLU6(),
            nn.MaxPool2d(2, padding=1, stride=1),
            nn.AvgPool2d(2),
            nn.ConvTranspose2d(4, 2, 2, stride=2),
            nn.Flatten(),
            nn.Linear(32, 3),
        ),
        (2, 5, 5),
    ),
    "sequences": (
        nn.Sequential(nn.Conv1d(2, 3, 2, dilation=2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(6, 2)),
        (2, 6),
    ),
    "residual": (ResNet8(inputs=(1, 4, 4), outputs=3, width=2), (1, 4, 4)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_values_are_those_of_the_network(name):
    torch.manual_seed(3)
    model, shape = NETWORKS[name]
    rows = torch.randn(2, *shape)
    real = RealNetwork.of(model.eval(), rows)
    exact = ExactNetwork(real, shape)
    moved = {key: tensor + torch.randn_like(tensor) / 8 for key, tensor in real.parameters.items()}
    values = exact.values(fractions(rows[1]), {key: fractions(tensor) for key, tensor in moved.items()}, {})
    outputs = [float(value) for value in values[real.output.name]]
    assert outputs == pytest.approx(real(rows[1:], moved).flatten().tolist(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("name", ["dense", "sequences"])
def test_intervals_hold_all_values_of_the_boxes(name):
    torch.manual_seed(4)
    model, shape = NETWORKS[name]
    row, radius = torch.randn(1, *shape), 0.125
    real = RealNetwork.of(model.eval(), row)
    exact = ExactNetwork(real, shape)
    radii = {key: [Fraction(radius)] * tensor.numel() for key, tensor in real.parameters.items()}
    inputs = [(value - Fraction(1, 8), value + Fraction(1, 8)) for value in fractions(row)]
    intervals = exact.intervals(inputs, radii)[real.output.name]
    for _ in range(50):
        moved = {key: tensor + radius * torch.randn_like(tensor).sign() for key, tensor in real.parameters.items()}
        outputs = real(row + radius * torch.randn_like(row).sign(), moved).flatten().tolist()
        assert all(low <= value <= high for value, (low, high) in zip(outputs, intervals, strict=True))


def test_intervals_of_one_point_are_its_values():
    model, shape = NETWORKS["dense"]
    row = torch.randn(1, *shape)
    exact = ExactNetwork(RealNetwork.of(model.eval(), row), shape)
    values = exact.values(fractions(row), {}, {})
    intervals = exact.intervals([(value, value) for value in fractions(row)], {})
    assert {name: [(value, value) for value in values[name]] for name in values} == intervals


def test_a_quantizer_clamps_then_moves():
    layer = Rounding(0.25, 0.0, 1.0)
    operations = {"quantizer": Operation("quantizer", ("inputs",), "rounding", layer, (3,), True)}
    exact = ExactNetwork(RealNetwork(operations), (3,))
    inputs = [Fraction(-1), Fraction(1, 2), Fraction(2)]
    moves = {"quantizer": [Fraction(1, 8), Fraction(-1, 4), Fraction(0)]}
    assert exact.values(inputs, {}, moves)["quantizer"] == [Fraction(1, 8), Fraction(1, 4), 1]
    ends = exact.intervals([(value, value) for value in inputs], {})["quantizer"]
    assert ends == [
        (Fraction(-1, 4), Fraction(1, 4)),
        (Fraction(1, 4), Fraction(3, 4)),
        (Fraction(3, 4), Fraction(5, 4)),
    ]
    still = exact.intervals([(value, value) for value in inputs], {}, quantized=False)["quantizer"]
    assert still == [(value, value) for value in inputs]
    assert exact.values(inputs, {}, None)["quantizer"] == inputs


def test_smooth_activations_are_refused():
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh())
    with pytest.raises(LowlandError, match="1 is Tanh, which has no linear pieces; expected ReLU"):
        ExactNetwork(RealNetwork.of(model.eval(), torch.zeros(1, 4)), (4,))
