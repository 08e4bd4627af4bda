"""Whether a deployed network still says the same as its reference, and whether it knows where it does not."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.disagreement.abstention import (
        AbstentionThreshold,
        abstention_threshold,
        fixed_thresholds,
        least_answers,
    )
    from lowland.disagreement.calibration_error import brier_score, expected_calibration_error
    from lowland.disagreement.changes import AnswerChanges, answer_changes
    from lowland.disagreement.detection import (
        DetectorComparison,
        compare_detectors,
        detection_auroc,
    )
    from lowland.disagreement.mean_detection import MarkedScores, mean_detection_auroc, share_among_least_sure
    from lowland.disagreement.options import DisagreementOptions
    from lowland.disagreement.risk_coverage import risk_coverage_area
    from lowland.disagreement.set_rates import rate_contrasts
    from lowland.disagreement.temperature import fitted_temperature
    from lowland.disagreement.uncertainty_measures import (
        UNCERTAINTY_MEASURES,
        UncertaintyMeasure,
        distinct_measures,
        uncertainty,
    )
    from lowland.landscape.measures.similarity import disagreement_rate
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "UNCERTAINTY_MEASURES",
    "AbstentionThreshold",
    "AnswerChanges",
    "DetectorComparison",
    "DisagreementOptions",
    "MarkedScores",
    "UncertaintyMeasure",
    "abstention_threshold",
    "answer_changes",
    "brier_score",
    "compare_detectors",
    "detection_auroc",
    "disagreement_rate",
    "distinct_measures",
    "expected_calibration_error",
    "fitted_temperature",
    "fixed_thresholds",
    "least_answers",
    "mean_detection_auroc",
    "rate_contrasts",
    "risk_coverage_area",
    "share_among_least_sure",
    "uncertainty",
]
