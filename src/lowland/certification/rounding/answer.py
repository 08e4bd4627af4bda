"""The answer of an integer network: which output is highest, equal ones decided for the lowest index."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lowland.certification.rounding.integer_graph import IntegerGraph
from lowland.certification.rounding.linear_parts import Vector
from lowland.quantization.graph.integer import IntegerNetwork


def output_weights(graph: IntegerGraph) -> Vector:
    """What one unit of each output is worth: 1 where all have the same step size, so that margins are whole numbers."""
    scales = graph.scales[graph.output]
    weights: Vector = scales / scales.max()
    return weights


def integer_answers(network: IntegerNetwork, inputs: Tensor) -> Tensor:
    """Index of the highest output of each row [rows], computed in integers only.

    Args:
        network: Of a classifier.
        inputs: [rows, ...].
    """
    with torch.no_grad():
        outputs = network.forward_integer(inputs).double() * network.output_scale.double()
        return outputs.flatten(1).argmax(1)


def margin_to_change(answer: int, other: int, weights: Vector) -> float:
    """How far another output must be above the answer's for the answer to change, with room for a solver's tolerance.

    Whole margins change at 0 for a lower index and at 1 for a higher one: half a unit less than that is reached by none
    that does not change the answer.
    """
    if np.all(weights == 1):
        return (0.0 if other < answer else 1.0) - 0.5
    return -1e-6
