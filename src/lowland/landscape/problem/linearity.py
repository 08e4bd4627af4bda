"""Is the network piecewise linear in each of its parameters? Then the diagonal of its Hessian is exactly computable."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.functional_call import call_with
from lowland.landscape.problem.batches import spread_rows
from lowland.landscape.problem.model import Batch, gradients, trainable
from lowland.randomness import generator

PROBE_ROWS = 128


def obstacle_to_exactness(model: nn.Module, inputs: Tensor | tuple[Batch, ...]) -> str | None:
    """Why the diagonal of the Hessian differs from that of the Gauss-Newton matrix, or ``None`` if it does not.

    Args:
        model: Any module.
        inputs: [rows, ...], or batches (inputs, targets); 128 rows drawn from all of them are looked at.

    Returns:
        One sentence that names the first parameter that stands in the way (see ``bends``), or ``None``.
    """
    return next(iter(bends(model, inputs).values()), None)


def bends(model: nn.Module, inputs: Tensor | tuple[Batch, ...]) -> dict[str, str]:
    r"""The parameters in which the network is not piecewise linear, each with the reason in a sentence.

    With outputs z and loss gradient g in them, the Hessian is :math:`H = G + \sum_c g_c \nabla^2 z_c`. For a direction
    v inside one parameter tensor, :math:`v^T H v = v^T G v` for every loss exactly if z is (piecewise) linear along v.
    The probe draws a random v per tensor and random signs w per output and compares the second derivative :math:`v^T
    \nabla^2 (w \cdot z) v` with the first, :math:`\|Jv\|`, in double precision where the model allows it: next to tiny
    weights the bend is small too, and must not be taken for rounding. It accepts ReLU-like activations, batch-norm in
    evaluation mode, pooling, residual sums, (transposed) convolutions and straight-through quantizers; it refuses
    smooth activations, normalisation by statistics of the data, weight normalisation and weights that act twice in
    depth.

    Args:
        model: Any module.
        inputs: [rows, ...], or batches (inputs, targets); 128 rows drawn from all of them are looked at. A network that
            bends on very few of its rows only may pass.

    Returns:
        By parameter name, in the model's order.
    """
    wanted = trainable(model)
    reasons: dict[str, str] = {}
    owners: dict[int, str] = {}
    for module_name, module in model.named_modules():
        for name, parameter in module.named_parameters(module_name, recurse=False):
            if (first := owners.setdefault(id(parameter), name)) != name and first in wanted:
                reasons[first] = f"{first!r} and {name!r} are one tensor used by two layers"
    rows, _ = spread_rows(((inputs, inputs),) if isinstance(inputs, Tensor) else inputs, PROBE_ROWS)
    outputs, parameters = _in_double(model, rows)
    draws = generator("piecewise-linearity probe")
    signs = torch.randint(0, 2, outputs.shape, generator=draws).to(outputs).mul_(2).sub_(1).requires_grad_()
    slopes = gradients((signs * outputs).sum(), parameters, create_graph=True)
    for (name, parameter), slope in zip(parameters.items(), slopes, strict=True):
        size = parameter.detach().square().mean().sqrt()
        direction = torch.randn(parameter.shape, generator=draws).to(parameter) * torch.where(size > 0, size, 1.0)
        try:
            first_derivative, second = torch.autograd.grad(
                (slope * direction).sum(),
                [signs, parameter],
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
        except RuntimeError as error:  # some kernels (recurrent layers) have no second derivative at all
            why = str(error).splitlines()[0]
            reasons.setdefault(name, f"the outputs have no second derivative in {name!r} ({why})")
            continue
        bend = (second * direction).sum().abs()
        if bend > torch.finfo(outputs.dtype).eps ** 0.5 * first_derivative.norm():
            reasons.setdefault(
                name,
                f"the outputs are not piecewise linear in {name!r} (second derivative {float(bend):.2g} against "
                f"a first of {float(first_derivative.norm()):.2g} along a random direction)",
            )
    return {name: reasons[name] for name in wanted if name in reasons}


def _in_double(model: nn.Module, rows: Tensor) -> tuple[Tensor, dict[str, nn.Parameter]]:
    """Outputs on some rows, and the trainable parameters that they depend on, in float64 if that can be."""
    wanted = trainable(model)
    try:
        values = {
            name: tensor.detach().double()
            for name, tensor in (*model.named_parameters(), *model.named_buffers())
            if tensor.is_floating_point()
        }
        parameters = {name: nn.Parameter(values[name]) for name in wanted}
        outputs = call_with(model, {**values, **parameters}, rows.double() if rows.is_floating_point() else rows)
    except (RuntimeError, TypeError):  # code that fixes a type, devices without it
        return model(rows), wanted
    return outputs, parameters
