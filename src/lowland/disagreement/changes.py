"""What changes between the answers of two networks: errors that are new, repaired or replaced by others."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from torch import Tensor

from lowland.disagreement.rows import checked_logits, checked_targets
from lowland.estimate import Estimate
from lowland.landscape import disagreement_rate


@dataclass(frozen=True, slots=True)
class AnswerChanges:
    """How the answers of a network differ from those of its reference, as shares of the same rows.

    Attributes:
        churn: Answered differently: the sum of the next three.
        negative_flips: Right before, wrong now.
        positive_flips: Wrong before, right now.
        wrong_to_other_wrong: Wrong before, and wrong in another way now.
        accuracy_lost: Accuracy of the reference less that of the network: negative less positive flips.
        excess_churn: Where the churn lies between the least and the most that these two accuracies allow: 0 to 1.
        by_class: Churn of the rows of every class.
    """

    churn: Estimate
    negative_flips: Estimate
    positive_flips: Estimate
    wrong_to_other_wrong: Estimate
    accuracy_lost: Estimate
    excess_churn: Estimate
    by_class: tuple[Estimate, ...]

    def estimates(self) -> Iterator[tuple[str, str, Estimate]]:
        """Measure of the long table, class where it is of one (``class_2``), and the estimate."""
        for field in fields(self):
            if field.name != "by_class":
                yield field.name, "", getattr(self, field.name)
        for number, estimate in enumerate(self.by_class):
            yield "churn", f"class_{number}", estimate


def answer_changes(reference_logits: Tensor, logits: Tensor, targets: Tensor) -> AnswerChanges:
    r"""Compares the answers (highest output) of a network with those of a reference, on the same rows.

    With :math:`e_1, e_2` the error rates of both and c the churn, the excess is
    :math:`(c - |e_1 - e_2|) / (m - |e_1 - e_2|)` with the largest churn :math:`m = \min(1, e_1 + e_2)`. With two
    classes a row that both get wrong is answered alike: then :math:`m = \min(e_1 + e_2, 2 - e_1 - e_2)`.

    Args:
        reference_logits: [rows, classes] of the reference.
        logits: [rows, classes] of the network.
        targets: Right classes [rows], int64.

    Returns:
        Shares with standard errors over rows (of the excess by the jackknife); all ``non_finite`` where an output is
        not finite. The excess is ``undefined`` where the accuracies leave no choice, a class without two rows is, too.

    Raises:
        LowlandError: Tensors of other forms, or targets that are no classes.

    Source:
        Churn: Milani Fard et al., NeurIPS 2016; negative flips: Yan et al., CVPR 2021, section 3.
    """
    classes = checked_logits(logits, "logits")
    churn = disagreement_rate(reference_logits, logits)
    targets = checked_targets(targets, logits)
    if churn.status == "non_finite":
        lost = Estimate.missing("non_finite")
        return AnswerChanges(lost, lost, lost, lost, lost, lost, (lost,) * classes)
    before, now = reference_logits.argmax(1), logits.argmax(1)
    was_right, is_right, differs = before == targets, now == targets, before != now
    negative, positive, replaced = was_right & ~is_right, ~was_right & is_right, differs & ~was_right & ~is_right
    of_class = [differs[targets == number] for number in range(classes)]
    return AnswerChanges(
        churn,
        Estimate.from_samples(negative),
        Estimate.from_samples(positive),
        Estimate.from_samples(replaced),
        Estimate.from_samples(negative.double() - positive.double()),
        _excess(negative, positive, replaced, ~was_right & ~differs, classes=classes),
        tuple(Estimate.from_samples(rows) if len(rows) else Estimate.missing("undefined") for rows in of_class),
    )


def _excess(*kinds: Tensor, classes: int) -> Estimate:
    """The excess with its jackknife error: rows of a kind are alike, so that only one of each need be left out.

    Args:
        kinds: Masks [rows] of new, repaired, replaced and kept errors; all other rows are right twice.
        classes: That there are.
    """
    rows = len(kinds[0])
    counts = [int(kind.sum()) for kind in kinds]
    counts.append(rows - sum(counts))
    value = _excess_of(counts, classes)
    if math.isnan(value) or rows < 2:
        return Estimate.missing("undefined")
    without = [
        (count, _excess_of([other - (place == number) for place, other in enumerate(counts)], classes))
        for number, count in enumerate(counts)
        if count
    ]
    mean = sum(count * other for count, other in without) / rows
    variance = (rows - 1) / rows * sum(count * (other - mean) ** 2 for count, other in without)
    error = math.sqrt(variance) if math.isfinite(variance) else math.nan
    return Estimate(value, error, rows, "ok" if math.isfinite(error) else "undefined")


def _excess_of(counts: Sequence[int], classes: int) -> float:
    """Of counts of new, repaired, replaced, kept errors and rows that are right twice; NaN without a choice."""
    new, repaired, replaced, kept, _ = counts
    least, errors, rows = abs(new - repaired), new + repaired + 2 * (replaced + kept), sum(counts)
    most = min(errors, 2 * rows - errors if classes == 2 else rows)
    return (new + repaired + replaced - least) / (most - least) if most > least else math.nan
