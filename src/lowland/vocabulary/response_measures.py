"""Measures of what a disturbance does to a network, and of its single bits."""

from __future__ import annotations

from lowland.vocabulary.families import DISTURBANCES, SWEPT
from lowland.vocabulary.measure import Measure

RESPONSES: dict[str, Measure] = {
    "accuracy_drop": Measure(
        "accuracy drop",
        "1",
        False,
        "Accuracy lost to the disturbance, same samples.",
        families=DISTURBANCES,
        of_task=True,
    ),
    "emd_rise": Measure(
        "EMD rise", "cell", False, "EMD added by the disturbance, same samples.", families=DISTURBANCES, of_task=True
    ),
    "vector_error_rise": Measure(
        "mode error rise",
        "1",
        False,
        "Mode error added by the disturbance, same samples.",
        families=DISTURBANCES,
        of_task=True,
    ),
    "absolute_error_rise": Measure(
        "error rise",
        "1",
        False,
        "Absolute error added by the disturbance, same samples.",
        families=DISTURBANCES,
        of_task=True,
    ),
    "loss_rise": Measure(
        "loss rise", "nat", False, "Loss added by the disturbance, same samples.", families=DISTURBANCES
    ),
    "mismatch_rate": Measure(
        "changed decisions",
        "1",
        False,
        "Share of samples whose decision the disturbance changes.",
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
        "Share of samples whose gradient vanished, so that the attack could not see.",
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
}

SINGLE_BITS: dict[str, Measure] = {
    "bit_error_slope": Measure(
        "bit error slope",
        "1",
        False,
        "Score lost per unit of bit error rate while errors are few.",
        True,
        families=("bit_flip",),
    ),
    "bit_error_loss_slope": Measure(
        "bit error slope of the loss",
        "1",
        False,
        "Rise of the loss per unit of bit error rate while errors are few, on the rows that its asked error takes.",
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
}
