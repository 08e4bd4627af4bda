"""How strongly the outputs follow the inputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.estimate import Estimate
from lowland.landscape.curvature.row_gradients import RowPlan
from lowland.landscape.curvature.row_tape import RowTape
from lowland.landscape.problem.model import Batches
from lowland.landscape.problem.problem import Model, problem_of


def input_jacobian_norm(model: Model, batches: Batches | None = None) -> Estimate:
    r"""Mean over rows of the Frobenius norm of the outputs' Jacobian in the inputs.

    :math:`E_x \|\partial z / \partial x\|_F`: the norm itself, not the half square of it that the Jacobian penalty of
    training takes the mean of. Exact on these rows by one backward pass for each of the C outputs; activation
    quantizers are passed straight through.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came.
        batches: Sequence of (inputs, targets), floating-point inputs; the targets are not looked at.

    Returns:
        Output units per input unit, with standard error over rows; status ``non_finite`` where an output or derivative
        is not finite.

    Raises:
        LowlandError: Training mode or unusable batches.

    Source:
        Hoffman, Roberts, Yaida, "Robust learning with Jacobian regularization", arXiv:1908.02729; Novak et al., ICLR
        2018 (the norm as a measure of sensitivity).
    """
    problem = problem_of(model, None, batches)
    problem.require_differentiable_inputs()
    plan = RowPlan.of(problem.whole, {}, problem.batches)
    squares = torch.cat([_square_norms(problem.whole, plan, rows) for rows, _ in plan.chunks(problem.batches)])
    return Estimate.from_samples(squares.sqrt())


def _square_norms(module: nn.Module, plan: RowPlan, rows: Tensor) -> Tensor:
    """Squared Frobenius norm [rows] of each row's Jacobian, float64."""
    tape = RowTape(module, rows, layers=frozenset(), inputs=True)
    outputs = tape.outputs.detach()
    unit = torch.eye(outputs[0].numel()).to(outputs).reshape(-1, *outputs.shape[1:])
    total = (outputs.flatten(1).sum(1) * 0).double()  # not finite where an output is not
    for block in unit.split(plan.passes(len(rows))):
        (slopes,) = tape.pulled_back(block.expand(len(rows), *block.shape))
        total += slopes.double().square().flatten(1).sum(1)
    return total
