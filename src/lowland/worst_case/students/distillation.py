"""A student that is trained to differ from itself, or not to, under the worst policy that a search finds for it."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lowland.errors import LowlandError
from lowland.estimate import Status
from lowland.quantization.dynamic.twin import DynamicTwin
from lowland.randomness import Key, generator, keyed_globals
from lowland.training.batches import batches, normalises_batches
from lowland.training.divergence import divergence_from_teacher, divergence_in_codes
from lowland.worst_case.budget import Budget
from lowland.worst_case.deployed_subject import subject_of
from lowland.worst_case.problem import PolicyProblem
from lowland.worst_case.search.agents import agent_of
from lowland.worst_case.search.policy_search import search_problem
from lowland.worst_case.search.result import SearchResult
from lowland.worst_case.search.space import Widths

Kind = Literal["detrimental", "robust", "control"]
SIGNS: dict[Kind, float] = {"detrimental": -1.0, "robust": 1.0, "control": 0.0}
"""Of the divergence of a student from itself under a policy, in what is minimised."""


@dataclass(frozen=True)
class Distillation:
    r"""How a student is trained: KL(teacher ‖ student) :math:`\mp\ \lambda\,` D(student, student under the policy).

    Attributes:
        choices: Widths in bits that a policy chooses from.
        mean_bits: Least mean width of the policies that are searched for.
        weight: :math:`\lambda`.
        temperature: Of the bounded divergence D.
        epochs: Passes over the training rows.
        batch_size: Rows a step.
        learning_rate: Of Adam, falling to 0 along half a cosine.
        alone: Share of the epochs, from the first, in which the student learns from its teacher only.
        search_every: Epochs between two searches for a policy.
        evaluations: Of each search.
        agent: What searches.
        worst_share: Of the batches that meet the worst policy found; the others meet any that the search tried.
        runtime: Whose dynamic arithmetic.
        float_from: The layer from which on the network is not deployed; ``None`` where all of it is.
    """

    choices: tuple[int, ...]
    mean_bits: float
    weight: float = 0.5
    temperature: float = 1.0
    epochs: int = 20
    batch_size: int = 256
    learning_rate: float = 3e-3
    alone: float = 0.25
    search_every: int = 1
    evaluations: int = 60
    agent: str = "cross_entropy"
    worst_share: float = 0.5
    runtime: str = "litert"
    float_from: str | None = None

    def __post_init__(self) -> None:
        """Refuses numbers that mean nothing."""
        for name in ("weight", "temperature", "learning_rate"):
            if not (value := getattr(self, name)) > 0 or not math.isfinite(value):
                raise LowlandError(f"{name} is {value}; expected a number above 0")
        for name in ("epochs", "batch_size", "search_every", "evaluations"):
            if getattr(self, name) < 1:
                raise LowlandError(f"{name} is {getattr(self, name)}; expected 1 at least")
        if not 0 <= self.alone < 1:
            raise LowlandError(f"alone is {self.alone}; expected a share of the epochs, at least 0 and below 1")
        if not 0 <= self.worst_share <= 1:
            raise LowlandError(f"worst_share is {self.worst_share}; expected a share of the batches, from 0 to 1")
        agent_of(self.agent)


@dataclass(frozen=True)
class StudentRows:
    """Inputs that students are made with; no labels, for only the teacher's outputs are used.

    Attributes:
        training: [rows, ...].
        searching: [rows, ...] on which policies are searched for.
    """

    training: Tensor
    searching: Tensor


@dataclass(frozen=True)
class Student:
    """What distillation leaves.

    Attributes:
        network: In evaluation mode.
        status: ``ok``, or ``non_finite`` where training diverged.
    """

    network: nn.Module
    status: Status


def check_teacher(teacher: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """Refuses a teacher that is no more often right than who always names the most frequent class.

    Args:
        teacher: A classifier in float.
        inputs: [rows, ...].
        targets: Classes [rows].

    Raises:
        LowlandError: Its accuracy and that of the guess.
    """
    with torch.no_grad():
        right = float((teacher(inputs).argmax(1) == targets).double().mean())
    guess = float(targets.bincount().max()) / len(targets)
    if right <= guess:
        raise LowlandError(
            f"teacher is right on {right:.1%} of the rows, no more than the guess of one class ({guess:.1%}); expected "
            "a network that learned: train it longer, or leave its recipe out of worst_case_students.recipes"
        )


def distilled(
    teacher: nn.Module, student: nn.Module, rows: StudentRows, kind: Kind, how: Distillation, *, key: tuple[Key, ...]
) -> Student:
    """A student that breaks under a policy (``detrimental``), that holds (``robust``), or neither (``control``).

    Epochs alternate with searches for the policy under which most answers of the student differ from the teacher's.
    A share of the batches meets it, the others any policy that the search tried. Statistics of batch-norm stand still
    from the first search on, in the control as well.

    Args:
        teacher: A classifier in float; left as it came.
        student: What is trained, with its initial weights; left as it came.
        rows: Inputs.
        kind: Which way the divergence counts.
        how: Numbers of training and search.
        key: Keys the order of rows and all searches; the same for all kinds, so that they differ in the sign alone.

    Raises:
        LowlandError: A budget that nothing meets, or a runtime whose scales come from whole batches.

    Source:
        Frank and Ardis 2025, arXiv 2510.02457, with a bounded divergence and static policies.
    """
    student = copy.deepcopy(student).train()
    twin = DynamicTwin(student, runtime=how.runtime, float_from=how.float_from)
    with torch.no_grad():
        given = torch.cat([teacher(part) for part in rows.training.split(4096)])
        answers = teacher(rows.searching).argmax(1)
    optimizer = torch.optim.Adam(student.parameters(), lr=how.learning_rate)
    steps = how.epochs * math.ceil(len(rows.training) / how.batch_size)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    order, sign, alone = generator(*key, "students"), SIGNS[kind], int(how.alone * how.epochs)
    drawn = generator(*key, "policies")
    found: SearchResult | None = None
    status: Status = "ok"
    with keyed_globals(*key, "dropout", device=rows.training.device):
        for epoch in range(how.epochs):
            if sign and epoch >= alone and (epoch - alone) % how.search_every == 0:
                found = _search(student.eval(), rows.searching, answers, how, key=(*key, epoch))
            _to_train(student, statistics=epoch < max(alone, 1))
            total, shuffled = 0.0, torch.randperm(len(rows.training), generator=order)
            for index in batches(shuffled, how.batch_size, no_single=normalises_batches(student)):
                inputs = rows.training[index]
                outputs = student(inputs)
                loss = divergence_from_teacher(outputs, given[index])
                if found is not None:
                    twin.set_bits(list(found.policy.bits), _drawn(found, drawn, how.worst_share))
                    apart = divergence_in_codes(student, twin, inputs, outputs, temperature=how.temperature)
                    loss = loss + sign * how.weight * apart
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                scheduler.step()
                total += float(loss.detach())
            if not math.isfinite(total):
                status = "non_finite"
                break
    student.zero_grad(set_to_none=True)
    return Student(student.eval(), status)


def _to_train(student: nn.Module, *, statistics: bool) -> None:
    """Training mode; statistics of batches are taken in the first epochs alone and stand still from then on.

    What a policy does is asked of the network that is deployed. Were the teacher's answers learned by one that the
    batch normalises, nothing would hold the deployed one back from giving others without any policy.
    """
    student.train()
    for layer in student.modules():
        if isinstance(layer, _BatchNorm):
            layer.train(statistics)


def _search(
    student: nn.Module, inputs: Tensor, answers: Tensor, how: Distillation, *, key: tuple[Key, ...]
) -> SearchResult:
    """The policy under which most answers differ from the teacher's, and all others that were tried."""
    subject = subject_of(student, inputs[:1], runtime=how.runtime, float_from=how.float_from)
    budget = Budget(how.choices, how.mean_bits, subject.elements)
    return search_problem(
        PolicyProblem(subject, inputs, answers),
        budget,
        agent_of(how.agent),
        evaluations=how.evaluations,
        generator=generator(*key, "search"),
    )


def _drawn(found: SearchResult, draws: torch.Generator, worst_share: float) -> Widths:
    """The worst policy, in a share of all cases, or any that the search tried.

    The worst of the moment may harm where no training changes anything, as in the coding of the inputs. Under it alone
    a student would never learn of places where more could be lost.
    """
    if torch.rand((), generator=draws) < worst_share:
        return found.policy.widths
    return found.history[int(torch.randint(len(found.history), (), generator=draws))].widths
