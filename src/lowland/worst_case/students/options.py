"""What the students of a run may be told."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from lowland.selection import RunSelection
from lowland.worst_case.options import WorstCaseOptions
from lowland.worst_case.students.distillation import Distillation, Kind

Number = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, strict=True)]


class StudentOptions(RunSelection):
    """Of which runs students are made that break or hold under bit policies, and how; of classifiers alone.

    Widths, mean, agent and runtime are those of `worst_case`. All students of a run begin with the same weights and see
    the rows in the same order.

    Attributes:
        recipes: Of whose float networks: names, how many from the first, `all`, or `none`.
        seeds: How many seeds, or `all`.
        weight: How much the detrimental student gains by differing from itself under a policy.
        hardening: How much the robust student loses by it.
        temperature: That logits are divided by before the two are compared.
        epochs: Passes over the training rows.
        batch_size: Rows a step.
        learning_rate: Of Adam, falling to 0 along half a cosine.
        alone: Share of the epochs, from the first, in which students learn from their teacher only.
        search_every: Epochs between two searches for the policy.
        evaluations: Policies tried in each of these searches.
        worst_share: Share of the batches that meet the worst policy found; the others meet any that was tried.
    """

    weight: Number
    hardening: Number
    temperature: Number
    epochs: Count
    batch_size: Count
    learning_rate: Number
    alone: Annotated[float, Field(ge=0, lt=1)]
    search_every: Count
    evaluations: Count
    worst_share: Annotated[float, Field(ge=0, le=1)]

    def distillation(self, kind: Kind, budget: WorstCaseOptions, *, float_from: str | None = None) -> Distillation:
        """How the student of a kind is trained.

        Args:
            kind: Which student.
            budget: Gives widths, their mean, the agent and the runtime.
            float_from: The layer from which on the network is not deployed.
        """
        how = Distillation(
            budget.choices,
            budget.mean_bits,
            weight=self.weight,
            temperature=self.temperature,
            epochs=self.epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            alone=self.alone,
            search_every=self.search_every,
            evaluations=self.evaluations,
            agent=budget.agent,
            worst_share=self.worst_share,
            runtime=budget.runtime,
            float_from=float_from,
        )
        return replace(how, weight=self.hardening) if kind == "robust" else how
