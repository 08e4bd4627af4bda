"""Measures of how far a deployed network says the same as its reference, and knows where it does not."""

from __future__ import annotations

from functools import partial

from lowland.vocabulary.measure import Measure

_own = partial(Measure, unit="1", families=("disagreement",))
_pair = partial(_own, of_pairs=True)
_retraining = partial(_pair, selected=True)

DISAGREEMENT: dict[str, Measure] = {
    "churn": _pair(
        "churn",
        higher_is_better=False,
        meaning="Share of samples that a network and its reference answer differently; the target may be a class.",
        is_rate=True,
    ),
    "negative_flips": _pair(
        "negative flips",
        higher_is_better=False,
        meaning="Share of samples that the reference answers rightly and the network wrongly.",
        is_rate=True,
    ),
    "positive_flips": _pair(
        "positive flips",
        higher_is_better=True,
        meaning="Share of samples that the reference answers wrongly and the network rightly.",
        is_rate=True,
    ),
    "wrong_to_other_wrong": _pair(
        "other errors",
        higher_is_better=None,
        meaning="Share of samples that both answer wrongly, but differently.",
        is_rate=True,
    ),
    "accuracy_lost": _pair(
        "accuracy lost",
        higher_is_better=False,
        meaning="Accuracy of the reference less that of the network: negative less positive flips.",
    ),
    "excess_churn": _pair(
        "excess churn",
        higher_is_better=False,
        meaning="Where the churn lies between the least (0) and the most (1) that the two accuracies allow; with two "
        "classes, where both are wrong they agree.",
    ),
    "detection_auroc": _pair(
        "detection of disagreements",
        higher_is_better=True,
        meaning="How probably a sample answered differently looks less sure than another one, by the target's measure.",
    ),
    "detection_advantage": _pair(
        "advantage in detection",
        higher_is_better=None,
        meaning="Detection by the first measure of uncertainty that was asked for, less that by the target.",
    ),
    "churn_coverage_area": _pair(
        "area under churn and coverage",
        higher_is_better=False,
        meaning="Mean share of answers other than the reference's among the surest answers, over all shares of these, "
        "by the target's measure.",
    ),
    "risk_coverage_area": _own(
        "area under risk and coverage",
        higher_is_better=False,
        meaning="Mean error rate of the surest answers over all shares of them, by the target's measure.",
    ),
    "calibration_error": _own(
        "calibration error",
        higher_is_better=False,
        meaning="Mean gap between confidence and accuracy, less its bias on few samples.",
    ),
    "brier_score": _own(
        "Brier score", higher_is_better=False, meaning="Mean squared error of the probabilities: 0 to 2."
    ),
    "temperature": _own(
        "temperature",
        higher_is_better=None,
        meaning="By what outputs must be divided so that probabilities mean what they say; above 1: too sure.",
    ),
    "retraining_rows": _own(
        "rows retrained on",
        selected=True,
        higher_is_better=None,
        meaning="Rows of the pool that were answered differently and are added to the training rows.",
    ),
    "old_disagreements": _retraining(
        "disagreements before retraining",
        higher_is_better=False,
        meaning="Share of samples that a network and its float network answered differently before retraining.",
        is_rate=True,
    ),
    "remaining_disagreements": _retraining(
        "remaining disagreements",
        higher_is_better=False,
        meaning="Share of samples answered differently before and after retraining on the target's rows.",
        is_rate=True,
    ),
    "new_disagreements": _retraining(
        "new disagreements",
        higher_is_better=False,
        meaning="Share of samples answered alike before and differently after retraining on the target's rows.",
        is_rate=True,
    ),
    "disagreements_removed": _retraining(
        "disagreements removed",
        higher_is_better=True,
        meaning="Disagreements before, less remaining and new ones; below 0 where retraining created more.",
    ),
    "retrained_accuracy": _retraining(
        "accuracy after retraining",
        higher_is_better=True,
        meaning="Accuracy of the network that is deployed after retraining on the target's rows.",
        is_rate=True,
    ),
    "retraining_gain": _retraining(
        "accuracy gained by retraining",
        higher_is_better=True,
        meaning="Accuracy of the deployed network after retraining, less that before, on the same samples.",
    ),
    "retraining_advantage": _retraining(
        "advantage over random rows",
        higher_is_better=True,
        meaning="Disagreements left by retraining on as many random rows, less those left by retraining on "
        "disagreements.",
    ),
    "answered_share": _own(
        "share answered",
        higher_is_better=True,
        meaning="Share of samples that are answered where the network abstains above the threshold for this risk.",
        is_rate=True,
    ),
    "risk_among_answered": _own(
        "risk among answers",
        higher_is_better=False,
        meaning="Share of the answers given that are wrong, or differ from the reference: at most the level with the "
        "stated confidence on samples like those of the threshold, and not guaranteed on shifted ones.",
        is_rate=True,
    ),
    "abstention_threshold": _own(
        "threshold of abstention",
        higher_is_better=None,
        meaning="Uncertainty, by the target's measure, up to which this risk is proved to hold among the answers.",
    ),
}
