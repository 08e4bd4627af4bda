"""How far a confidence can move within a box: one function, several methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from lowland.certification.bounds import Bounds
from lowland.certification.exact import programmed
from lowland.certification.inputs import InputBox
from lowland.certification.options import MethodOptions
from lowland.certification.query import Query
from lowland.certification.real_network import RealNetwork
from lowland.certification.relaxation.deviation_bounds import by_intervals, by_relaxation
from lowland.certification.sampling import sampled, searched
from lowland.certification.smt.bisection import solved
from lowland.errors import LowlandError, did_you_mean

Method = Callable[[Query, MethodOptions], Bounds]
"""The largest deviation over all rows of a question; sound from both sides, whatever it costs."""

METHODS: dict[str, Method] = {
    "sample": sampled,
    "search": searched,
    "milp": programmed,
    "smt": solved,
    "relaxation": by_relaxation,
    "interval": by_intervals,
}
"""By name; inputs without extent make the question local, boxes of them global."""


def local_deviation(
    model: nn.Module | RealNetwork,
    x: Tensor,
    epsilon: float | Mapping[str, float | Tensor] | None,
    *,
    method: str,
    timeout: float | None = None,
    tolerance: float = 1e-3,
) -> Bounds:
    """The largest change of the assigned class's confidence when weights and biases move within a box.

    delta(x) = sup over |Delta_i| <= epsilon_i of |c(x; theta + Delta) - c(x; theta)|, with c the sigmoid of one logit
    or the softmax of several; in real arithmetic, around the folded weights.

    Args:
        model: Float classifier.
        x: One row [1, features ...], or several: the largest of them.
        epsilon: Radius of all weights and biases, or by name (see ``WeightBox.around``); ``None``: none moves.
        method: A key of ``METHODS``: ``sample`` and ``search`` find, the others prove.
        timeout: Seconds, after which the bounds reached are returned.
        tolerance: Width of bounds that count as ``exact``.

    Raises:
        LowlandError: Whatever in the question cannot be (see ``Query.of``), or a method that is not known.
    """
    return method_of(method)(Query.of(model, x, epsilon), MethodOptions(timeout, tolerance))


def global_deviation(
    model: nn.Module | RealNetwork,
    input_box: InputBox,
    epsilon: float | Mapping[str, float | Tensor] | None,
    *,
    method: str,
    timeout: float | None = None,
    tolerance: float = 1e-3,
) -> Bounds:
    """The largest change of the assigned class's confidence when inputs as well are anywhere in a box.

    delta = sup over x in the box and |Delta_i| <= epsilon_i of |c(x; theta + Delta) - c(x; theta)|, c being of the
    class that is assigned to that x.

    Args:
        model: Float classifier.
        input_box: One box, or several: the largest over all of them.
        epsilon: As for ``local_deviation``.
        method: A key of ``METHODS``.
        timeout: Seconds, after which the bounds reached are returned.
        tolerance: Width of bounds that count as ``exact``; cells of the logit are halved until it is reached.

    Raises:
        LowlandError: Whatever in the question cannot be (see ``Query.of``), or a method that is not known.
    """
    return method_of(method)(Query.of(model, input_box, epsilon), MethodOptions(timeout, tolerance))


def method_of(name: str) -> Method:
    """The method of this name.

    Raises:
        LowlandError: There is none.
    """
    if name not in METHODS:
        raise LowlandError(f"method is {name!r}; expected one of {', '.join(METHODS)}{did_you_mean(name, METHODS)}")
    return METHODS[name]
