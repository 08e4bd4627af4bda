"""Members of the boxes that change a row's class, searched for all rows at once."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.certification.confidence import CLEAR
from lowland.certification.disturbances import Disturbances, disturbed_outputs, undisturbed
from lowland.certification.options import MethodOptions
from lowland.certification.query import Query
from lowland.certification.relaxation.deviation_bounds import margin_objectives

_NUMBERS = 4_000_000
"""Numbers of disturbances that are held at once."""
_STEPS = 8


def changed_rows(query: Query, assigned: Tensor, options: MethodOptions) -> Tensor:
    """Rows whose class changes for some weights, biases, roundings and inputs of the boxes, which were evaluated.

    Towards each other class in turn, all disturbances go to the corner that the gradient of the margin points to, again
    and again, and by smaller steps.

    Args:
        query: The question.
        assigned: The class of each row [rows].
        options: Until when.

    Returns:
        ``True`` where such a member of the boxes is known [rows]; ``False`` says nothing.
    """
    numbers = sum(tensor.numel() for tensor in undisturbed(query).tensors)
    at_once = max(1, _NUMBERS // max(numbers, 1))
    found = []
    for start in range(0, len(query), at_once):
        rows = slice(start, min(start + at_once, len(query)))
        found.append(_changed(query[rows], assigned[rows], options))
    return torch.cat(found)


def _changed(query: Query, assigned: Tensor, options: MethodOptions) -> Tensor:
    objectives = margin_objectives(query, assigned)
    changed = torch.zeros(len(query), dtype=torch.bool)
    for other in range(objectives.shape[1]):
        members = undisturbed(query, len(query))
        for step in range(_STEPS):
            if options.seconds_left == 0:
                return changed
            members, margins, outputs = _stepped(query, members, objectives[:, other], step)
            changed = changed | (margins < -CLEAR * (1 + outputs.abs().amax(1)))
            if bool(changed.all()):
                return changed
    return changed


def _stepped(query: Query, members: Disturbances, objectives: Tensor, step: int) -> tuple[Disturbances, Tensor, Tensor]:
    """The next members, and the margins and outputs of these."""
    tensors = [tensor.detach().requires_grad_(True) for tensor in members.tensors]
    outputs = disturbed_outputs(query, slice(None), members.with_tensors(tensors))
    margins = (objectives * outputs).sum(1)
    gradients = torch.autograd.grad(margins.sum(), tensors, allow_unused=True)
    size = 2.0 if step % 3 == 0 else 0.5
    moved = [
        tensor.detach() if gradient is None else (tensor - size * gradient.sign()).clamp(-1.0, 1.0).detach()
        for tensor, gradient in zip(tensors, gradients, strict=True)
    ]
    return members.with_tensors(moved), margins.detach(), outputs.detach()
