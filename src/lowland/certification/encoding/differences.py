"""How far two copies of a network, one of them disturbed, can be apart at every operation: rows that tie them."""

from __future__ import annotations

import numpy as np
from torch import nn

from lowland.certification.encoding.builder import Matrices
from lowland.certification.encoding.encode import Encoded
from lowland.certification.encoding.scalar_network import Numbers
from lowland.certification.real_network import Operation, RealNetwork, Rounding
from lowland.quantization.graph.step import INPUTS

Ends = tuple[Numbers, Numbers]


def difference_ranges(network: RealNetwork, disturbed: Encoded, matrices: dict[str, Matrices]) -> dict[str, Ends]:
    """Both ends of disturbed minus undisturbed results of each operation, by interval arithmetic on the differences.

    Args:
        network: With its quantizers of activations, which the undisturbed copy does not have.
        disturbed: The copy that moves.
        matrices: Of its affine operations.
    """
    zeros = np.zeros(len(disturbed.places[INPUTS]))
    apart: dict[str, Ends] = {INPUTS: (zeros, zeros)}
    for operation in network.operations.values():
        low = np.concatenate([apart[name][0] for name in operation.inputs])
        high = np.concatenate([apart[name][1] for name in operation.inputs])
        if operation.kind in ("weighted", "linear"):
            apart[operation.name] = _affine(operation, low, high, disturbed, matrices[operation.name])
        elif operation.kind == "activation":
            ends = np.stack([slope * end for slope in _slopes(operation.layer) for end in (low, high)])
            apart[operation.name] = (ends.min(axis=0), ends.max(axis=0))
        elif operation.kind == "rounding":
            layer = operation.layer
            assert isinstance(layer, Rounding)
            known = _ends(disturbed, operation.inputs[0])
            least, most = known or (np.full(len(low), -np.inf), np.full(len(low), np.inf))
            # clamp(u) - u falls with u.
            moved_low = most.clip(layer.lowest, layer.highest) - most
            moved_high = least.clip(layer.lowest, layer.highest) - least
            apart[operation.name] = (low + moved_low - layer.half_step, high + moved_high + layer.half_step)
        else:  # of maxima of the same windows no two are further apart than some of their values
            count = int(np.prod(operation.shape))
            apart[operation.name] = (np.full(count, low.min()), np.full(count, high.max()))
    return apart


def _affine(operation: Operation, low: Numbers, high: Numbers, disturbed: Encoded, matrices: Matrices) -> Ends:
    positive, negative = matrices.weights.clip(min=0.0), matrices.weights.clip(max=0.0)
    moved = matrices.bias_radii
    if matrices.radii is not None:
        ends = _ends(disturbed, operation.inputs[0])
        assert ends is not None  # what a weighted operation takes has places
        moved = moved + matrices.radii @ np.maximum(np.abs(ends[0]), np.abs(ends[1]))
    return positive @ low + negative @ high - moved, positive @ high + negative @ low + moved


def _ends(encoded: Encoded, name: str) -> Ends | None:
    places = encoded.places.get(name)
    return None if places is None else (encoded.network.lower[places], encoded.network.upper[places])


def _slopes(layer: nn.Module) -> tuple[float, float]:
    if isinstance(layer, nn.LeakyReLU):
        slope = float(layer.negative_slope)
        return min(slope, 1.0), max(slope, 1.0)
    return 0.0, 1.0
