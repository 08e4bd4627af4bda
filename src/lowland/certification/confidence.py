"""What is said of a network's outputs: the assigned class, its confidence, and its margins over the others."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.certification.real_network import RealNetwork
from lowland.errors import LowlandError

CONFIDENCE_ERROR = 1e-14
"""More than float64 errs by in a confidence computed from margins, a number between 0 and 1."""


def num_outputs(network: RealNetwork) -> int:
    """How many outputs a classifier has: 1 (a logit of class 1 against class 0), or one a class.

    Raises:
        LowlandError: Outputs that are no vector.
    """
    shape = network.output.shape
    if len(shape) != 1:
        raise LowlandError(f"the network's outputs have shape {list(shape)} a row; expected one logit, or one a class")
    return shape[0]


def assigned_classes(outputs: Tensor) -> Tensor:
    """The class of the highest output [rows]; of equal ones the lowest.

    Args:
        outputs: [rows, classes], or [rows, 1]: the logit of class 1, class 0 having 0.
    """
    return (outputs[:, 0] > 0).long() if outputs.shape[1] == 1 else outputs.argmax(dim=1)


def confidence(outputs: Tensor, classes: Tensor) -> Tensor:
    """The softmax (or sigmoid) of a class for each row [rows].

    Args:
        outputs: [rows, classes] or [rows, 1].
        classes: [rows], those assigned to the undisturbed rows.
    """
    if outputs.shape[1] == 1:
        return torch.where(classes == 1, outputs[:, 0], -outputs[:, 0]).sigmoid()
    return outputs.softmax(dim=1).gather(1, classes[:, None])[:, 0]


def contrasts(outputs: int, assigned: int) -> Tensor:
    """The margins of a class over each other one as rows that multiply the outputs [others, outputs].

    Args:
        outputs: How many the network has.
        assigned: The class.
    """
    if outputs == 1:
        return torch.tensor([[1.0 if assigned == 1 else -1.0]], dtype=torch.float64)
    identity = torch.eye(outputs, dtype=torch.float64)
    others = [other for other in range(outputs) if other != assigned]
    return identity[assigned] - identity[others]


def wins_ties(outputs: int, assigned: int) -> Tensor:
    """Whether a margin of 0 is enough, for each other class [others]: the lowest index wins.

    Args:
        outputs: How many the network has.
        assigned: The class.
    """
    if outputs == 1:
        return torch.tensor([assigned == 0])
    return torch.tensor([assigned < other for other in range(outputs) if other != assigned])


def confidence_of_margins(margins: Tensor) -> Tensor:
    """1 / (1 + sum_j exp(-m_j)): the confidence of a class with these margins over the others [...].

    Args:
        margins: [..., others].
    """
    return (-(-margins).logsumexp(dim=-1)).sigmoid()


def deviation_of_margins(margins: Tensor, least: Tensor, greatest: Tensor) -> Tensor:
    """How far the confidence can move at most when each margin stays between two numbers [rows]: exact for two classes.

    Args:
        margins: Undisturbed [rows, others].
        least: No greater than any disturbed margin [rows, others].
        greatest: No smaller.
    """
    undisturbed = confidence_of_margins(margins)
    rise, fall = confidence_of_margins(greatest) - undisturbed, undisturbed - confidence_of_margins(least)
    return torch.maximum(rise, fall).clamp(min=0.0) + CONFIDENCE_ERROR
