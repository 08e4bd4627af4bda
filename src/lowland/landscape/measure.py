"""All scalar landscape measures of one cell, and how alike two cells are."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lowland.coding.folding import fold_batch_norm
from lowland.estimate import Estimate
from lowland.landscape.curvature import Curvature, capture_curvature
from lowland.landscape.eigenvalues import Eigenvalues, hessian_eigenvalues
from lowland.landscape.gradient import gradient_norms
from lowland.landscape.jacobian import input_jacobian_norm
from lowland.landscape.linearity import obstacle_to_exactness
from lowland.landscape.matched import (
    CodedNetwork,
    expected_flip_rise,
    expected_noise_rise,
    expected_rounding_rise,
    flip_curvature,
    mean_squared_flip,
    rounding_curvature,
)
from lowland.landscape.mismatch import flip_mismatch_curvature, noise_mismatch_curvature, rounding_mismatch_curvature
from lowland.landscape.options import LandscapeOptions
from lowland.landscape.output_activation import without_output_activation
from lowland.landscape.pyhessian_backend import pyhessian_eigenvalues, pyhessian_trace
from lowland.landscape.sharpness import normalised_trace, output_entropy, relative_trace, scaled_trace, weight_norm
from lowland.landscape.sharpness_adaptive import adaptive_sharpness
from lowland.landscape.sharpness_expected import expected_sharpness
from lowland.landscape.similarity import disagreement_rate, layer_cka, linear_cka
from lowland.landscape.subject import Batch, Batches, Dequantizable, Loss, checked_batches, differentiable
from lowland.landscape.trace import LayerTraces, hessian_trace_by_layer, layer_traces
from lowland.measurements import Measurement

UNDEFINED = Estimate.missing("undefined")


def measure_landscape(
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: Batches,
    *,
    options: LandscapeOptions,
    input_covariance: Tensor,
    decides: bool,
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
        model: Float network in evaluation mode, or a deployed one with ``codes``, ``scales``, ``bits``,
            ``dequantized()``.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        options: Backend, accuracy, noise level, sizes of weight changes.
        input_covariance: Variance of each input feature in training (the inputs' shape without rows), in squared input
            units; the noise at level p has :math:`(p / 100)^2` times this variance.
        decides: Whether outputs are [rows, classes] and the highest one is what counts.

    Returns:
        One row a measure, numerical failure as a status.

    Raises:
        LowlandError: Training mode, unusable batches, parameters without gradient, a covariance of the wrong shape.
    """
    module = fold_batch_norm(differentiable(model))
    pairs = checked_batches(batches, module)
    inner, outer = without_output_activation(module, loss, pairs)
    exact = obstacle_to_exactness(inner, pairs) is None
    found = capture_curvature(inner, outer, pairs, parameters=exact)
    few = _first_rows(pairs, options.few_rows)
    level = options.input_noise_level
    covariance = input_covariance * (level / 100) ** 2
    probes = options.num_probes
    traces = _traces(module, loss, pairs, options, found if exact else None)
    ends = _spectrum_ends(module, loss, pairs, options)
    values: dict[str, Estimate] = {
        "gradient_norm": found.gradient_norm,
        "hessian_trace": traces.total,
        **ends,
        **_code_measures(model, loss, pairs, options, found if exact else None, few, decides=decides),
        "scaled_trace": relative_trace(found) if exact else scaled_trace(module, loss, pairs, num_probes=probes),
        "normalised_sharpness": (
            normalised_trace(module, loss, pairs, found.outputs, num_probes=probes) if decides else UNDEFINED
        ),
        "expected_sharpness": expected_sharpness(
            module, loss, few, relative_size=options.weight_noise_size, num_draws=options.weight_noise_draws
        ),
        "adaptive_sharpness": adaptive_sharpness(
            module, loss, few, radius=options.adaptive_radius, num_steps=options.adaptive_steps
        ),
        "input_jacobian_norm": input_jacobian_norm(module, pairs),
        "weight_norm": weight_norm(module),
        "output_entropy": output_entropy(found.outputs) if decides else UNDEFINED,
    }
    noise = {
        "input_curvature": expected_noise_rise(found, covariance=covariance),
        "input_mismatch_curvature": (
            noise_mismatch_curvature(module, pairs, covariance=covariance) if decides else UNDEFINED
        ),
    }
    return [
        Measurement("landscape", "loss", found.loss),
        *(Measurement("landscape", name, value) for name, value in values.items()),
        *gradient_norms(module, loss, pairs, quantiles=options.gradient_quantiles).rows(),
        *traces.rows(),
        *(Measurement("landscape", name, value, "gaussian", "", level) for name, value in noise.items()),
    ]


