"""All scalar landscape measures of one cell: a registry of functions of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from lowland.coding.folding import fold_batch_norm
from lowland.estimate import Estimate
from lowland.landscape.curvature.capture import Curvature, exact_curvature, exact_curvature_with_inputs
from lowland.landscape.measures.eigenvalues import hessian_eigenvalues
from lowland.landscape.measures.gradient import gradient_norms
from lowland.landscape.measures.jacobian import input_jacobian_norm
from lowland.landscape.measures.matched import (
    CodedNetwork,
    flip_curvature,
    input_curvature,
    mean_squared_flip,
    rounding_curvature,
)
from lowland.landscape.measures.mismatch import (
    flip_mismatch_curvature,
    noise_mismatch_curvature,
    rounding_mismatch_curvature,
)
from lowland.landscape.measures.pyhessian_backend import pyhessian_eigenvalues, pyhessian_trace
from lowland.landscape.measures.sharpness import normalised_sharpness, output_entropy, scaled_trace, weight_norm
from lowland.landscape.measures.sharpness_adaptive import adaptive_sharpness
from lowland.landscape.measures.sharpness_expected import expected_sharpness
from lowland.landscape.measures.trace import hessian_trace_by_layer
from lowland.landscape.options import LandscapeOptions
from lowland.landscape.problem.model import Batches, Loss
from lowland.landscape.problem.problem import Model, Problem, module_of, problem_of
from lowland.measurements import Measurement

UNDEFINED = Estimate.missing("undefined")


@dataclass(frozen=True)
class MeasuredCell:
    """What the measures of one cell are functions of.

    Attributes:
        problem: Model, loss and rows.
        options: Backend, accuracy, noise level, sizes of weight changes.
        input_covariance: Variance of each input feature in training (the inputs' shape without rows); None: inputs are
            tokens, which have no derivative.
        is_classifier: Whether outputs are [rows, classes] and the highest one is what counts.
    """

    problem: Problem
    options: LandscapeOptions
    input_covariance: Tensor | None
    is_classifier: bool

    @property
    def curvature(self) -> Curvature:
        """What one pass over all rows gives, with the inputs' own where they have derivatives."""
        found = exact_curvature if self.input_covariance is None else exact_curvature_with_inputs
        return found(self.problem)

    @cached_property
    def few(self) -> Problem:
        """The same on the first rows, for what takes many passes."""
        return self.problem.first(self.options.few_rows)

    @property
    def has_codes(self) -> bool:
        """Whether the network stores integer codes."""
        return isinstance(self.problem.network, CodedNetwork)


Number = Callable[[MeasuredCell], Estimate]
NoiseNumber = Callable[[MeasuredCell, Tensor], Estimate]
Measure = Callable[[MeasuredCell], Iterable[Measurement]]


def measure_landscape(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    options: LandscapeOptions,
    input_covariance: Tensor | None,
    is_classifier: bool,
) -> list[Measurement]:
    r"""The rows of the ``landscape`` family for one cell.

    Loss, gradient norms, Hessian trace (whole and by layer), both ends of its spectrum, the matched curvatures (flip,
    input, rounding; for the loss and for the share of changed decisions), sharpness under random and worst-case changes
    of the weights, the norm of the input Jacobian, and the baselines (mean squared flip, scaled trace, logit-normalised
    sharpness, weight norm, entropy). What is differentiated in a deployed network is its twin at the dequantized
    weights with straight-through activation quantizers; batch-norm is folded into the layer before it, so that a
    network and its folded twin give the same numbers.

    What is about codes is ``undefined`` for float networks: they store IEEE-754 words, whose exponent flips leave the
    range of any expansion, and are on no grid. What needs the exact diagonal is ``undefined`` for networks that are
    not piecewise linear (a smooth activation of the outputs is taken for a part of the loss), and what is about
    decisions or logits for networks whose highest output decides nothing.

    Args:
        model: Float network in evaluation mode, a deployed one with ``codes``, ``scales``, ``bits``, ``dequantized()``,
            or a ``Problem`` of one.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        options: Backend, accuracy, noise level, sizes of weight changes.
        input_covariance: Variance of each input feature in training (the inputs' shape without rows), in squared input
            units; the noise at level p has :math:`(p / 100)^2` times this variance. None where inputs are tokens: the
            norm of the Jacobian is ``undefined`` then, and there are no rows about noise.
        is_classifier: Whether outputs are [rows, classes] and the highest one is what counts.

    Returns:
        One row a measure, numerical failure as a status.

    Raises:
        LowlandError: Training mode, unusable batches, parameters without gradient, a covariance of the wrong shape.
    """
    if not isinstance(model, CodedNetwork | Problem):
        model = fold_batch_norm(module_of(model))
    problem = problem_of(model, loss, batches)
    cell = MeasuredCell(problem, options, input_covariance, is_classifier)
    loss_there = cell.curvature.loss  # of what is shared by all that follow
    measured = (row for measure in MEASURES for row in measure(cell))
    return [Measurement("landscape", "loss", loss_there), *measured]


def _whole(name: str, number: Number) -> Measure:
    """One number about the whole network."""
    return lambda cell: [Measurement("landscape", name, number(cell))]


def _of_codes(name: str, number: Number) -> Measure:
    """The same, ``undefined`` for networks without codes."""
    return _whole(name, lambda cell: number(cell) if cell.has_codes else UNDEFINED)


def _under_noise(name: str, number: NoiseNumber) -> Measure:
    """One number about Gaussian noise at the level of the options, given its variances; nothing of tokens."""

    def measured(cell: MeasuredCell) -> Iterable[Measurement]:
        if cell.input_covariance is None:
            return []
        level = cell.options.input_noise_level
        noise = cell.input_covariance * (level / 100) ** 2
        return [Measurement("landscape", name, number(cell, noise), "gaussian", "", level)]

    return measured


def _of_decisions(number: Number) -> Number:
    """A number that is ``undefined`` where the highest output decides nothing."""
    return lambda cell: number(cell) if cell.is_classifier else UNDEFINED


def _traces(cell: MeasuredCell) -> Iterable[Measurement]:
    """The trace, whole and by layer, by the chosen backend and method."""
    options = cell.options
    if options.backend == "pyhessian":
        whole = pyhessian_trace(cell.problem, num_probes=options.num_probes)
        return [Measurement("landscape", "hessian_trace", whole)]
    traces = hessian_trace_by_layer(cell.problem, method=options.trace_method, num_probes=options.num_probes)
    return [Measurement("landscape", "hessian_trace", traces.total), *traces.rows()]


def _spectrum_ends(cell: MeasuredCell) -> Iterable[Measurement]:
    """Extreme eigenvalues by the chosen backend; PyHessian knows the largest magnitude only."""
    options, tolerance = cell.options, cell.options.eigenvalue_tolerance
    if options.backend == "pyhessian":
        largest = pyhessian_eigenvalues(cell.problem, tolerance=tolerance).largest
        # The largest in magnitude: where it is negative it is the other end of the spectrum.
        return [Measurement("landscape", "largest_eigenvalue", UNDEFINED if largest.value < 0 else largest)]
    ends = hessian_eigenvalues(cell.problem, which=options.eigenvalue_ends, tolerance=tolerance)
    rows = [Measurement("landscape", "largest_eigenvalue", ends.largest)]
    if options.eigenvalue_ends == "both":
        rows.append(Measurement("landscape", "smallest_eigenvalue", ends.smallest))
    return rows


MEASURES: tuple[Measure, ...] = (
    _whole("gradient_norm", lambda c: c.curvature.gradient_norm),
    _traces,
    _spectrum_ends,
    _of_codes("flip_curvature", lambda c: flip_curvature(c.problem, num_probes=c.options.num_probes)),
    _of_codes("rounding_curvature", lambda c: rounding_curvature(c.problem, num_probes=c.options.num_probes)),
    _of_codes("mean_squared_flip", lambda c: mean_squared_flip(c.problem)),
    _of_codes("flip_mismatch_curvature", _of_decisions(lambda c: flip_mismatch_curvature(c.few))),
    _of_codes("rounding_mismatch_curvature", _of_decisions(lambda c: rounding_mismatch_curvature(c.few))),
    _whole("scaled_trace", lambda c: scaled_trace(c.problem, num_probes=c.options.num_probes)),
    _whole(
        "normalised_sharpness",
        _of_decisions(lambda c: normalised_sharpness(c.problem, num_probes=c.options.num_probes)),
    ),
    _whole(
        "expected_sharpness",
        lambda c: expected_sharpness(
            c.few, relative_size=c.options.weight_noise_size, num_draws=c.options.weight_noise_draws
        ),
    ),
    _whole(
        "adaptive_sharpness",
        lambda c: adaptive_sharpness(c.few, radius=c.options.adaptive_radius, num_steps=c.options.adaptive_steps),
    ),
    _whole(
        "input_jacobian_norm",
        lambda c: UNDEFINED if c.input_covariance is None else input_jacobian_norm(c.problem),
    ),
    _whole("weight_norm", lambda c: weight_norm(c.problem)),
    _whole("output_entropy", _of_decisions(lambda c: output_entropy(c.problem.outputs()))),
    lambda c: gradient_norms(c.problem, quantiles=c.options.gradient_quantiles).rows(),
    _under_noise("input_curvature", lambda c, noise: input_curvature(c.problem, covariance=noise)),
    _under_noise(
        "input_mismatch_curvature",
        lambda c, noise: noise_mismatch_curvature(c.problem, covariance=noise) if c.is_classifier else UNDEFINED,
    ),
)
"""Every measure of a cell: a function of it that gives rows of the long table. What several need is computed once."""
