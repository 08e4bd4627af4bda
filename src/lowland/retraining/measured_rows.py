"""A cell retrained on its disagreements and on random rows, as rows of the long table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from lowland.estimate import Estimate, Status
from lowland.measurements import Measurement, Split
from lowland.randomness import Key
from lowland.retraining.arms import ARMS, Arm, added_rows
from lowland.retraining.comparison import CHANGES, AnswersBeside, advantage, changes_of_retraining
from lowland.retraining.continued import Continuation, retrain
from lowland.training import TrainingData


@dataclass(frozen=True, slots=True)
class JudgedRows:
    """Rows on which disagreements are counted.

    Attributes:
        inputs: [rows, ...].
        targets: Right classes [rows].
        split: ``test`` for rows that retraining never sees, ``retraining`` for the pool that it draws from.
        condition: The shifted set that they are of; empty for the nominal one.
    """

    inputs: Tensor
    targets: Tensor
    split: Split
    condition: str = ""


@dataclass(frozen=True)
class RetrainedCell:
    """A cell that is to be retrained.

    Attributes:
        run: Id of its run, whose float network it is compared with.
        float_network: Of the run.
        deployed: Of the cell.
        data: What the float network was trained with.
        scored: The outputs that count, of all outputs.
    """

    run: str
    float_network: nn.Module
    deployed: nn.Module
    data: TrainingData
    scored: Callable[[Tensor], Tensor]

    def answers(self, float_network: nn.Module, deployed: nn.Module, inputs: Tensor) -> AnswersBeside:
        """Of two networks for some rows."""
        with torch.no_grad():
            return AnswersBeside(self.scored(float_network(inputs)), self.scored(deployed(inputs)))


def retraining_rows(
    cell: RetrainedCell,
    pool: Sequence[JudgedRows],
    judged: Sequence[JudgedRows],
    how: Continuation,
    *,
    most_rows: int,
    key: tuple[Key, ...],
) -> Iterator[Measurement]:
    """Both arms, counted on rows that they have never seen and on the pool that their rows are drawn from.

    Args:
        cell: Networks and what they were trained with.
        pool: What rows are drawn from; one set at least.
        judged: Rows that nothing is drawn from.
        how: How the float network is trained on and deployed again.
        most_rows: Rows at most that are added.
        key: Keys all that is drawn; common to both arms, so that they differ in the added rows alone.
    """
    # The pool is answered before and apart from the rows that judge: nothing of these can reach what is added.
    before = [cell.answers(cell.float_network, cell.deployed, rows.inputs) for rows in pool]
    finite, differing = all(each.finite for each in before), torch.cat([each.disagree for each in before])
    added = added_rows(differing, most=most_rows, key=key)
    count = len(added["disagreements"])
    measured = partial(Measurement, "disagreement", reference=cell.run, reference_kind="float")
    number = Estimate(float(count), 0.0, len(differing)) if finite else Estimate.missing("non_finite")
    yield Measurement("disagreement", "retraining_rows", number, split="retraining")
    everything = [*pool, *judged]
    before += [cell.answers(cell.float_network, cell.deployed, rows.inputs) for rows in judged]
    for rows, old in zip(everything, before, strict=True):
        share = Estimate.from_samples(old.disagree) if old.finite else Estimate.missing("non_finite")
        yield measured("old_disagreements", share, rows.condition, split=rows.split)
    after: dict[Arm, list[AnswersBeside]] = {}
    status: Status = "undefined" if finite else "non_finite"
    inputs, targets = torch.cat([rows.inputs for rows in pool]), torch.cat([rows.targets for rows in pool])
    for arm in ARMS if finite and count else ():
        found = retrain(cell.float_network, cell.data, (inputs[added[arm]], targets[added[arm]]), how, key=key)
        if found.deployed is None:
            status = found.status
            continue
        after[arm] = [cell.answers(found.float_network, found.deployed, rows.inputs) for rows in everything]
    missing = Estimate.missing(status)
    for number_of_set, (rows, old) in enumerate(zip(everything, before, strict=True)):
        here = {arm: answers[number_of_set] for arm, answers in after.items()}
        for arm in ARMS:
            changes = changes_of_retraining(old, here[arm], rows.targets) if arm in here else {}
            for measure in CHANGES:
                yield measured(measure, changes.get(measure, missing), rows.condition, target=arm, split=rows.split)
        ahead = advantage(here["disagreements"], here["random"]) if len(here) == len(ARMS) else missing
        yield measured("retraining_advantage", ahead, rows.condition, target="disagreements", split=rows.split)
