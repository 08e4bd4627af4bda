"""How unsure a network is of each answer, from its outputs alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, get_args

import torch
from torch import Tensor

from lowland.disagreement.rows import checked_logits
from lowland.errors import LowlandError

UncertaintyMeasure = Literal["margin", "least_confidence", "entropy", "gini", "energy", "logit_margin"]


def _entropy(logits: Tensor) -> Tensor:
    logs = logits.log_softmax(1)
    return -(logs.exp() * logs).nan_to_num().sum(1)  # 0 log 0 is 0


def _gap(values: Tensor) -> Tensor:
    highest = values.topk(2, dim=1).values
    return highest[:, 0] - highest[:, 1]


_FORMULAS: dict[UncertaintyMeasure, Callable[[Tensor], Tensor]] = {
    "margin": lambda logits: 1 - _gap(logits.softmax(1)),
    "least_confidence": lambda logits: 1 - logits.softmax(1).amax(1),
    "entropy": _entropy,
    "gini": lambda logits: 1 - logits.softmax(1).square().sum(1),
    "energy": lambda logits: -logits.logsumexp(1),
    "logit_margin": lambda logits: -_gap(logits),
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
    checked_logits(logits, "logits")
    if measure not in _FORMULAS:
        raise LowlandError(f"measure: got {measure!r}; expected one of {', '.join(UNCERTAINTY_MEASURES)}")
    if not 0 < temperature < float("inf"):
        raise LowlandError(f"temperature: got {temperature}; expected a positive number")
    scaled = logits.detach().double() / temperature
    found = _FORMULAS[measure](scaled)
    return torch.where(scaled.isfinite().all(1), found, torch.nan)


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
