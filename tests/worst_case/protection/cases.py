"""A small network on rows of its own answers, so that whatever changes is harm."""

import itertools

import torch
from torch import nn

from lowland.randomness import generator
from lowland.worst_case import PolicyProblem, PolicySubject
from lowland.worst_case.measured_rows import JudgedCell
from lowland.worst_case.problem import wrong
from lowland.worst_case.protection import Adversary
from lowland.worst_case.search.greedy import Greedy

INPUTS = torch.randn(240, 6, generator=generator("protection"))
ADVERSARY = Adversary((2, 4, 8), 4.0, Greedy(), 40, ("toy",))


def network(*widths):
    """A dense network 6 - widths - 4."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        sizes = (6, *widths, 4)
        layers = []
        for first, second in itertools.pairwise(sizes):
            layers += [nn.Linear(first, second), nn.ReLU()]
            nn.init.kaiming_normal_(layers[-2].weight)
        return nn.Sequential(*layers[:-1]).eval()


def judged(*widths, module=None):
    """The cell."""
    return JudgedCell(PolicySubject(module or network(*widths), INPUTS), wrong, lambda outputs: outputs.argmax(1))


def problem(*widths):
    """It on all rows, with its own answers as targets."""
    cell = judged(*widths)
    return PolicyProblem(cell.subject, INPUTS, None)
