"""Tiny models in one table, each with rows and a loss, and what stands in the way of an exact diagonal, if anything."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from lowland.landscape.problem.model import Loss


class StraightThrough(nn.Module):
    """Rounds to a grid and clamps; its derivative is 1 inside the range and 0 outside."""

    def __init__(self, step: float, lowest: float, highest: float) -> None:
        super().__init__()
        self.step, self.lowest, self.highest = step, lowest, highest

    def forward(self, values: Tensor) -> Tensor:
        inside = values.clamp(self.lowest, self.highest)
        return inside + ((inside / self.step).round() * self.step - inside).detach()


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, values: Tensor) -> Tensor:
        return values + self.inner(values)


class Recurrent(nn.Module):
    """A recurrent layer and a linear head on its last step."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.layer = kind(3, 4, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, values: Tensor) -> Tensor:
        return self.head(self.layer(values)[0][:, -1])


class Twice(nn.Module):
    """One layer applied twice in depth."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, values: Tensor) -> Tensor:
        return self.layer(self.layer(values).relu())


class Tied(nn.Module):
    """Two layers that own one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, values: Tensor) -> Tensor:
        return self.second(self.first(values).relu())


class Scaled(nn.Module):
    """A module with a parameter of its own beside a layer's."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor([0.5, 1.5, -1.0]))
        self.layer = nn.Linear(4, 3)

    def forward(self, values: Tensor) -> Tensor:
        return self.layer(values).relu() * self.gain


class FakeIntegerNetwork:
    """A ReLU MLP as codes, scales and widths, deployed with unsigned straight-through activations."""

    def __init__(self, sizes: tuple[int, ...] = (4, 6, 5, 3), bits: int = 4, bias_bits: int = 9) -> None:
        draws = torch.Generator().manual_seed(3)
        self.codes: dict[str, Tensor] = {}
        self.scales: dict[str, Tensor] = {}
        self.bits: dict[str, int] = {}
        self.activation_scales = [0.05] * (len(sizes) - 2)
        for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            shapes = {"weight": ((outputs, inputs), bits, 0.11), "bias": ((outputs,), bias_bits, 0.003)}
            for kind, (shape, width, scale) in shapes.items():
                name = f"{2 * index}.{kind}"
                bound = 2 ** (width - 1)
                self.codes[name] = torch.randint(-bound, bound, shape, generator=draws, dtype=torch.int16)
                self.scales[name] = torch.tensor(scale, dtype=torch.float64)
                self.bits[name] = width

    def rescaled(self, factor: float) -> FakeIntegerNetwork:
        """Same codes and outputs: the first layer's scales times a factor, the second's weight scale divided by it."""
        other = FakeIntegerNetwork()
        other.codes, other.bits, other.scales = self.codes, self.bits, dict(self.scales)
        for name in ("0.weight", "0.bias"):
            other.scales[name] = self.scales[name] * factor
        other.scales["2.weight"] = self.scales["2.weight"] / factor
        other.activation_scales = [self.activation_scales[0] * factor, *self.activation_scales[1:]]
        return other

    def dequantized(self) -> nn.Module:
        layers: list[nn.Module] = []
        for index, name in enumerate(name for name in self.codes if name.endswith("weight")):
            if index:
                step = self.activation_scales[index - 1]
                layers.append(StraightThrough(step, 0.0, 127 * step))
            layer = nn.Linear(*reversed(self.codes[name].shape), dtype=torch.float64)
            for kind in ("weight", "bias"):
                key = f"{2 * index}.{kind}"
                getattr(layer, kind).data = self.codes[key] * self.scales[key]
            layers.append(layer)
        return nn.Sequential(*layers)


def _twin() -> nn.Module:
    """The project's Brevitas twin, calibrated; every scale is a trainable parameter, the inputs' too."""
    from tests.quantization.networks import twin  # here, because Brevitas takes two seconds to import

    return twin(4).requires_grad_(True)


def _stock_brevitas() -> nn.Module:
    """Brevitas' own layers with its default quantizers, after enough steps for the scales to become parameters."""
    from brevitas import nn as quantized

    layers = nn.Sequential(
        quantized.QuantIdentity(bit_width=8, return_quant_tensor=True, collect_stats_steps=2),
        quantized.QuantLinear(6, 7, bias=True, weight_bit_width=4),
        quantized.QuantReLU(bit_width=4, return_quant_tensor=True, collect_stats_steps=2),
        quantized.QuantLinear(7, 4, bias=True, weight_bit_width=4),
    )
    with torch.no_grad():
        for _ in range(3):
            layers(torch.randn(16, 6))
    return layers


def _integer_twin() -> nn.Module:
    """What is differentiated of a frozen network."""
    from tests.quantization.networks import integer_network

    return integer_network(4).dequantized()


