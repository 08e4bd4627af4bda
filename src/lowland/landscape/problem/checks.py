"""What must hold before anything is measured; every check looks at a few rows that are drawn from all batches."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.functional_call import call_with
from lowland.landscape.problem.batches import spread_rows
from lowland.landscape.problem.model import Batch, Loss, gradients, require_scalar
from lowland.randomness import generator

REPEATED_ROWS = 256
PROBE_ROWS = 3


def require_repeatable(module: nn.Module, batches: tuple[Batch, ...]) -> None:
    """Refuses networks of which two calls on the same rows differ: their derivatives are of no one function.

    Args:
        module: In evaluation mode.
        batches: Pairs (inputs, targets).

    Raises:
        LowlandError: If the outputs change from call to call.
    """
    rows, _ = spread_rows(batches, REPEATED_ROWS)
    devices = [rows.device] if rows.is_cuda else []
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        torch.manual_seed(0)
        first = module(rows)
        torch.manual_seed(1)
        second = module(rows)
    apart = (first - second).abs()
    allowed = 0.0 if rows.device.type == "cpu" else torch.finfo(first.dtype).eps ** 0.5 * float(first.abs().max())
    if bool((apart > allowed).any()):  # what is not finite is not above
        raise LowlandError(
            "model: two calls on the same rows give different outputs; expected a deterministic function: dropout "
            "modules instead of functional dropout (evaluation mode switches them off), no noise of its own"
        )


def require_independent_rows(module: nn.Module, batches: tuple[Batch, ...]) -> None:
    """Refuses networks that mix rows: nothing can be said row by row, and means over rows depend on the batches.

    A row must give the same outputs beside copies of itself as beside others, and its outputs must not move with the
    others: the gradient there of a random combination of them is zero (a plain sum may be constant, as after a
    softmax).

    Args:
        module: In evaluation mode.
        batches: Pairs (inputs, targets).

    Raises:
        LowlandError: If the outputs of a row depend on other rows, or are not one for each.
    """
    rows, _ = spread_rows(batches, PROBE_ROWS)
    outputs = module(leaf := rows.clone().requires_grad_(rows.is_floating_point()))
    if len(outputs) != len(rows):
        raise LowlandError(
            f"model: gave {len(outputs)} outputs for {len(rows)} rows; expected one for each, rows first"
        )
    mixed = _moves_with_others(outputs, leaf) if outputs.requires_grad and leaf.requires_grad else False
    if mixed or _differs_beside_copies(module, rows):
        raise LowlandError(
            "model: the outputs of one row depend on other rows; expected independent rows: give normalisation layers "
            "running statistics (track_running_stats=True) and put rows first"
        )


def _moves_with_others(outputs: Tensor, leaf: Tensor) -> bool:
    first = outputs[0]
    weights = torch.randn(first.shape, generator=generator("independent rows"), dtype=torch.float64).to(first)
    try:
        (slope,) = torch.autograd.grad((first * weights).sum(), leaf, allow_unused=True, materialize_grads=True)
    except RuntimeError:  # an operation without a derivative in the inputs, which may never be asked for
        return False
    return bool(slope[1:].nan_to_num(0, 0, 0).any())


def _differs_beside_copies(module: nn.Module, rows: Tensor) -> bool:
    """Whether two rows or more give other outputs beside copies of themselves: one may lie on an edge of a grid."""
    values = {
        name: tensor.detach().double()
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
        if tensor.is_floating_point()
    }
    with torch.no_grad():
        try:  # in double precision sums do not depend on the number of rows, to speak of
            double = rows.double() if rows.is_floating_point() else rows
            outputs = call_with(module, values, double)
            copies = [call_with(module, values, row.expand_as(rows).clone())[0] for row in double]
        except (RuntimeError, TypeError):  # code that fixes a type, devices without it
            outputs = module(rows)
            copies = [module(row.expand_as(rows).clone())[0] for row in rows]
    tolerance = torch.finfo(outputs.dtype).eps ** 0.5
    apart = [
        bool((alone - beside).abs().max() > tolerance * beside.abs().max())  # what is not finite is a status elsewhere
        for alone, beside in zip(copies, outputs, strict=True)
    ]
    return sum(apart) >= min(2, len(rows))


def require_every_part(
    module: nn.Module,
    value_of: Loss,
    batches: tuple[Batch, ...],
    parameters: Mapping[str, Tensor],
) -> None:
    """Refuses parameters that take part in no row's value; it stops looking once each has been seen.

    Args:
        module: In evaluation mode.
        value_of: A scalar of outputs and targets.
        batches: Pairs (inputs, targets).
        parameters: Trainable ones by name.

    Raises:
        LowlandError: With the first parameter that is not in the graph of any batch.
    """
    missing = dict(parameters)
    few = spread_rows(batches, REPEATED_ROWS)
    for inputs, targets in (few, *batches):
        value = value_of(module(inputs), targets)
        require_scalar(value)
        if value.requires_grad:
            slopes = torch.autograd.grad(value, list(missing.values()), allow_unused=True)
            missing = {n: p for (n, p), slope in zip(missing.items(), slopes, strict=True) if slope is None}
        if not missing:
            return
    if not torch.is_grad_enabled():
        raise LowlandError("gradients are switched off; expected a call outside torch.no_grad() and inference_mode()")
    if len(missing) == len(parameters):
        gradients(value, parameters)  # says that the loss does not depend on the outputs
    raise LowlandError(
        f"model: parameter {next(iter(missing))!r} gets no gradient from the loss; expected every trainable parameter "
        "to take part: call requires_grad_(False) on those that do not"
    )


def require_loss_of_outputs(
    loss: Loss, outputs: Tensor, targets: Tensor, parameters: Mapping[str, nn.Parameter]
) -> None:
    """Refuses losses that read the parameters themselves: what they add would be missing from every derivative.

    Args:
        loss: ``loss(outputs, targets)``.
        outputs: [rows, ...] of any rows.
        targets: [rows, ...] of these.
        parameters: Those of the model as it was given, by name.

    Raises:
        LowlandError: If the loss of fixed outputs has a gradient in a parameter.
    """
    with torch.enable_grad():
        value = loss(outputs.detach(), targets)
    if not value.requires_grad or not parameters:
        return
    slopes = torch.autograd.grad(value.sum(), list(parameters.values()), allow_unused=True)
    for name, slope in zip(parameters, slopes, strict=True):
        if slope is not None:
            raise LowlandError(
                f"loss: reads the parameter {name!r} itself, beside the outputs; expected a function of outputs and "
                "targets alone: leave penalties on weights out and add their own derivatives (c·Σθ² adds 2c to the "
                "diagonal of the Hessian)"
            )


def require_second_derivatives(module: nn.Module, loss: Loss, batch: Batch, parameters: Mapping[str, Tensor]) -> None:
    """Refuses losses and networks that torch cannot differentiate twice.

    Args:
        module: In evaluation mode.
        loss: ``loss(outputs, targets)``.
        batch: A few rows.
        parameters: Of the module, by name.

    Raises:
        LowlandError: With the operation that has no second derivative.
    """
    inputs, targets = batch
    with torch.enable_grad():
        outputs = module(inputs)
        leaf = outputs.detach().requires_grad_()
        _differentiated_twice("loss", loss(leaf, targets), [leaf])
        signs = torch.randn(outputs.shape, generator=generator("second derivatives"), dtype=torch.float64).to(outputs)
        if outputs.requires_grad:
            _differentiated_twice("model", (outputs * signs).sum(), list(parameters.values()))


def _differentiated_twice(which: str, value: Tensor, leaves: list[Tensor]) -> None:
    try:
        slopes = torch.autograd.grad(value, leaves, create_graph=True, allow_unused=True)
        total = [slope.sum() for slope in slopes if slope is not None and slope.requires_grad]
        if total:
            torch.autograd.grad(torch.stack(total).sum(), leaves, allow_unused=True)
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise LowlandError(
            f"{which}: torch cannot differentiate it twice ({first}); expected operations with second derivatives: "
            "write that one out with elementary operations (such as clamp, exp, matmul)"
        ) from error
