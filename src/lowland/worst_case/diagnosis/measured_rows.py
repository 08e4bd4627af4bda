"""Which inputs a policy breaks and through which layers together, as rows of the long table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from lowland.estimate import Estimate
from lowland.measurements import Measurement, Split
from lowland.worst_case.diagnosis.input_facts import layer_facts, margins, names_classes
from lowland.worst_case.measured_rows import JudgedCell
from lowland.worst_case.problem import PolicyProblem, Rows
from lowland.worst_case.search.space import Widths

TOLD_BY = ("margin", "crest", "range")
"""What may tell a broken sample before a policy acts, the targets of ``broken_auroc``."""


def told_before(problem: PolicyProblem) -> dict[str, Tensor]:
    """Of every row what may tell that it will break, higher where that is expected [rows] each.

    The margin with its sign turned (where outputs name classes), the highest crest factor of all layers, and the
    largest range of all layers in units of each layer's mean. None of them knows the policy or a label.
    """
    found: dict[str, Tensor] = {}
    if names_classes(problem):
        found["margin"] = -margins(problem, problem.reference)[0]
    facts = layer_facts(problem.subject, problem.inputs)
    if facts.layers:
        found |= {"crest": facts.highest_crest(), "range": facts.largest_range()}
    return found


def detection_rows(
    cell: JudgedCell, widths: Widths, judged: Mapping[Split, Rows], *, mean_bits: float
) -> Iterator[Measurement]:
    """How well margins, crest factors and ranges tell the rows that a policy breaks.

    Args:
        cell: The network.
        widths: Of the policy.
        judged: Rows by the split that they are.
        mean_bits: The level of the rows.
    """
    from lowland.disagreement import detection_auroc  # with SciPy, which a refused run must not wait for

    for split, rows in judged.items():
        problem = cell.on(rows)
        broken = cell.broken(problem, problem.outputs(widths))
        told = told_before(problem)
        for name in TOLD_BY:
            area = detection_auroc(told[name], broken) if name in told else Estimate.missing("undefined")
            yield Measurement("worst_case", "broken_auroc", area, target=name, level=mean_bits, split=split)


def most_harmful_layers(problem: PolicyProblem, fewest: int, *, count: int) -> tuple[int, ...]:
    """The layers that cost most alone at the fewest bits, by number, the worst first; of equal ones the earlier.

    Args:
        problem: The network on rows that nothing is reported of.
        fewest: Bits.
        count: Most layers.
    """
    own = problem.subject.own_bits
    drops = [problem.drop(low_in(own, (number,), fewest)) for number in range(len(own))]
    return tuple(sorted(range(len(own)), key=lambda number: (-drops[number], number))[:count])


def interaction_rows(
    cell: JudgedCell, layers: Sequence[int], judged: Mapping[Split, Rows], *, fewest: int
) -> Iterator[Measurement]:
    """What every two of some layers cost together at the fewest bits, beyond the sum of both alone.

    Args:
        cell: The network.
        layers: By number.
        judged: Rows by the split that they are.
        fewest: Bits, the level of the rows.
    """
    own, names = cell.subject.own_bits, cell.subject.layers
    for split, rows in judged.items():
        problem = cell.on(rows)
        alone = {number: problem.harms(problem.outputs(low_in(own, (number,), fewest))) for number in layers}
        for pair in itertools.combinations(sorted(layers), 2):
            both = problem.harms(problem.outputs(low_in(own, pair, fewest)))
            beyond = problem.estimate(both - torch.stack([alone[number] for number in pair]).sum(0))
            target = " + ".join(names[number] for number in pair)
            yield Measurement(
                "worst_case", "layer_interaction", beyond, target=target, level=float(fewest), split=split
            )


def low_in(own_bits: Widths, layers: Sequence[int], bits: int) -> Widths:
    """The network's own widths, but in some layers no more than these bits."""
    return tuple(min(bits, own) if number in layers else own for number, own in enumerate(own_bits))
