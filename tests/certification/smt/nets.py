"""Tiny networks with numbers that float32 holds exactly, and what is true of them by enumeration."""

import itertools

import pytest
import torch
from torch import nn

from lowland.certification.smt import solver_of
from lowland.errors import LowlandError


def needs_z3():
    try:
        solver_of("z3")
    except LowlandError:
        pytest.skip("z3 is not installed")


def dense(*layers, seed=0):
    """Layers whose weights are multiples of 1/16."""
    network = nn.Sequential(*layers).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for tensor in network.parameters():
        tensor.copy_(torch.randint(-16, 17, tensor.shape, generator=generator) / 16)
    return network


def margins_of_corners(query, row=0):
    """The logit for every corner of the weight box and of the input box, in float64."""
    network, box, inputs = query.network, query.box, query.inputs
    names = list(box.radii)
    sizes = [box.radii[name].numel() for name in names]
    values = []
    corners = itertools.product(
        *(
            sorted({a, b})
            for a, b in zip(inputs.lower[row].flatten().tolist(), inputs.upper[row].flatten().tolist(), strict=True)
        )
    )
    rows = torch.tensor(list(corners), dtype=torch.float64).reshape(-1, *inputs.lower.shape[1:])
    for signs in itertools.product((-1.0, 1.0), repeat=sum(sizes)):
        parts = torch.tensor(signs, dtype=torch.float64).split(sizes)
        changed = {
            name: network.parameters[name] + box.radii[name] * part.reshape(box.radii[name].shape)
            for name, part in zip(names, parts, strict=True)
        }
        values.append(network(rows, changed).flatten())
    return torch.stack(values)  # [corners of weights, corners of inputs]


def margins_of_draws(query, draws=20_000, row=0):
    """The logit of random weights and inputs of the boxes, most of them in corners."""
    network, box, inputs = query.network, query.box, query.inputs
    generator = torch.Generator().manual_seed(1)

    def share(shape):
        return (torch.rand(shape, generator=generator, dtype=torch.float64) * 6 - 3).clamp(-1, 1)

    names = list(box.radii)
    middle, half = inputs.center[row], (inputs.upper[row] - inputs.lower[row]) / 2
    rows = middle + half * share((draws, *middle.shape))
    changed = {
        name: network.parameters[name] + box.radii[name] * share((draws, *box.radii[name].shape)) for name in names
    }
    outputs = torch.func.vmap(lambda one, weights: network(one[None], weights)[0], in_dims=(0, 0))(rows, changed)
    return outputs, network(rows)