def compare_networks(
    first: nn.Module | Dequantizable | None,
    second: nn.Module | Dequantizable | None,
    inputs: Tensor,
    *,
    options: LandscapeOptions,
    answers: Callable[[Tensor], Tensor],
    decides: bool,
    reference: str,
) -> list[Measurement]:
    """How alike two networks see the same rows: CKA of outputs and layers, and how often they decide differently.

    Args:
        first: Network in evaluation mode; ``None`` where there is none to be trusted.
        second: The same.
        inputs: Rows [rows, ...]; layers are compared on the first few of them.
        options: How many these are.
        answers: What counts of the outputs [rows, ...]; their CKA is of this.
        decides: Whether outputs are [rows, classes] and the highest one is what counts.
        reference: Id of the second one's cell, for the table.

    Returns:
        One row a measure; ``non_finite`` where a network is missing.
    """
    if first is None or second is None:
        names = ("cka", "disagreement_rate")
        return [Measurement("landscape", name, Estimate.missing("non_finite"), reference=reference) for name in names]
    few = inputs[: options.few_rows]
    with torch.no_grad():
        outputs = [differentiable(network)(inputs) for network in (first, second)]
    disagreement = disagreement_rate(*outputs) if decides else UNDEFINED
    layers = layer_cka(first, second, [(few, few.new_zeros(len(few)))])
    return [
        Measurement("landscape", "cka", linear_cka(*map(answers, outputs)), reference=reference),
        Measurement("landscape", "disagreement_rate", disagreement, reference=reference),
        *(
            Measurement("landscape", "cka", value, target=layer, reference=reference)
            for layer, value in layers.items()
            if layer != "output"
        ),
    ]


def _spectrum_ends(
    module: nn.Module, loss: Loss, pairs: tuple[Batch, ...], options: LandscapeOptions
) -> dict[str, Estimate]:
    """Extreme eigenvalues by the chosen backend; PyHessian knows the largest magnitude only."""
    tolerance = options.eigenvalue_tolerance
    if options.backend == "pyhessian":
        found: Eigenvalues = pyhessian_eigenvalues(module, loss, pairs, tolerance=tolerance)
        # The largest in magnitude: where it is negative it is the other end of the spectrum.
        return {"largest_eigenvalue": UNDEFINED if found.largest.value < 0 else found.largest}
    found = hessian_eigenvalues(module, loss, pairs, which=options.eigenvalue_ends, tolerance=tolerance)
    ends = {"largest_eigenvalue": found.largest}
    return ends | {"smallest_eigenvalue": found.smallest} if options.eigenvalue_ends == "both" else ends


def _traces(
    module: nn.Module, loss: Loss, batches: Batches, options: LandscapeOptions, exact: Curvature | None
) -> LayerTraces:
    """The trace, whole and by layer, by the chosen backend and method; the capture serves where it is that."""
    if options.backend == "pyhessian":
        return LayerTraces({}, pyhessian_trace(module, loss, batches, num_probes=options.num_probes))
    if exact is not None and options.trace_method in ("auto", "exact"):
        return layer_traces(exact)
    return hessian_trace_by_layer(module, loss, batches, method=options.trace_method, num_probes=options.num_probes)


def _code_measures(
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: tuple[Batch, ...],
    options: LandscapeOptions,
    exact: Curvature | None,
    few: tuple[Batch, ...],
    *,
    decides: bool,
) -> dict[str, Estimate]:
    """What is defined for networks with codes only."""
    if not isinstance(model, CodedNetwork):
        names = ("flip_curvature", "rounding_curvature", "mean_squared_flip")
        return dict.fromkeys((*names, "flip_mismatch_curvature", "rounding_mismatch_curvature"), UNDEFINED)
    if exact is not None:
        rises = expected_flip_rise(model, exact), expected_rounding_rise(model, exact)
    else:
        probes = options.num_probes
        flip = flip_curvature(model, loss, batches, num_probes=probes)
        rises = flip, rounding_curvature(model, loss, batches, num_probes=probes)
    return {
        "flip_curvature": rises[0],
        "rounding_curvature": rises[1],
        "mean_squared_flip": mean_squared_flip(model),
        "flip_mismatch_curvature": flip_mismatch_curvature(model, few) if decides else UNDEFINED,
        "rounding_mismatch_curvature": rounding_mismatch_curvature(model, few) if decides else UNDEFINED,
    }


def _first_rows(pairs: tuple[Batch, ...], count: int) -> tuple[Batch, ...]:
    """The first rows of all batches together."""
    kept, left = [], count
    for inputs, targets in pairs:
        if left > 0:
            kept.append((inputs[:left], targets[:left]))
            left -= len(inputs)
    return tuple(kept)
