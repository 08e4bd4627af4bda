"""Random networks of every kind of operation, and what their boxes hold by drawing from them."""

import torch
from torch import nn

from lowland.certification import InputBox, Query, RealNetwork
from lowland.certification.real_network import Operation, Rounding
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.operators import operator

ACTIVATIONS = (
    nn.ReLU(),
    nn.LeakyReLU(0.1),
    nn.LeakyReLU(-0.2),
    nn.Hardtanh(),
    nn.Hardtanh(-0.5, 2.0),
    nn.ReLU6(),
    nn.Hardsigmoid(),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Softplus(),
    nn.Softplus(beta=2.0, threshold=5.0),
    nn.SiLU(),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.ELU(),
    nn.ELU(alpha=1.7),
)


class Residual(nn.Module):
    """A skip, a difference, a concatenation and a mean."""

    def __init__(self, activation):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(8, 3)
        self.activation = activation

    def forward(self, inputs):
        hidden = self.activation(self.first(inputs))
        summed = hidden - 0.5 * self.second(hidden)
        return self.last(torch.cat([self.activation(summed), hidden], 1))


def dense(activation):
    return nn.Sequential(nn.Linear(3, 5), activation, nn.Linear(5, 4), activation, nn.Linear(4, 2))


def without_bias(activation):
    return nn.Sequential(nn.Linear(3, 5, bias=False), activation, nn.Linear(5, 2, bias=False))


def convolutional(activation):
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        activation,
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 2, groups=1, stride=1),
        activation,
        nn.AvgPool2d(2, stride=1),
        nn.Flatten(),
        nn.Linear(4 * 1 * 1, 2),
    )


def transposed_convolutional(activation):
    return nn.Sequential(
        nn.ConvTranspose2d(2, 3, 2, stride=2),
        activation,
        nn.Conv2d(3, 2, 3, stride=2, groups=1),
        nn.Flatten(),
        nn.Tanh(),
    )


def one_dimensional(activation):
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, padding=2, dilation=2, groups=2),
        activation,
        nn.MaxPool1d(3, stride=2, padding=1),
        nn.ConvTranspose1d(4, 2, 3),
        activation,
        nn.Flatten(),
        nn.LazyLinear(2),
    )


SHAPES = {
    dense: (3,),
    without_bias: (3,),
    Residual: (3,),
    convolutional: (2, 6, 6),
    transposed_convolutional: (2, 3, 3),
    one_dimensional: (2, 7),
}


def made(architecture, activation, seed, *, rows=3):
    """A network of random weights and boxes around random rows: none, small or large extents."""
    torch.manual_seed(seed)
    network = architecture(activation).eval()
    center = torch.randn(rows, *SHAPES[architecture])
    network(center)  # lazy layers get their shapes
    half = torch.rand_like(center) * torch.tensor([0.0, 0.05, 1.0])[torch.arange(rows) % 3].reshape(
        -1, *[1] * (center.ndim - 1)
    )
    real = RealNetwork.of(network, center)
    epsilon = {
        name: torch.rand_like(tensor) * [0.01, 0.2][seed % 2] + 1e-6 * (torch.rand_like(tensor) < 0.5)
        for name, tensor in real.parameters.items()
    }
    return Query.of(real, InputBox(center - half, center + half), epsilon)


def quantized(seed):
    """Operations that no module gives: quantizers of activations, and a factor and a shift a channel."""
    torch.manual_seed(seed)
    affine = Affine(5)
    nn.init.normal_(affine.weight)
    layers = {
        "first": ("inputs", "weighted", nn.Linear(3, 5)),
        "scaled": ("first", "weighted", affine),
        "rounded": ("scaled", "rounding", Rounding(0.125, -1.0, 1.5)),
        "relu": ("rounded", "activation", nn.ReLU()),
        "halved": ("relu", "linear", operator("rescale", factor=-0.5)),
        "last": ("halved", "weighted", nn.Linear(5, 2)),
    }
    operations = {
        name: Operation(name, (source,), kind, layer.double().eval().requires_grad_(False), (5,), True)
        for name, (source, kind, layer) in layers.items()
    }
    center = torch.randn(4, 3)
    half = torch.rand(4, 3) * 0.3
    return Query.of(RealNetwork(operations), InputBox(center - half, center + half), 0.05)


def draws(query, count, *, seed=0):
    """Results of every operation for weights, biases and inputs from the boxes, often from their corners."""
    generator = torch.Generator().manual_seed(seed)

    def share(like):
        drawn = 2 * torch.rand(like.shape, generator=generator, dtype=torch.float64) - 1
        return drawn.sign() if torch.rand(1, generator=generator) < 0.6 else drawn

    for _ in range(count):
        box = query.inputs
        values = {"inputs": box.center + share(box.lower) * (box.upper - box.lower) / 2}
        for operation in query.network.operations.values():
            operands = [values[source] for source in operation.inputs]
            moved = {
                name: tensor + share(tensor) * query.box.radius(f"{operation.name}.{name}", tensor)
                for name, tensor in operation.parameters.items()
            }
            result = torch.func.functional_call(operation.layer, moved, tuple(operands))
            if operation.kind == "rounding":
                result = result + share(result) * operation.layer.half_step
            values[operation.name] = result
        yield values
