"""What a network says beside its reference, as rows of the long table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from lowland.disagreement.calibration_error import brier_score, expected_calibration_error
from lowland.disagreement.changes import answer_changes
from lowland.disagreement.detection import LEAST_POSITIVES, detect_by_each
from lowland.disagreement.options import DisagreementOptions
from lowland.disagreement.ranking import Ranking
from lowland.disagreement.risk_coverage import ranked_area
from lowland.disagreement.uncertainty_measures import distinct_measures, uncertainties_of
from lowland.estimate import Estimate
from lowland.measurements import Measurement, ReferenceKind, Split


@dataclass(frozen=True, slots=True)
class Answers:
    """Outputs for some rows and what would be right.

    Attributes:
        logits: [rows, classes].
        targets: Right classes [rows].
        split: Which half the rows are.
        condition: The shifted set that they are of; empty for the nominal one.
    """

    logits: Tensor
    targets: Tensor
    split: Split
    condition: str = ""

    def at(self, rows: Tensor, split: Split) -> Answers:
        """Those of some rows, a mask of them, which are a split of their own."""
        return Answers(self.logits[rows], self.targets[rows], split, self.condition)

    def measured(self, measure: str, estimate: Estimate, *, target: str = "", level: float = math.nan) -> Measurement:
        """One measure of these rows."""
        return Measurement("disagreement", measure, estimate, self.condition, target, level, self.split)


@dataclass(frozen=True, slots=True)
class Reference:
    """The other network of a comparison.

    Attributes:
        id: Of its cell or run.
        kind: What it is.
        logits: [rows, classes] of it.
    """

    id: str
    kind: ReferenceKind
    logits: Tensor

    def at(self, rows: Tensor) -> Reference:
        """Its answers for some rows, a mask of them."""
        return Reference(self.id, self.kind, self.logits[rows])

    def named(self, row: Measurement) -> Measurement:
        """A row that says that it is about this comparison."""
        return replace(row, reference=self.id, reference_kind=self.kind)


def uncertainties(logits: Tensor, options: DisagreementOptions, temperature: Estimate | None) -> dict[str, Tensor]:
    """Scores [rows] by name: the measures asked for, and as ``scaled_<name>`` those with the fitted temperature.

    Args:
        logits: [rows, classes].
        options: Which are asked for.
        temperature: Fitted on other rows; one that did not settle scales nothing.
    """
    classes = logits.shape[1]
    own = uncertainties_of(logits, distinct_measures(options.uncertainties, classes))
    found: dict[str, Tensor] = {str(name): each for name, each in own.items()}
    if temperature is not None and temperature.status == "ok":
        # Two classes: whatever the temperature, the order is that of the measure without it.
        asked = [name for name in options.scaled if classes > 2 or name == "energy"]
        scaled = uncertainties_of(logits, asked, temperature=temperature.value)
        found |= {f"scaled_{name}": each for name, each in scaled.items()}
    return found


def change_rows(answers: Answers, reference: Reference) -> Iterator[Measurement]:
    """How the answers differ from those of the reference: all rates of ``AnswerChanges``."""
    for measure, target, estimate in answer_changes(reference.logits, answers.logits, answers.targets).estimates():
        yield reference.named(answers.measured(measure, estimate, target=target))


def ranked(scores: Mapping[str, Tensor], rows: Tensor) -> dict[str, Ranking]:
    """Some rows in the order of each score.

    Args:
        scores: [all rows] by name of the measure, as ``uncertainties`` gives them.
        rows: A mask of them [all rows].
    """
    return {name: Ranking.of(each[rows]) for name, each in scores.items()}


def detection_rows(answers: Answers, reference: Reference, rankings: Mapping[str, Ranking]) -> Iterator[Measurement]:
    """How well each measure of uncertainty tells where the answers differ, and how far the first is ahead of each.

    Also what of the difference is left when only the surest answers are given; ``undefined`` with few differences, too.

    Args:
        answers: Of the deployed network, whose uncertainty it is.
        reference: What it is compared with.
        rankings: Of the rows by measure of uncertainty.
    """
    disagree = (answers.logits.argmax(1) != reference.logits.argmax(1)).numpy()
    first, *_ = rankings
    few = int(disagree.sum()) < LEAST_POSITIVES
    for name, (area, ahead) in detect_by_each(rankings, disagree).items():
        ranking = rankings[name]
        churned = Estimate.missing("undefined") if few and ranking.is_finite else ranked_area(ranking, disagree)
        yield reference.named(answers.measured("churn_coverage_area", churned, target=name))
        yield reference.named(answers.measured("detection_auroc", area, target=name))
        if name != first:
            yield reference.named(answers.measured("detection_advantage", ahead, target=name))


def confidence_rows(answers: Answers, rankings: Mapping[str, Ranking], *, num_bins: int) -> Iterator[Measurement]:
    """What the probabilities are worth, and what is risked when only the surest answers are given.

    Args:
        answers: Of the deployed network.
        rankings: Of the rows by measure of uncertainty.
        num_bins: Of the calibration error; fewer where the rows do not fill them.
    """
    bins = max(1, min(num_bins, len(answers.targets) // 2))
    yield answers.measured(
        "calibration_error", expected_calibration_error(answers.logits, answers.targets, num_bins=bins)
    )
    yield answers.measured("brier_score", brier_score(answers.logits, answers.targets))
    wrong = (answers.logits.argmax(1) != answers.targets).numpy()
    for name, ranking in rankings.items():
        yield answers.measured("risk_coverage_area", ranked_area(ranking, wrong), target=name)
