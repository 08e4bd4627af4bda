"""Searches for input codes with a high score, along gradients through the roundings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from lowland.certification.rounding.symbolic import Box

Score = Callable[[Tensor], Tensor]
"""Of codes [rows, inputs] in float32: a score each [rows]."""


def climb(score: Score, gradient: Score, box: Box, start: Tensor, *, steps: int = 24) -> tuple[Tensor, float]:
    """The codes with the highest score that signed gradient steps meet (Madry et al. 2018, projected).

    Args:
        score: What is to be high, exactly as it will be judged.
        gradient: The same straight through the roundings, differentiable.
        box: Where the codes may lie.
        start: First codes [rows, inputs], within the box.
        steps: How many.

    Returns:
        The best codes [inputs] and their score.
    """
    lower, upper = (torch.from_numpy(end).float() for end in box)
    codes, best, highest = start.float(), start[0].float(), -float("inf")
    for step in range(steps):
        with torch.no_grad():
            scores = score(codes)
        place = int(scores.argmax())
        if float(scores[place]) > highest:
            highest, best = float(scores[place]), codes[place].clone()
        moving = codes.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(gradient(moving).sum(), moving)
        share = 1.0 if step == 0 else 0.5 * (1 - step / steps)
        codes = (codes + (share * (upper - lower) * slope.sign()).round()).clamp(lower, upper)
    with torch.no_grad():
        scores = score(codes)
    place = int(scores.argmax())
    return (codes[place], float(scores[place])) if float(scores[place]) > highest else (best, highest)


def starts(box: Box, center: Tensor, draws: torch.Generator, *, count: int = 8) -> Tensor:
    """First codes [count, inputs]: the centre, then drawn ones.

    Args:
        box: In which they lie.
        center: Codes [inputs].
        draws: Of the drawn ones.
        count: How many.
    """
    shares = torch.rand(count - 1, len(box.lower), generator=draws, dtype=torch.float64)
    lower, width = torch.from_numpy(box.lower), torch.from_numpy(np.asarray(box.width))
    drawn = (lower + (shares * (width + 1)).floor()).clamp(max=lower + width)
    return torch.cat([center[None].double(), drawn]).float()
