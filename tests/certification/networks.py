"""Small networks of every kind that can be encoded, and the slow exact answers for some of them."""

import itertools

import torch
from torch import nn

from lowland.certification import Query
from lowland.certification.disturbances import undisturbed
from lowland.certification.sampling import deviations

ACTIVATIONS = {
    "relu": nn.ReLU,
    "linear": nn.Identity,
    "leaky": lambda: nn.LeakyReLU(0.1),
    "hard_tanh": lambda: nn.Hardtanh(-0.5, 0.7),
}


def perceptron(seed, sizes=(2, 4, 3, 1), activation="relu"):
    """Dense layers with an activation between them."""
    torch.manual_seed(seed)
    layers = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
    return nn.Sequential(*[layer for layer in layers[:-1] if not isinstance(layer, nn.Identity)]).eval()


class Skipping(nn.Module):
    """A hidden layer that is added to itself further on, and set beside the inputs."""

    def __init__(self, outputs=1):
        super().__init__()
        self.first, self.second = nn.Linear(2, 3), nn.Linear(3, 3)
        self.last = nn.Linear(5, outputs)
        self.relu = nn.ReLU()

    def forward(self, inputs):
        hidden = self.relu(self.first(inputs))
        return self.last(torch.cat([self.relu(self.second(hidden)) + hidden, inputs], dim=1))


class Convolving(nn.Module):
    """A convolution on an image of 3 by 3, pooling, and a dense layer."""

    def __init__(self, pool=True, deeper=False):
        super().__init__()
        self.first = nn.Conv2d(1, 2, 2)
        self.second = nn.Conv2d(2, 2, 1) if deeper else nn.Identity()
        self.pool = nn.MaxPool2d(2) if pool else nn.Flatten()
        self.last = nn.Linear(2 if pool else 8, 1)
        self.relu = nn.ReLU()

    def forward(self, inputs):
        hidden = self.relu(self.first(inputs))
        if isinstance(self.second, nn.Conv2d):
            hidden = self.relu(self.second(hidden))
        return self.last(self.pool(hidden).flatten(1))


def corners(query, row=0):
    """Every corner of a row's box (2^elements members)."""
    like = undisturbed(query)
    moving = [tensor.numel() for tensor in like.tensors]
    if query.inputs.is_fixed:
        moving[0] = 0
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=sum(moving))), dtype=torch.float64)
    parts = list(signs.split(moving, dim=1))
    if query.inputs.is_fixed:
        parts[0] = torch.zeros(len(signs), like.tensors[0].numel(), dtype=torch.float64)
    return like.with_tensors(
        [part.reshape(len(signs), *tensor.shape[1:]) for part, tensor in zip(parts, like.tensors, strict=True)]
    )


def deviation_at_corners(model, x, epsilon):
    """The largest deviation at the corners of a box, which is the largest anywhere if it is convex in each number."""
    query = Query.of(model, x, epsilon)
    with torch.no_grad():
        return float(deviations(query, 0, corners(query)).abs().max())
