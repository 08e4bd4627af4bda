"""What every measure in the long table means."""

from __future__ import annotations

from dataclasses import dataclass

from lowland.vocabulary.families import DISTURBANCES, Family


@dataclass(frozen=True, slots=True)
class Measure:
    """What a column value of ``measure`` means.

    Attributes:
        label: Name in figures and prose.
        unit: Unit of the value; ``1`` for pure numbers.
        higher_is_better: Direction; ``None`` where neither end is better.
        meaning: One sentence for an engineer who has not met the measure.
        selected: Taken on the cells that parameters select, not on all.
        families: Of its rows in the long table; the first where it has no condition of another.
        of_task: Only tasks of some kind have it.
        of_pairs: It compares two cells.
        is_rate: It is between 0 and 1 and written in per cent.
    """

    label: str
    unit: str
    higher_is_better: bool | None
    meaning: str
    selected: bool = False
    families: tuple[Family, ...] = ("landscape",)
    of_task: bool = False
    of_pairs: bool = False
    is_rate: bool = False


SCORED: tuple[Family, ...] = ("performance", *DISTURBANCES)
SWEPT = tuple(family for family in DISTURBANCES if family != "shift")
"""Disturbances of the same samples: each is compared with itself undisturbed."""

MEASURES: dict[str, Measure] = {
    "all": Measure("any", "1", None, "Stands for every measure of a stage that gave no result."),
    # performance and cost
    "accuracy": Measure(
        "accuracy",
        "1",
        True,
        "Share of rows whose highest output is the right class.",
        families=SCORED,
        of_task=True,
    ),
    "emd": Measure(
        "EMD",
        "cell",
        False,
        "Earth mover's distance of the charges, in sensor cells.",
        families=SCORED,
        of_task=True,
    ),
    "vector_error": Measure(
        "mode error",
        "1",
        False,
        "Length of the difference between the true and the estimated mode vector.",
        families=SCORED,
        of_task=True,
    ),
    "amplitude_error": Measure(
        "amplitude error",
        "1",
        None,
        "Mean of the signed errors of the mode's amplitude, in the unit of the labels.",
        families=("performance",),
        of_task=True,
    ),
    "amplitude_error_spread": Measure(
        "amplitude error, spread",
        "1",
        False,
        "Standard deviation of the signed errors of the mode's amplitude.",
        families=("performance",),
        of_task=True,
    ),
    "phase_error": Measure(
        "phase error",
        "degree",
        None,
        "Mean of the signed errors of the mode's phase, each wrapped to ±180 degrees.",
        families=("performance",),
        of_task=True,
    ),
    "phase_error_spread": Measure(
        "phase error, spread",
        "degree",
        False,
        "Standard deviation of the signed, wrapped errors of the mode's phase.",
        families=("performance",),
        of_task=True,
    ),
    "absolute_error": Measure(
        "absolute error",
        "1",
        False,
        "Mean absolute error in the units of the target.",
        families=SCORED,
        of_task=True,
    ),
    "loss": Measure(
        "loss",
        "nat",
        False,
        "Mean loss of the rows: cross-entropy, or what the task is trained on.",
        families=("performance", "landscape"),
    ),
    "gain_over_guess": Measure(
        "gain over the guess",
        "1",
        True,
        "How much better the score is than that of the best answer that does not look at the inputs, same rows.",
        families=("performance",),
    ),
    "deployment_mismatch": Measure(
        "deployment mismatch",
        "1",
        False,
        "Largest difference between the frozen network and its training-time twin.",
        families=("performance",),
    ),
    "integer_mismatch_rate": Measure(
        "integer mismatch",
        "1",
        False,
        "Share of rows where integer-only arithmetic gives another activation code than float64.",
        families=("performance",),
        is_rate=True,
    ),
    "integer_decision_rate": Measure(
        "integer decisions",
        "1",
        False,
        "Share of rows that integer-only arithmetic decides otherwise than the deployed network's floats, rows with "
        "equal highest outputs left out.",
        families=("performance",),
        of_task=True,
        is_rate=True,
    ),
    "size": Measure("size", "bit", False, "Bits that store weights and biases.", families=("cost",)),
    "parameters": Measure("parameters", "1", False, "Number of weights and biases.", families=("cost",)),
    # responses to a disturbance
    "accuracy_drop": Measure(
        "accuracy drop", "1", False, "Accuracy lost to the disturbance, same rows.", families=DISTURBANCES, of_task=True
    ),
    "emd_rise": Measure(
        "EMD rise", "cell", False, "EMD added by the disturbance, same rows.", families=DISTURBANCES, of_task=True
    ),
    "vector_error_rise": Measure(
        "mode error rise",
        "1",
        False,
        "Mode error added by the disturbance, same rows.",
        families=DISTURBANCES,
        of_task=True,
    ),
    "absolute_error_rise": Measure(
        "error rise",
        "1",
        False,
        "Absolute error added by the disturbance, same rows.",
        families=DISTURBANCES,
        of_task=True,
    ),
    "loss_rise": Measure("loss rise", "nat", False, "Loss added by the disturbance, same rows.", families=DISTURBANCES),
    "mismatch_rate": Measure(
        "changed decisions",
        "1",
        False,
        "Share of rows that the disturbance decides otherwise.",
        families=SWEPT,
        is_rate=True,
    ),
    "non_finite_rate": Measure(
        "non-finite outputs",
        "1",
        False,
        "Share of outputs that are not numbers any more.",
        families=SWEPT,
        is_rate=True,
    ),
    "blind_rate": Measure(
        "blind attacks",
        "1",
        None,
        "Share of rows whose gradient vanished, so that the attack could not see.",
        families=("adversarial",),
        is_rate=True,
    ),
    "half_life": Measure(
        "half-life",
        "1",
        None,
        "Strength of a disturbance at which half of what the network does better than guessing is lost.",
        families=SWEPT,
    ),
    # single bits
    "bit_error_slope": Measure(
        "bit error slope",
        "1",
        False,
        "Score lost per unit of bit error rate while errors are few.",
        True,
        families=("bit_flip",),
    ),
    "worst_flip_drop": Measure(
        "worst flip", "1", False, "Score lost to the one bit whose flip costs most.", True, families=("bit_flip",)
    ),
    "score_after_search": Measure(
        "score after searched flips",
        "1",
        None,
        "Score after the worst flips that a greedy search finds.",
        True,
        families=("bit_flip",),
    ),
    "ranking_recall": Measure(
        "recall of a ranking",
        "1",
        True,
        "Share of the flips that raise the loss most which a ranking has among its first ones.",
        True,
        families=("bit_flip",),
        is_rate=True,
    ),
    "ranking_recall_score": Measure(
        "recall of a ranking, by score",
        "1",
        True,
        "Share of the flips that cost most of the score which a ranking has among its first ones.",
        True,
        families=("bit_flip",),
        is_rate=True,
    ),
    "protected_bits": Measure(
        "bits to protect",
        "1",
        False,
        "Fewest bits to store three times so that the score holds, predicted.",
        True,
        families=("bit_flip",),
    ),
    "protected_bits_simulated": Measure(
        "bits to protect, simulated",
        "1",
        False,
        "Fewest bits to store three times so that the score holds, found by simulation.",
        True,
        families=("bit_flip",),
    ),
    # landscape
    "gradient_norm": Measure("gradient norm", "nat", False, "Steepness of the loss where training stopped."),
    "hessian_trace": Measure("Hessian trace", "nat", False, "Sum of all curvatures of the loss over the weights."),
    "sample_gradient_norm": Measure(
        "row gradient norm", "nat", False, "Steepness of the loss of single rows; the level says which quantile."
    ),
    "smallest_eigenvalue": Measure(
        "smallest eigenvalue", "nat", None, "Curvature in the most downward-bent direction, usually negative."
    ),
    "expected_sharpness": Measure(
        "expected sharpness", "nat", False, "Mean loss rise when every weight is off by a random share of itself."
    ),
    "adaptive_sharpness": Measure(
        "adaptive sharpness", "nat", False, "Worst loss rise in a ball of relative weight changes."
    ),
    "input_jacobian_norm": Measure(
        "input Jacobian norm", "1", False, "How strongly the outputs follow small changes of the inputs."
    ),
    "flip_mismatch_curvature": Measure(
        "flip mismatch", "1", False, "Predicted share of decisions that one random bit flip changes."
    ),
    "input_mismatch_curvature": Measure(
        "input mismatch", "1", False, "Predicted share of decisions that Gaussian input noise changes."
    ),
    "rounding_mismatch_curvature": Measure(
        "rounding mismatch", "1", False, "Predicted share of decisions that rounding every weight changes."
    ),
    "largest_eigenvalue": Measure("largest eigenvalue", "nat", False, "Curvature in the sharpest direction."),
    "flip_curvature": Measure(
        "flip curvature", "nat", False, "Predicted loss rise of one random bit flip, from gradient and curvature."
    ),
    "input_curvature": Measure(
        "input curvature", "nat", False, "Predicted loss rise under Gaussian input noise, from the input curvature."
    ),
    "rounding_curvature": Measure(
        "rounding curvature", "nat", False, "Predicted loss rise of rounding every weight to its grid."
    ),
    "mean_squared_flip": Measure("mean squared flip", "1", False, "Mean squared weight change of one bit flip."),
    "scaled_trace": Measure("scaled trace", "nat", False, "Curvatures weighted by squared weights."),
    "normalised_sharpness": Measure(
        "logit-normalised sharpness", "1", False, "Trace of the Hessian after scaling the outputs to unit spread."
    ),
    "weight_norm": Measure("weight norm", "1", False, "Euclidean norm of all weights."),
    "output_entropy": Measure("output entropy", "nat", None, "How undecided the outputs are on average."),
    "disagreement_rate": Measure(
        "disagreement of seeds", "1", False, "Share of rows that two seeds decide differently.", of_pairs=True
    ),
    "negative_spectral_mass": Measure(
        "negative curvature", "1", False, "Share of all curvature that is negative: ways downhill.", True
    ),
    "mode_connectivity": Measure(
        "mode connectivity",
        "nat",
        True,
        "How far the loss on the way from one seed to another leaves their mean; negative: a barrier in between.",
        True,
        of_pairs=True,
    ),
    "curve_barrier": Measure(
        "curve barrier",
        "nat",
        False,
        "Highest rise of the loss on a trained curve from one seed to another.",
        True,
        of_pairs=True,
    ),
    "linear_barrier": Measure(
        "linear barrier",
        "nat",
        False,
        "Highest rise of the loss on the straight line from one seed to another.",
        True,
        of_pairs=True,
    ),
    "cka": Measure(
        "CKA", "1", True, "How alike two seeds' outputs are (1: the same up to rotation and scale).", of_pairs=True
    ),
}

SCORES = ("accuracy", "emd", "vector_error", "absolute_error")
"""Headline scores: each task has one of them."""

SHARES = ("accuracy",)
"""Those between 0 and 1: written in per cent, their differences in points."""

SELECTED = frozenset(name for name, measure in MEASURES.items() if measure.selected)


def sign(score: str) -> int:
    """What makes the better of two headline scores the larger number: 1, or -1 where lower is better."""
    return 1 if MEASURES[score].higher_is_better else -1


def deterioration(score: str) -> str:
    """The measure of how much of a headline score a disturbance costs: never good, whichever way the score goes."""
    return f"{score}_drop" if sign(score) > 0 else f"{score}_rise"
