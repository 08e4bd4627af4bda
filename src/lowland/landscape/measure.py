"""Every scalar measure of one model's loss landscape, from one capture of its curvature."""

from __future__ import annotations

from torch import Tensor, nn

from lowland.estimate import Estimate
from lowland.landscape.curvature import Curvature, capture_curvature
from lowland.landscape.eigenvalues import hessian_eigenvalues
from lowland.landscape.linearity import obstacle_to_exactness
from lowland.landscape.matched import (
    CodedNetwork,
    expected_flip_rise,
    expected_noise_rise,
    expected_rounding_rise,
    mean_squared_flip,
)
from lowland.landscape.options import LandscapeOptions
from lowland.landscape.pyhessian_backend import pyhessian_eigenvalues, pyhessian_trace
from lowland.landscape.sharpness import normalised_trace, output_entropy, relative_trace, weight_norm
from lowland.landscape.subject import Batches, Dequantizable, Loss, checked_batches, differentiable
from lowland.landscape.trace import hessian_trace
from lowland.measurements import Measurement

EIGENVALUE_BACKENDS = {"lowland": hessian_eigenvalues, "pyhessian": pyhessian_eigenvalues}


def measure_landscape(
    model: nn.Module | Dequantizable,
    loss: Loss,
    batches: Batches,
    *,
    options: LandscapeOptions,
    input_covariance: Tensor,
) -> list[Measurement]:
    r"""The rows of the ``landscape`` family for one cell.

    Loss, gradient norm, Hessian trace, largest eigenvalue, the matched curvatures (flip, input, rounding) and the
    baselines (mean squared flip, scaled trace, logit-normalised sharpness, weight norm, entropy). What is
    differentiated in a deployed network is its twin at the dequantized weights with straight-through activation
    quantizers.

    Flip curvature, mean squared flip and rounding curvature are ``undefined`` for float networks: they store IEEE-754
    words, whose exponent flips leave the range of any expansion, and are on no grid. What needs the exact diagonal is
    ``undefined`` for networks that are not piecewise linear.

    Args:
        model: Float network in evaluation mode, or a deployed one with ``codes``, ``scales``, ``bits``,
            ``dequantized()``.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        options: Backend, accuracy, noise level.
        input_covariance: Variance of each input feature in training (the inputs' shape without rows), in squared input
            units; the noise at level p has :math:`(p / 100)^2` times this variance.

    Returns:
        One row a measure, numerical failure as a status.

    Raises:
        LowlandError: Training mode, unusable batches, parameters without gradient, a covariance of the wrong shape.
    """
    module = differentiable(model)
    pairs = checked_batches(batches, module)
    exact = obstacle_to_exactness(module, pairs[0][0]) is None
    found = capture_curvature(module, loss, pairs, parameters=exact)
    level = options.input_noise_level
    noise = expected_noise_rise(found, covariance=input_covariance * (level / 100) ** 2)
    eigenvalues = EIGENVALUE_BACKENDS[options.backend](module, loss, pairs, tolerance=options.eigenvalue_tolerance)
    entropy = found.outputs.ndim == 2 and found.outputs.shape[1] > 1
    values: dict[str, Estimate] = {
        "gradient_norm": found.gradient_norm,
        "hessian_trace": _trace(module, loss, pairs, options, found if exact else None),
        "largest_eigenvalue": eigenvalues.largest,
        **_code_measures(model, found if exact else None),
        "scaled_trace": relative_trace(found) if exact else Estimate.missing("undefined"),
        "normalised_sharpness": (
            normalised_trace(module, loss, pairs, found.outputs) if exact else Estimate.missing("undefined")
        ),
        "weight_norm": weight_norm(module),
        "output_entropy": output_entropy(found.outputs) if entropy else Estimate.missing("undefined"),
    }
    return [
        Measurement("landscape", "loss", found.loss, "landscape"),
        *(Measurement("landscape", name, value) for name, value in values.items()),
        Measurement("landscape", "input_curvature", noise, "gaussian", "", level),
    ]


def _trace(
    module: nn.Module, loss: Loss, batches: Batches, options: LandscapeOptions, exact: Curvature | None
) -> Estimate:
    """The trace by the chosen backend and method; the capture serves where it is what was asked for."""
    if options.backend == "pyhessian":
        return pyhessian_trace(module, loss, batches, num_probes=options.num_probes)
    if exact is not None and options.trace_method != "hutchinson":
        return exact.trace
    return hessian_trace(module, loss, batches, method=options.trace_method, num_probes=options.num_probes)


def _code_measures(model: nn.Module | Dequantizable, exact: Curvature | None) -> dict[str, Estimate]:
    """What is defined for networks with codes only."""
    missing = Estimate.missing("undefined")
    if not isinstance(model, CodedNetwork):
        return dict.fromkeys(("flip_curvature", "rounding_curvature", "mean_squared_flip"), missing)
    return {
        "flip_curvature": expected_flip_rise(model, exact) if exact else missing,
        "rounding_curvature": expected_rounding_rise(model, exact) if exact else missing,
        "mean_squared_flip": mean_squared_flip(model),
    }
