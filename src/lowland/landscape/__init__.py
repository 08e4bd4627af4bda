"""The shape of a model's loss landscape: curvature in the metrics of its disturbances, and the literature's measures.

Models are ``nn.Module`` in evaluation mode, or deployed networks that offer ``dequantized()``; ``loss(outputs,
targets)`` is a mean over rows; ``batches`` is a sequence of ``(inputs, targets)``. Every model is left as it came.
"""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.landscape.curvature.capture import Curvature, capture_curvature
    from lowland.landscape.measures.comparison import compare_networks
    from lowland.landscape.measures.eigenvalues import Eigenvalues, hessian_eigenvalues
    from lowland.landscape.measures.gradient import GradientNorms, gradient_norm, gradient_norms, mean_gradient
    from lowland.landscape.measures.jacobian import input_jacobian_norm
    from lowland.landscape.measures.lanczos_quadrature import SpectralDensity, spectral_density
    from lowland.landscape.measures.matched import (
        flip_curvature,
        input_curvature,
        mean_squared_flip,
        rounding_curvature,
    )
    from lowland.landscape.measures.measure import measure_landscape
    from lowland.landscape.measures.mismatch import (
        flip_mismatch_curvature,
        noise_mismatch_curvature,
        rounding_mismatch_curvature,
    )
    from lowland.landscape.measures.pyhessian_backend import pyhessian_eigenvalues, pyhessian_trace
    from lowland.landscape.measures.sharpness import normalised_sharpness, output_entropy, scaled_trace, weight_norm
    from lowland.landscape.measures.sharpness_adaptive import adaptive_sharpness
    from lowland.landscape.measures.sharpness_expected import expected_sharpness
    from lowland.landscape.measures.similarity import disagreement_rate, layer_cka, linear_cka
    from lowland.landscape.measures.trace import (
        LayerTraces,
        hessian_diagonal,
        hessian_trace,
        hessian_trace_by_layer,
        weighted_trace,
    )
    from lowland.landscape.options import LandscapeDetailOptions, LandscapeOptions
    from lowland.landscape.problem.linearity import obstacle_to_exactness
    from lowland.landscape.problem.model import differentiable
    from lowland.landscape.problem.problem import Problem
    from lowland.landscape.surface.connectivity import ModeConnectivity, mode_connectivity
    from lowland.landscape.surface.directions import (
        Direction,
        Directions,
        filter_normalised_directions,
        hessian_directions,
        plane,
    )
    from lowland.landscape.surface.loss_surface import LossSurface, loss_surface
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "Curvature",
    "Direction",
    "Directions",
    "Eigenvalues",
    "GradientNorms",
    "LandscapeDetailOptions",
    "LandscapeOptions",
    "LayerTraces",
    "LossSurface",
    "ModeConnectivity",
    "Problem",
    "SpectralDensity",
    "adaptive_sharpness",
    "capture_curvature",
    "compare_networks",
    "differentiable",
    "disagreement_rate",
    "expected_sharpness",
    "filter_normalised_directions",
    "flip_curvature",
    "flip_mismatch_curvature",
    "gradient_norm",
    "gradient_norms",
    "hessian_diagonal",
    "hessian_directions",
    "hessian_eigenvalues",
    "hessian_trace",
    "hessian_trace_by_layer",
    "input_curvature",
    "input_jacobian_norm",
    "layer_cka",
    "linear_cka",
    "loss_surface",
    "mean_gradient",
    "mean_squared_flip",
    "measure_landscape",
    "mode_connectivity",
    "noise_mismatch_curvature",
    "normalised_sharpness",
    "obstacle_to_exactness",
    "output_entropy",
    "plane",
    "pyhessian_eigenvalues",
    "pyhessian_trace",
    "rounding_curvature",
    "rounding_mismatch_curvature",
    "scaled_trace",
    "spectral_density",
    "weight_norm",
    "weighted_trace",
]
