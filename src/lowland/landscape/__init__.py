"""The shape of a model's loss landscape: curvature in the metrics of its disturbances, and the literature's measures.

Models are ``nn.Module`` in evaluation mode, or deployed networks that offer ``dequantized()``; ``loss(outputs,
targets)`` is a mean over rows; ``batches`` is a sequence of ``(inputs, targets)``. Every model is left as it came.
"""

from lowland.landscape.curvature import Curvature, capture_curvature
from lowland.landscape.eigenvalues import Eigenvalues, hessian_eigenvalues
from lowland.landscape.gradient import gradient_norm, mean_gradient
from lowland.landscape.linearity import obstacle_to_exactness
from lowland.landscape.matched import flip_curvature, input_curvature, mean_squared_flip, rounding_curvature
from lowland.landscape.measure import measure_landscape
from lowland.landscape.options import LandscapeOptions
from lowland.landscape.pyhessian_backend import pyhessian_eigenvalues, pyhessian_trace
from lowland.landscape.sharpness import normalised_sharpness, output_entropy, scaled_trace, weight_norm
from lowland.landscape.similarity import linear_cka
from lowland.landscape.trace import hessian_diagonal, hessian_trace

__all__ = [
    "Curvature",
    "Eigenvalues",
    "LandscapeOptions",
    "capture_curvature",
    "flip_curvature",
    "gradient_norm",
    "hessian_diagonal",
    "hessian_eigenvalues",
    "hessian_trace",
    "input_curvature",
    "linear_cka",
    "mean_gradient",
    "mean_squared_flip",
    "measure_landscape",
    "normalised_sharpness",
    "obstacle_to_exactness",
    "output_entropy",
    "pyhessian_eigenvalues",
    "pyhessian_trace",
    "rounding_curvature",
    "scaled_trace",
    "weight_norm",
]
