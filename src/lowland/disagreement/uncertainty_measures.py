"""How unsure a network is of each answer, from its outputs alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Literal, get_args

import torch
from torch import Tensor

from lowland.disagreement.rows import checked_logits
from lowland.errors import LowlandError

UncertaintyMeasure = Literal["margin", "least_confidence", "entropy", "gini", "energy", "logit_margin"]


class _Outputs:
    """Outputs [rows, classes] in float64, their probabilities computed once."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.is_finite = logits.isfinite().all(1)

    @cached_property
    def probabilities(self) -> Tensor:
        return self.logits.softmax(1)


def _entropy(outputs: _Outputs) -> Tensor:
    logs = outputs.logits.log_softmax(1)
    return -(logs.exp() * logs).nan_to_num().sum(1)  # 0 log 0 is 0


def _gap(values: Tensor) -> Tensor:
    highest = values.topk(2, dim=1).values
    return highest[:, 0] - highest[:, 1]


_FORMULAS: dict[UncertaintyMeasure, Callable[[_Outputs], Tensor]] = {
    "margin": lambda outputs: 1 - _gap(outputs.probabilities),
    "least_confidence": lambda outputs: 1 - outputs.probabilities.amax(1),
    "entropy": _entropy,
    "gini": lambda outputs: 1 - outputs.probabilities.square().sum(1),
    "energy": lambda outputs: -outputs.logits.logsumexp(1),
    "logit_margin": lambda outputs: -_gap(outputs.logits),
}
UNCERTAINTY_MEASURES: tuple[UncertaintyMeasure, ...] = get_args(UncertaintyMeasure)
ALIKE_OF_TWO_CLASSES = frozenset(UNCERTAINTY_MEASURES) - {"energy"}
"""With two classes all of these fall as the gap between the outputs grows, and nothing else enters."""


def uncertainty(logits: Tensor, measure: UncertaintyMeasure, *, temperature: float = 1.0) -> Tensor:
    """How unsure a network is of each answer.

    Args:
        logits: [rows, classes] of the network that answers: at run time there is no other.
        measure: ``margin`` (one less the gap between the two highest probabilities), ``least_confidence`` (one less the
            highest), ``entropy`` (in nat), ``gini`` (one less the sum of squared probabilities), ``energy`` (minus the
            logarithm of the summed exponentials) or ``logit_margin`` (minus the gap between the two highest outputs).
        temperature: Divides the outputs before, see ``fitted_temperature``.

    Returns:
        [rows] in float64, higher where it is less sure; NaN in rows with an output that is not finite.

    Raises:
        LowlandError: Outputs of another form, a measure that there is not, a temperature that is not positive.

    Source:
        Margin, least confidence, entropy: Settles, Active learning literature survey, 2009, section 3.1; Gini: Feng et
        al., ISSTA 2020; energy: Liu et al., NeurIPS 2020, equation 4.
    """
    return uncertainties_of(logits, [measure], temperature=temperature)[measure]


def uncertainties_of(
    logits: Tensor, measures: Iterable[UncertaintyMeasure], *, temperature: float = 1.0
) -> dict[UncertaintyMeasure, Tensor]:
    """``uncertainty`` by several measures of the same outputs, which share what they have in common."""
    checked_logits(logits, "logits")
    if not 0 < temperature < float("inf"):
        raise LowlandError(f"temperature: got {temperature}; expected a positive number")
    outputs, found = _Outputs(logits.detach().double() / temperature), {}
    for measure in measures:
        if measure not in _FORMULAS:
            raise LowlandError(f"measure: got {measure!r}; expected one of {', '.join(UNCERTAINTY_MEASURES)}")
        found[measure] = torch.where(outputs.is_finite, _FORMULAS[measure](outputs), torch.nan)
    return found


def distinct_measures(measures: Iterable[UncertaintyMeasure], num_classes: int) -> tuple[UncertaintyMeasure, ...]:
    """Those of some measures that rank rows differently: with two classes all but the energy are one.

    Args:
        measures: In the order of preference.
        num_classes: Of the task.
    """
    kept: list[UncertaintyMeasure] = []
    for measure in measures:
        twin = num_classes == 2 and measure in ALIKE_OF_TWO_CLASSES and ALIKE_OF_TWO_CLASSES.intersection(kept)
        if not twin and measure not in kept:
            kept.append(measure)
    return tuple(kept)
