"""The slope of the loss in the parameters."""

from __future__ import annotations

from torch import Tensor, nn

from lowland.estimate import Estimate
from lowland.landscape.curvature import capture_curvature
from lowland.landscape.subject import Batches, Dequantizable, Loss


def mean_gradient(model: nn.Module | Dequantizable, loss: Loss, batches: Batches) -> dict[str, Tensor]:
    """Gradient of the mean loss over all rows; the parameters' own ``.grad`` is not touched.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).

    Returns:
        float64 tensors of the parameters' shapes by parameter name.

    Raises:
        LowlandError: Training mode, unusable batches or parameters without gradient.
    """
    return capture_curvature(model, loss, batches, parameters=False, inputs=False).gradient


def gradient_norm(model: nn.Module | Dequantizable, loss: Loss, batches: Batches) -> Estimate:
    """Euclidean norm of the gradient of the mean loss in all trainable parameters.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).

    Returns:
        The norm, deterministic on these rows; status ``non_finite`` where the loss is.

    Raises:
        LowlandError: Training mode, unusable batches or parameters without gradient.
    """
    return capture_curvature(model, loss, batches, parameters=False, inputs=False).gradient_norm