def sigmoid_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error behind a sigmoid: its Hessian in the outputs is indefinite."""
    return (outputs.sigmoid() - targets).square().flatten(1).sum(1).mean()


@dataclass(frozen=True)
class Case:
    """A model in float64 and evaluation mode with rows and a loss.

    ``refused`` is a part of the reason for which its diagonal is not exactly computable, empty where it is.
    """

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    loss: Loss
    refused: str = ""
    rows: int = 24

    def model(self) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            model = self.build().double()
            for module in model.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
                    for tensor in (module.running_mean, module.weight.data, module.bias.data):
                        tensor.copy_(torch.randn_like(tensor))
                    module.running_var.uniform_(0.5, 2)
        return model.eval()

    def data(self) -> tuple[Tensor, Tensor]:
        draws = torch.Generator().manual_seed(7)
        inputs = torch.randn(self.rows, *self.shape, generator=draws, dtype=torch.float64)
        outputs = self.model()(inputs).detach()
        if self.loss is functional.cross_entropy:
            return inputs, torch.randint(0, outputs.shape[1], (self.rows,), generator=draws)
        return inputs, torch.rand(outputs.shape, generator=draws, dtype=torch.float64)


def _mlp(activation: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Linear(4, 6), activation(), nn.Linear(6, 5), activation(), nn.Linear(5, 3))


CASES: dict[str, Case] = {
    "mlp": Case(_mlp(nn.ReLU), (4,), functional.cross_entropy),
    "in-place": Case(_mlp(lambda: nn.ReLU(inplace=True)), (4,), functional.cross_entropy),
    "quantized": Case(
        lambda: nn.Sequential(
            StraightThrough(0.25, -2, 1.75),
            nn.Linear(4, 6),
            StraightThrough(0.125, 0, 0.875),
            nn.Linear(6, 5),
            StraightThrough(0.125, 0, 0.875),
            nn.Linear(5, 3),
        ),
        (4,),
        functional.cross_entropy,
    ),
    "squared error": Case(_mlp(nn.LeakyReLU), (4,), functional.mse_loss),
    "indefinite": Case(_mlp(nn.PReLU), (4,), sigmoid_error),
    "autoencoder": Case(
        lambda: nn.Sequential(
            nn.Conv2d(1, 3, 3, stride=2, padding=1),
            nn.BatchNorm2d(3),
            nn.ReLU(),
            nn.ConvTranspose2d(3, 2, 2, stride=2),
            nn.Hardtanh(),
            nn.Conv2d(2, 1, 1),
        ),
        (1, 4, 4),
        sigmoid_error,
        rows=6,
    ),
    "residual": Case(
        lambda: nn.Sequential(
            nn.Conv1d(2, 4, 3, padding=1),
            nn.BatchNorm1d(4),
            Residual(nn.Sequential(nn.ReLU6(), nn.Conv1d(4, 4, 3, padding=1, groups=2))),
            nn.MaxPool1d(2),
            nn.AvgPool1d(2),
            nn.Flatten(),
            nn.Linear(8, 3),
        ),
        (2, 8),
        functional.cross_entropy,
    ),
    "sequence": Case(
        lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.Flatten()),
        (5, 3),
        functional.cross_entropy,
    ),
    "convolutions": Case(  # groups, dilation, no bias, one dimension and two, an affine layer in between
        lambda: nn.Sequential(
            nn.ConvTranspose1d(2, 4, 3, stride=2, padding=1, output_padding=1, groups=2),
            nn.ReLU(),
            nn.Unflatten(2, (2, 4)),
            nn.Conv2d(4, 4, (1, 2), groups=2, dilation=(1, 2), bias=False),
            nn.BatchNorm2d(4),
            nn.PReLU(4),
            nn.ConvTranspose2d(4, 2, (2, 1), dilation=2, padding=(1, 0)),
            nn.Conv2d(2, 2, 2, padding="same", padding_mode="circular"),
            nn.Flatten(),
        ),
        (2, 4),
        functional.cross_entropy,
        rows=7,
    ),
    "twin": Case(_twin, (6,), functional.cross_entropy),
    "stock Brevitas": Case(_stock_brevitas, (6,), functional.cross_entropy),
    "integer network": Case(_integer_twin, (6,), functional.cross_entropy),
    "own parameter": Case(Scaled, (4,), functional.cross_entropy),
    "tanh": Case(_mlp(nn.Tanh), (4,), functional.cross_entropy, "not piecewise linear in '0.weight'"),
    "hard-swish": Case(_mlp(nn.Hardswish), (4,), functional.cross_entropy, "not piecewise linear in '0.weight'"),
    "sigmoid output": Case(
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()), (4,), functional.mse_loss, "not piecewise linear"
    ),
    "layer norm": Case(
        lambda: nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 3)),
        (4,),
        functional.cross_entropy,
        "not piecewise linear in '0.weight'",
    ),
    "batch statistics": Case(
        lambda: nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6, track_running_stats=False), nn.Linear(6, 3)),
        (4,),
        functional.cross_entropy,
        "not piecewise linear in '0.weight'",
    ),
    "weight norm": Case(
        lambda: nn.Sequential(weight_norm(nn.Linear(4, 5)), nn.ReLU(), nn.Linear(5, 3)),
        (4,),
        functional.cross_entropy,
        "not piecewise linear in '0.parametrizations.weight.original1'",
    ),
    "called twice": Case(Twice, (4,), functional.cross_entropy, "not piecewise linear in 'layer.weight'"),
    "tied": Case(Tied, (4,), functional.cross_entropy, "one tensor used by two layers"),
    "lstm": Case(lambda: Recurrent(nn.LSTM), (5, 3), functional.cross_entropy, "'layer.weight_ih_l0'"),
    "gru": Case(lambda: Recurrent(nn.GRU), (5, 3), functional.cross_entropy, "'layer.weight_ih_l0'"),
    "rnn": Case(lambda: Recurrent(nn.RNN), (5, 3), functional.cross_entropy, "'layer.weight_ih_l0'"),
}
EXACT = [name for name, case in CASES.items() if not case.refused]
REFUSED = [name for name, case in CASES.items() if case.refused]
ASYMMETRIC = ["weight norm"]  # torch's double backward pass of it is wrong: its Hessian is not symmetric
TWICE = [name for name in CASES if name not in ASYMMETRIC]
