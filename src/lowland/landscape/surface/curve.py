"""A quadratic Bézier curve between two networks, and the training of its bend."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.estimate import Status
from lowland.functional_call import call_with
from lowland.landscape.problem.model import gradients, trainable
from lowland.landscape.problem.problem import Problem


@dataclass(frozen=True)
class Ends:
    """The two ends of a path, detached from their networks.

    Attributes:
        start: Floating parameters and buffers of the first network by name.
        stop: Those of the second.
        trainable: Names of the trainable parameters among them.
    """

    start: dict[str, Tensor]
    stop: dict[str, Tensor]
    trainable: list[str]

    @classmethod
    def of(cls, first: nn.Module, second: nn.Module) -> Ends:
        """The ends of the path between two networks.

        Raises:
            LowlandError: Different structures, or batch-norm.
        """
        for name, module in first.named_modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                raise LowlandError(
                    f"model_a: {name!r} is {type(module).__name__}, whose statistics are wrong between two networks; "
                    "expected none: fold_batch_norm(model) first"
                )
        one, other = ({**dict(m.named_parameters()), **dict(m.named_buffers())} for m in (first, second))
        for name in [*one, *(name for name in other if name not in one)]:
            found = [_described(values.get(name)) for values in (one, other)]
            if found[0] != found[1]:
                raise LowlandError(
                    f"model_b: {name!r} is {found[1]}, in model_a {found[0]}; expected networks of the same structure"
                )
        floating = [name for name, values in one.items() if values.is_floating_point()]
        start, stop = ({name: values[name].detach() for name in floating} for values in (one, other))
        return cls(start, stop, list(trainable(first)))

    def directions(self, middle: dict[str, Tensor]) -> list[dict[str, Tensor]]:
        r"""What moves with :math:`2t(1-t)`, with :math:`t^2` and with t along the curve with this bend.

        Along the straight line it is 0, t and t.
        """
        differences = {name: self.stop[name] - start for name, start in self.start.items()}
        return [
            {name: middle[name] - self.start[name] for name in self.trainable},
            {name: differences[name] for name in self.trainable},
            {
                name: change
                for name, change in differences.items()
                if name not in self.trainable and bool(change.count_nonzero())
            },
        ]


@dataclass(frozen=True)
class Bend:
    """A trained bend.

    Attributes:
        middle: Its trainable parameters by name.
        epoch_losses: [epochs] mean losses of the steps, float64.
        status: ``ok``, ``not_converged`` (the loss was still falling) or ``non_finite``.
    """

    middle: dict[str, Tensor]
    epoch_losses: Tensor
    status: Status


def _described(values: Tensor | None) -> str:
    """What two networks must have in common."""
    return "missing" if values is None else f"{tuple(values.shape)} {values.dtype} on {values.device}"


def trained_bend(
    problem: Problem,
    ends: Ends,
    num_epochs: int,
    batch_size: int,
    learning_rate: float,
    draws: torch.Generator,
) -> Bend:
    r"""Adam on the mean loss along the curve; see ``mode_connectivity``.

    Since :math:`\partial \gamma / \partial C = 2t(1-t)`, an ordinary gradient at :math:`\gamma(t)` is all it takes.

    Args:
        problem: The first end's, on the rows that train the bend; the module's own tensors are not touched.
        ends: The curve's ends.
        num_epochs: Passes over the rows.
        batch_size: Rows of a step.
        learning_rate: At the start.
        draws: Of t and the order of rows.

    Raises:
        LowlandError: A trainable parameter that gets no gradient.
    """
    inputs = torch.cat([rows for rows, _ in problem.batches])
    targets = torch.cat([aims for _, aims in problem.batches])
    names = ends.trainable
    shapes = [ends.start[name].shape for name in names]
    sizes = [shape.numel() for shape in shapes]
    first, last = (torch.cat([end[name].flatten() for name in names]) for end in (ends.start, ends.stop))
    straight = ends.directions(ends.start)[2]
    bend = nn.Parameter((first + last) / 2)
    best = bend.detach().clone()
    steps = num_epochs * math.ceil(len(inputs) / batch_size)
    optimizer = torch.optim.Adam([bend], lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: 0.5 * (1 + math.cos(math.pi * k / steps)))
    history: list[float] = []
    finite = True
    for _ in range(num_epochs):
        for index in torch.randperm(len(inputs), generator=draws).split(batch_size):
            t = float(torch.rand((), generator=draws))
            point = bend.detach() * (2 * t * (1 - t)) + first * (1 - t) ** 2 + last * t**2
            parts = zip(names, point.split(sizes), shapes, strict=True)
            leaves = {name: part.view(shape).requires_grad_() for name, part, shape in parts}
            others = {name: ends.start[name] + t * change for name, change in straight.items()}
            index = index.to(inputs.device)
            value = problem.whole_loss(call_with(problem.whole, {**leaves, **others}, inputs[index]), targets[index])
            history.append(float(value.detach()))
            if not math.isfinite(history[-1]):
                finite = False
                break
            slopes = gradients(value, leaves)
            bend.grad = torch.cat([slope.flatten() for slope in slopes]).mul_(2 * t * (1 - t))
            optimizer.step()
            schedule.step()
        if not finite or not bend.isfinite().all():
            finite = False
            break
        best = bend.detach().clone()
    losses = torch.tensor(history, dtype=torch.float64)
    middle = {name: part.view(shape) for name, part, shape in zip(names, best.split(sizes), shapes, strict=True)}
    epochs = torch.stack([epoch.mean() for epoch in losses.split(steps // num_epochs)])
    return Bend(middle, epochs, "non_finite" if not finite else "not_converged" if _still_falling(losses) else "ok")


def _still_falling(losses: Tensor) -> bool:
    """Whether the last quarter of the steps is clearly below the one before."""
    quarter = len(losses) // 4
    if quarter < 2:
        return True
    before, after = losses[-2 * quarter : -quarter], losses[-quarter:]
    error = ((before.var() + after.var()) / quarter).sqrt()
    return bool(before.mean() - after.mean() > 2 * error)
