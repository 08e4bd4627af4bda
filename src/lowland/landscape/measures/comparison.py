"""How alike two networks see the same rows, as rows of the long table."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lowland.estimate import Estimate
from lowland.landscape.measures.similarity import disagreement_rate, layer_cka, linear_cka
from lowland.landscape.options import LandscapeOptions
from lowland.landscape.problem.problem import Model, module_of
from lowland.measurements import Measurement

UNDEFINED = Estimate.missing("undefined")


def compare_networks(
    first: Model | None,
    second: Model | None,
    inputs: Tensor,
    *,
    options: LandscapeOptions,
    scored_outputs: Callable[[Tensor], Tensor],
    is_classifier: bool,
) -> list[Measurement]:
    """How alike two networks see the same rows: CKA of outputs and layers, and how often they decide differently.

    Args:
        first: Network in evaluation mode; ``None`` where there is none to be trusted.
        second: The same.
        inputs: Rows [rows, ...]; layers are compared on the first few of them.
        options: How many these are.
        scored_outputs: What counts of the outputs [rows, ...]; their CKA is of this.
        is_classifier: Whether outputs are [rows, classes] and the highest one is what counts.

    Returns:
        One row a measure; ``non_finite`` where a network is missing.
    """
    if first is None or second is None:
        names = ("cka", "disagreement_rate")
        return [Measurement("landscape", name, Estimate.missing("non_finite")) for name in names]
    few = inputs[: options.few_rows]
    with torch.no_grad():
        outputs = [module_of(network)(inputs) for network in (first, second)]
    disagreement = disagreement_rate(*outputs) if is_classifier else UNDEFINED
    layers = layer_cka(first, second, [(few, few.new_zeros(len(few)))])
    return [
        Measurement("landscape", "cka", linear_cka(*map(scored_outputs, outputs))),
        Measurement("landscape", "disagreement_rate", disagreement),
        *(Measurement("landscape", "cka", value, target=layer) for layer, value in layers.items() if layer != "output"),
    ]
