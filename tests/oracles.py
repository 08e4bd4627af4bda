"""Slow and obviously right: dense Hessians, brute-force flips and kernels, in plain loops."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lowland.landscape.problem.model import Loss


def dense_hessian(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor) -> Tensor:
    """Hessian [p, p] of the mean loss in all parameters, one row after the other."""
    parameters = list(model.parameters())
    slopes = torch.autograd.grad(loss(model(inputs), targets), parameters, create_graph=True)
    rows = []
    for slope in torch.cat([s.flatten() for s in slopes]):
        row = torch.autograd.grad(slope, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([part.flatten() for part in row]))
    return torch.stack(rows)


def dense_gradient(model: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor) -> Tensor:
    """Gradient [p] of the mean loss."""
    slopes = torch.autograd.grad(loss(model(inputs), targets), list(model.parameters()))
    return torch.cat([slope.flatten() for slope in slopes])


def input_gauss_newton(model: nn.Module, loss: Loss, row: Tensor, target: Tensor) -> Tensor:
    """J^T H_L J [d, d] of one row: Jacobian of the outputs in the inputs, Hessian of the loss in the outputs."""
    jacobian = torch.autograd.functional.jacobian(lambda x: model(x[None])[0].flatten(), row).flatten(1)
    output = model(row[None]).detach()
    hessian = torch.autograd.functional.hessian(lambda z: loss(z.reshape_as(output), target[None]), output.flatten())
    return jacobian.T @ hessian @ jacobian


def flipped(code: int, places: int | Iterable[int], bits: int, encoding: str = "twos_complement") -> int:
    """The code after one bit or several bits of its word are inverted, by way of the word itself."""
    mask = sum(1 << place for place in ([places] if isinstance(places, int) else places))
    if encoding == "sign_magnitude":
        word = (abs(code) | (2 ** (bits - 1) if code < 0 else 0)) ^ mask
        magnitude = word % 2 ** (bits - 1)
        return -magnitude if word >= 2 ** (bits - 1) else magnitude
    if encoding == "offset_binary":
        return ((code + 2 ** (bits - 1)) ^ mask) - 2 ** (bits - 1)
    word = (code % 2**bits) ^ mask
    return word - 2**bits if word >= 2 ** (bits - 1) else word


def second_order_flip_rise(network, loss: Loss, inputs: Tensor, targets: Tensor, kinds: tuple[str, ...]) -> float:
    """Mean over every single flip of g d + H d^2 / 2, with the dense Hessian of the dequantized twin."""
    twin = network.dequantized().eval()
    names = [name for name, _ in twin.named_parameters()]
    sizes = [p.numel() for p in twin.parameters()]
    gradient = dict(zip(names, dense_gradient(twin, loss, inputs, targets).split(sizes), strict=True))
    diagonal = dict(zip(names, dense_hessian(twin, loss, inputs, targets).diagonal().split(sizes), strict=True))
    rises = []
    for name, codes in network.codes.items():
        if not name.endswith(kinds):
            continue
        step = network.scales[name].double()
        steps = (step.reshape(-1, *[1] * (codes.ndim - 1)) if step.ndim else step).expand(codes.shape).flatten()
        for index, code in enumerate(codes.flatten().tolist()):
            for bit in range(network.bits[name]):
                change = float(steps[index]) * (flipped(code, bit, network.bits[name]) - code)
                rises.append(float(gradient[name][index]) * change + float(diagonal[name][index]) * change**2 / 2)
    return sum(rises) / len(rises)


def debiased_cka(first: Tensor, second: Tensor) -> float:
    """The published formula on explicit Gram matrices."""

    def unbiased(a: Tensor, b: Tensor) -> float:
        n = len(a)
        k, m = a @ a.T, b @ b.T
        k.fill_diagonal_(0)
        m.fill_diagonal_(0)
        middle = k.sum() * m.sum() / ((n - 1) * (n - 2))
        return float((torch.trace(k @ m) + middle - 2 / (n - 2) * (k @ m).sum()) / (n * (n - 3)))

    return unbiased(first, second) / (unbiased(first, first) * unbiased(second, second)) ** 0.5


def largest_in_ball(slope: Tensor, matrix: Tensor, radius: float) -> float:
    """Largest g u + u H u / 2 with |u| <= radius, H positive semidefinite: on the sphere, by its secular equation."""
    values, vectors = torch.linalg.eigh(matrix)
    along = vectors.T @ slope
    if float(along.norm()) < 1e-9:
        return float(values[-1]) * radius**2 / 2
    low, high = float(values[-1]), float(values[-1]) + float(along.norm()) / radius
    for _ in range(200):  # (multiplier - H) u = g with the multiplier above every eigenvalue, so that |u| = radius
        middle = (low + high) / 2
        low, high = (middle, high) if float((along / (middle - values)).norm()) > radius else (low, middle)
    place = along / (high - values)
    return float(along @ place + (values * place.square()).sum() / 2)
