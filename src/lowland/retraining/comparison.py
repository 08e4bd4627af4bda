"""Disagreements before and after retraining, on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate

CHANGES = (
    "remaining_disagreements",
    "new_disagreements",
    "disagreements_removed",
    "retrained_accuracy",
    "retraining_gain",
)


@dataclass(frozen=True, slots=True)
class AnswersBeside:
    """What a deployed network and its float network put out for the same rows.

    Attributes:
        float_logits: [rows, classes] of the float network.
        logits: [rows, classes] of the deployed network.
    """

    float_logits: Tensor
    logits: Tensor

    @property
    def finite(self) -> bool:
        """Whether all outputs are."""
        return bool(self.float_logits.isfinite().all()) and bool(self.logits.isfinite().all())

    @property
    def disagree(self) -> Tensor:
        """Which rows they answer differently [rows]."""
        return self.float_logits.argmax(1) != self.logits.argmax(1)

    def right(self, targets: Tensor) -> Tensor:
        """Which rows the deployed network answers rightly [rows]."""
        return self.logits.argmax(1) == targets


def changes_of_retraining(before: AnswersBeside, after: AnswersBeside, targets: Tensor) -> dict[str, Estimate]:
    r"""What became of the disagreements, as shares of the rows, and of the accuracy.

    With d before and d' after (1 where deployed and float network disagree): remaining is the mean of d d', new that of
    (1 − d) d', removed that of d − d', whose standard error is that of the paired differences (McNemar's table).

    Args:
        before: Of the networks as they were; each deployed network is compared with its own float network.
        after: Of the retrained ones, on the same rows.
        targets: Right classes [rows].

    Returns:
        By measure of the long table; all ``non_finite`` where an output is not finite.

    Raises:
        LowlandError: Outputs of different rows.

    Source:
        Old and new disagreements: Hu et al., arXiv 2204.04220, research question 4; pairs: McNemar, Psychometrika
        12 (1947) 153.
    """
    shapes = [tuple(each.shape) for each in (before.float_logits, before.logits, after.float_logits, after.logits)]
    if len({*shapes, (len(targets), shapes[0][-1])}) > 1:
        raise LowlandError(f"outputs have shapes {shapes} with {len(targets)} targets; expected those of the same rows")
    if not (before.finite and after.finite):
        return dict.fromkeys(CHANGES, Estimate.missing("non_finite"))
    old, now = before.disagree, after.disagree
    was_right, is_right = before.right(targets), after.right(targets)
    samples = (old & now, ~old & now, old.double() - now.double(), is_right, is_right.double() - was_right.double())
    return {name: Estimate.from_samples(each) for name, each in zip(CHANGES, samples, strict=True)}


def advantage(chosen: AnswersBeside, control: AnswersBeside) -> Estimate:
    """How much less of the rows disagree after retraining on disagreements than after the control.

    Args:
        chosen: Retrained on disagreements.
        control: Retrained on as many random rows; the same rows are answered.

    Returns:
        A difference of shares with the standard error of pairs; above 0 where disagreements helped more.
    """
    if not (chosen.finite and control.finite):
        return Estimate.missing("non_finite")
    return Estimate.from_samples(control.disagree.double() - chosen.disagree.double())
