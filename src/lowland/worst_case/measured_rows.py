"""The worst static policy of a cell and what it costs there, as rows of the long table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.estimate import Estimate
from lowland.measurements import Measurement, Split
from lowland.randomness import Key, generator
from lowland.worst_case.budget import Budget
from lowland.worst_case.crest import crest_factor
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.problem import Harm, PolicyProblem, Rows
from lowland.worst_case.search.agents import agent_of
from lowland.worst_case.search.policy_search import search_problem
from lowland.worst_case.search.result import SearchResult
from lowland.worst_case.subject import PolicySubject


@dataclass(frozen=True)
class JudgedCell:
    """A cell's network and what counts as harm and as a changed answer.

    Attributes:
        subject: The network.
        harm: What every row loses.
        decisions: What a deployed system acts on, of outputs [rows, ...]: [rows].
        told: What the search is told of every row in place of its harm, where that takes too long.
    """

    subject: PolicySubject
    harm: Harm
    decisions: Callable[[Tensor], Tensor]
    told: Harm | None = None

    def on(self, rows: Rows, *, told: bool = False) -> PolicyProblem:
        """The network on some rows: judged by its harm, or by what a search is told."""
        return PolicyProblem(self.subject, *rows, (self.told or self.harm) if told else self.harm)

    def broken(self, problem: PolicyProblem, outputs: Tensor) -> Tensor:
        """Whether a policy with these outputs changes the decision on each row, or leaves no finite output [rows]."""
        changed = self.decisions(outputs) != self.decisions(problem.reference)
        return changed | ~outputs.isfinite().flatten(1).all(1)


def worst_static_policy(
    cell: JudgedCell, searched: Rows, options: WorstCaseOptions, *, key: tuple[Key, ...]
) -> SearchResult:
    """The static policy found to harm a cell most, on rows that nothing is reported of.

    Args:
        cell: The network.
        searched: Rows that are not judged.
        options: Budget and agent.
        key: Keys what an agent draws.
    """
    budget = Budget(options.choices, options.mean_bits, cell.subject.elements)
    return search_problem(
        cell.on(searched, told=True),
        budget,
        agent_of(options.agent),
        evaluations=options.evaluations,
        generator=generator(*key, "worst policy"),
    )


def worst_case_rows(
    cell: JudgedCell, widths: Sequence[int], judged: Mapping[Split, Rows], options: WorstCaseOptions
) -> Iterator[Measurement]:
    """What a policy costs, what each layer costs alone, and how far its largest input lies above the others.

    Args:
        cell: The network.
        widths: Of the policy, in the order of the layers.
        judged: Rows by the split that they are.
        options: Its mean is the level of the rows.
    """
    for split, rows in judged.items():
        problem = cell.on(rows)
        outputs = problem.outputs(widths)
        found = {
            "policy_drop": problem.harms(outputs),
            "policy_broken": cell.broken(problem, outputs).double(),
        }
        for measure, samples in found.items():
            estimate = problem.estimate(samples)
            yield Measurement("worst_case", measure, estimate, level=float(options.mean_bits), split=split)
        fewest = options.choices[0]
        for number, layer in enumerate(cell.subject.layers):
            alone = list(cell.subject.own_bits)
            alone[number] = min(fewest, alone[number])
            lost = problem.estimate(problem.harms(problem.outputs(alone)))
            yield Measurement("worst_case", "layer_drop", lost, target=layer, level=float(fewest), split=split)
        for layer, crests in crest_factors(cell.subject, rows.inputs).items():
            crest = Estimate.from_samples(crests) if len(crests) else Estimate.missing("undefined")
            yield Measurement("worst_case", "activation_crest", crest, target=layer, split=split)


def shifted_rows(
    cell: JudgedCell, widths: Sequence[int], sets: Mapping[str, Mapping[Split, Rows]], options: WorstCaseOptions
) -> Iterator[Measurement]:
    """What a policy costs on shifted sets, beyond what the network loses there without it.

    Args:
        cell: The network.
        widths: Of the policy, which was searched on rows that are not shifted.
        sets: Judged rows by the name of the set and the split that they are.
        options: Its mean is the level.
    """
    for name, judged in sets.items():
        for split, rows in judged.items():
            problem = cell.on(rows)
            lost = problem.estimate(problem.harms(problem.outputs(widths)))
            yield Measurement(
                "worst_case", "shifted_policy_drop", lost, condition=name, level=float(options.mean_bits), split=split
            )


@dataclass(frozen=True)
class ScaledNetworks:
    """The cell's network made again from its float network with other channel scales.

    Attributes:
        drowned: Some channels of which drown the others.
        equalized: Whose ranges are equal.
    """

    drowned: JudgedCell
    equalized: JudgedCell


def scaled_rows(
    cell: JudgedCell,
    scaled: ScaledNetworks | None,
    equalized_widths: Sequence[int],
    judged: Mapping[Split, Rows],
    options: WorstCaseOptions,
) -> Iterator[Measurement]:
    """What rescaled channels cost without any policy, and what a policy costs that was searched after equalization.

    Args:
        cell: The network as it is.
        scaled: With other scales; ``None`` where its float network cannot be rescaled.
        equalized_widths: Of the policy found for the equalized network.
        judged: Rows by the split that they are.
        options: Its mean is the level.
    """
    for split, rows in judged.items():
        drowned = equalized = Estimate.missing("undefined")
        if scaled is not None:
            plain, equal = cell.on(rows), scaled.equalized.on(rows)
            drowned = plain.estimate(scaled.drowned.on(rows).clean - plain.clean)
            equalized = equal.estimate(equal.harms(equal.outputs(equalized_widths)))
        yield Measurement("worst_case", "rescaled_drop", drowned, split=split)
        yield Measurement("worst_case", "equalized_drop", equalized, level=float(options.mean_bits), split=split)


@torch.no_grad()
def crest_factors(subject: PolicySubject, inputs: Tensor) -> dict[str, Tensor]:
    """By layer the crest factor of every row that it reads.

    Args:
        subject: The network.
        inputs: [rows, ...].

    Returns:
        [rows] for each layer; rows of zeros alone are left out.
    """
    found: dict[str, list[Tensor]] = {layer: [] for layer in subject.layers}

    def look(number: int, values: Tensor) -> int:
        crests = crest_factor(values)
        found[subject.layers[number]].append(crests[crests > 0])
        return subject.own_bits[number]

    subject(inputs, look)
    return {layer: torch.cat(crests) for layer, crests in found.items()}
