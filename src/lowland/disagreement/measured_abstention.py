"""How many samples a network that may abstain still answers, and at which risk, as rows of the long table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from lowland.disagreement.abstention import AbstentionThreshold, abstention_threshold, fixed_thresholds
from lowland.disagreement.measured_rows import Answers, Reference
from lowland.disagreement.options import DisagreementOptions
from lowland.disagreement.uncertainty_measures import UncertaintyMeasure, uncertainty
from lowland.estimate import Estimate, Status
from lowland.measurements import Measurement


@dataclass(frozen=True, slots=True)
class Abstention:
    """Thresholds of one network for one kind of error.

    Attributes:
        measure: The uncertainty above which it abstains.
        proved: One for every risk; the threshold is minus infinity where nothing could be proved.
        stated: As numbers that a table can hold [risks]: the proved thresholds themselves and, where every answer may
            be given, the highest quantile of validation rows, which was proved on the way.
        status: ``ok``, or why there are none.
    """

    measure: UncertaintyMeasure
    proved: tuple[AbstentionThreshold, ...]
    stated: tuple[float, ...]
    status: Status = "ok"


def proved_abstention(
    validation: Tensor, proving: Answers, options: DisagreementOptions, reference: Reference | None = None
) -> Abstention:
    """Thresholds from which on a network abstains: tried in an order that validation rows fix, proved on others.

    Args:
        validation: Outputs [rows, classes] for validation rows.
        proving: Answers on the rows of ``threshold``, which have trained, scaled, tempered and chosen nothing.
        options: Give the risks; the first of their measures of uncertainty is the one that decides.
        reference: What an answer must agree with; without it, it must be right.
    """
    measure = options.uncertainties[0]
    fixing, scores = uncertainty(validation, measure), uncertainty(proving.logits, measure)
    delta = options.abstention_delta
    if not (fixing.isfinite().all() and scores.isfinite().all()):
        lost = (AbstentionThreshold(-math.inf, 0.0, 0, 0, risk, delta) for risk in options.abstention_risks)
        return Abstention(measure, tuple(lost), (-math.inf,) * len(options.abstention_risks), "non_finite")
    wrong, found, stated = _wrong(proving, reference), [], []
    for risk in options.abstention_risks:
        thresholds = fixed_thresholds(fixing, len(scores), risk=risk, delta=delta)
        found.append(abstention_threshold(scores, wrong, thresholds, risk=risk, delta=delta))
        stated.append(min(found[-1].threshold, float(thresholds[-2])))
    return Abstention(measure, tuple(found), tuple(stated))


def threshold_rows(
    abstention: Abstention, proving: Answers, reference: Reference | None = None
) -> Iterator[Measurement]:
    """The thresholds, as ``Abstention.stated`` has them.

    Args:
        abstention: What was proved, and
        proving: on which rows.
        reference: As it was proved with.
    """
    for proved, threshold in zip(abstention.proved, abstention.stated, strict=True):
        value = Estimate(threshold, 0.0, len(proving.targets))
        yield from _rows(proving, abstention, proved, {"abstention_threshold": value}, reference)


def answered_rows(
    abstention: Abstention, answers: Answers, reference: Reference | None = None
) -> Iterator[Measurement]:
    """Which share of some rows is answered, and which share of these answers is wrong or differs from the reference.

    Args:
        abstention: What was proved on other rows; of shifted ones it promises nothing.
        answers: Of the same network.
        reference: As it was proved with.
    """
    scores, wrong = uncertainty(answers.logits, abstention.measure), _wrong(answers, reference)
    for proved in abstention.proved:
        answered = scores <= proved.threshold
        risk = Estimate.from_samples(wrong[answered]) if answered.any() else Estimate.missing("undefined")
        found = {"answered_share": Estimate.from_samples(answered), "risk_among_answered": risk}
        yield from _rows(answers, abstention, proved, found, reference)


def _rows(
    answers: Answers,
    abstention: Abstention,
    proved: AbstentionThreshold,
    found: dict[str, Estimate],
    reference: Reference | None,
) -> Iterator[Measurement]:
    status = abstention.status
    if status == "ok" and proved.threshold == -math.inf:
        status = "undefined"
    for measure, estimate in found.items():
        value = estimate if status == "ok" else Estimate.missing(status)
        row = answers.measured(measure, value, target=abstention.measure, level=proved.risk)
        yield row if reference is None else reference.named(row)


def _wrong(answers: Answers, reference: Reference | None) -> Tensor:
    """Which answers are wrong, or differ from those of the reference [rows]."""
    expected = answers.targets if reference is None else reference.logits.argmax(1)
    return answers.logits.argmax(1) != expected
