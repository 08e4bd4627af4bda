"""Penalties that flatten a network's response or keep its weight matrices well conditioned."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.fake_quantized.network import QuantizedNetwork
from lowland.quantization.parameter_codes import WeightLayer, coded_parameters, stored_weights


def jacobian_penalty(
    outputs: Tensor, inputs: Tensor, *, num_projections: int, generator: torch.Generator | None = None
) -> Tensor:
    """Half the mean squared Frobenius norm of the input-output Jacobian, ½·E‖∂z/∂x‖²_F.

    Every sample gets its own random *orthonormal* frame of n projection vectors, scaled by C/n: unbiased for any n and
    exact for n = C, whatever the batch size.

    Args:
        outputs: Network outputs z [n, C], still attached to ``inputs``.
        inputs: Network inputs [n, ...] that require gradients.
        num_projections: Vectors per sample, 1 to C.
        generator: Draws the frames; the exact value needs none.

    Returns:
        A differentiable scalar.

    Raises:
        LowlandError: ``num_projections`` outside 1 to C, or inputs that do not require gradients.

    Source:
        Hoffman, Roberts, Yaida 2019, arXiv 1908.02729, algorithm 1.
    """
    samples, width = outputs.shape
    if not 1 <= num_projections <= width:
        raise LowlandError(f"num_projections is {num_projections}; expected 1 to the number of outputs, {width}")
    if not inputs.requires_grad:
        raise LowlandError("inputs of jacobian_penalty do not require gradients; call inputs.requires_grad_() first")
    if num_projections == width:
        frames = torch.eye(width, dtype=outputs.dtype, device=outputs.device).expand(samples, width, width)
    else:
        normal = torch.randn(samples, width, num_projections, generator=generator, dtype=outputs.dtype)
        frames = _orthonormal_columns(normal).to(outputs.device)
    total = outputs.new_zeros(())
    for k in range(num_projections):
        (gradient,) = torch.autograd.grad(outputs, inputs, grad_outputs=frames[:, :, k], create_graph=True)
        total = total + gradient.square().sum()
    return 0.5 * (width / num_projections) * total / samples


def _orthonormal_columns(matrices: Tensor) -> Tensor:
    if matrices.shape[2] == 1:  # a decomposition per sample would cost more than the training step
        return matrices / matrices.norm(dim=1, keepdim=True)
    return torch.linalg.qr(matrices).Q


def orthogonality_penalty(model: nn.Module) -> Tensor:
    """Distance of every weight matrix from orthonormality, Σ ‖WWᵀ − I‖²_F on its smaller side.

    Weights of Linear and convolution layers only, as out × (in·kernel) matrices: zero for orthonormal rows (or
    columns where the matrix is tall). Biases and batch-norm scales do not enter.

    Returns:
        A differentiable scalar.

    Source:
        Cisse et al. 2017, arXiv 1704.08847; the smaller side after Bansal et al. 2018, arXiv 1810.09102.
    """
    total: Tensor | None = None
    for matrix in weight_matrices(model):
        gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
        distance = (gram - torch.eye(gram.shape[0], dtype=gram.dtype, device=gram.device)).square().sum()
        total = distance if total is None else total + distance
    if total is None:
        raise LowlandError(f"orthogonality_penalty: {type(model).__name__} has no Linear or convolution layer")
    return total


TRANSPOSED_LAYERS = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def weight_layers(model: nn.Module) -> Iterator[WeightLayer]:
    """All Linear and (transposed) convolution layers, in the order of ``model.modules()``."""
    yield from (layer for layer in model.modules() if isinstance(layer, WeightLayer))


def weight_matrices(model: nn.Module) -> Iterator[Tensor]:
    """Weights of all Linear and (transposed) convolution layers as out × (in·kernel) matrices."""
    for layer in weight_layers(model):
        weight = layer.weight.transpose(0, 1) if isinstance(layer, TRANSPOSED_LAYERS) else layer.weight
        yield weight.flatten(1)


@torch.no_grad()
def clip_weights(model: nn.Module, limit: float, *, float_from: str | None = None) -> None:
    """Clips the weights (not biases) that are deployed in codes to ±``limit``, in place; frozen ones are left alone.

    Args:
        model: A float network, or a fake-quantized model, which knows itself what stays float.
        limit: Above 0.
        float_from: Name of the layer from which on a float network stays float; by default nothing does.

    Raises:
        LowlandError: There is no such layer, or weights are computed from other parameters.
    """
    coded = model.stored if isinstance(model, QuantizedNetwork) else coded_parameters(model, float_from)
    weights = {id(weight) for weight in stored_weights(model)}
    for parameter in coded.values():
        if id(parameter) in weights and parameter.requires_grad:
            parameter.clamp_(-limit, limit)
