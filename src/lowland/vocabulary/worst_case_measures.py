"""Measures of the worst that a policy of activation widths does to a network, and of what protects it."""

from __future__ import annotations

from functools import partial

from lowland.vocabulary.levels import BITS, MEAN_BITS
from lowland.vocabulary.measure import Measure

_own = partial(Measure, unit="1", families=("worst_case",))
_lost = partial(_own, higher_is_better=False, levels=MEAN_BITS)
_chosen = partial(_own, selected=True, levels=MEAN_BITS)

WORST_CASE: dict[str, Measure] = {
    "policy_drop": _lost(
        "lost to the worst policy",
        meaning="Score lost under the worst bit policy that was found at so many bits on average, the same for every "
        "input, beyond what the network loses without it.",
    ),
    "policy_broken": _lost(
        "broken by the worst policy",
        meaning="Share of samples whose decision that policy changes.",
        is_rate=True,
    ),
    "shifted_policy_drop": _chosen(
        "lost to the worst policy on shifted data",
        higher_is_better=False,
        meaning="Score lost under the policy that was found to be the worst on nominal data, beyond what the network "
        "loses on the shifted set without it.",
    ),
    "layer_drop": _own(
        "lost through one layer",
        higher_is_better=False,
        meaning="Score lost when what the target reads has so many bits, and all other layers their own.",
        levels=BITS,
    ),
    "activation_crest": _own(
        "crest factor",
        higher_is_better=None,
        meaning="Largest number that the target reads from a sample, over their root mean square: the mean over "
        "samples. The higher, the fewer codes are left for most numbers.",
    ),
    "rescaled_drop": _own(
        "lost to rescaled channels",
        higher_is_better=False,
        meaning="Score lost by the network whose channels were rescaled against each other so that its float function "
        "stays what it was.",
    ),
    "equalized_drop": _lost(
        "lost to the worst policy, equalized",
        meaning="The same as what is lost to the worst policy, of the network whose channels were equalized before.",
    ),
    "input_policy_drop": _chosen(
        "lost to the worst policy for each input",
        higher_is_better=False,
        meaning="Score lost under the worst policy that was found among those that choose widths for each input by "
        "what the layers read from it.",
    ),
    "oracle_drop": _chosen(
        "lost to an oracle",
        higher_is_better=False,
        meaning="Score lost to the worst widths of each input: of those that can be told by what layers read "
        "(restricted), or of all, knowing the right answer (free).",
    ),
    "input_policy_gain": _chosen(
        "gained by choosing for each input",
        higher_is_better=False,
        meaning="What a policy for each input takes beyond the worst static one, row by row: of the score, or of "
        "decisions that stay, whatever is counted.",
    ),
    "input_policy_bits": _chosen(
        "bits spent by a policy for each input",
        unit="bit",
        higher_is_better=None,
        meaning="Mean width that a policy for each input gives on these samples; below the level it spends less than "
        "the mean that it was searched at.",
    ),
    "input_policy_broken": _chosen(
        "broken by a policy for each input",
        higher_is_better=False,
        meaning="Share of samples whose decision such a policy changes, where no labels were used.",
        is_rate=True,
    ),
    "oracle_broken": _chosen(
        "broken by an oracle",
        higher_is_better=False,
        meaning="Share of samples whose decision the worst widths of each input change, where no labels were used.",
        is_rate=True,
    ),
    "input_policy_share": _chosen(
        "share of the oracle's gain",
        higher_is_better=None,
        meaning="What the policy for each input loses beyond the worst static one, over what the restricted oracle "
        "loses beyond it.",
    ),
    "protected_drop": _chosen(
        "lost to the worst policy, protected",
        higher_is_better=False,
        meaning="Score lost to the worst policy by the network with the target's protection.",
    ),
    "protection_gain": _chosen(
        "saved by a protection",
        higher_is_better=True,
        meaning="Score under the worst policy with the target's protection less that without it, each under its own "
        "worst policy: what the protection itself costs in score is counted.",
    ),
    "protection_harm": _own(
        "lost to a protection itself",
        higher_is_better=False,
        meaning="Score that the target's protection costs without any policy.",
        selected=True,
    ),
    "protection_cost": _own(
        "cost of a protection",
        unit="bit",
        higher_is_better=False,
        meaning="Bits that the target's protection adds to the mean width of activations.",
        selected=True,
    ),
    "broken_auroc": _chosen(
        "broken samples told",
        higher_is_better=True,
        meaning="How probably the target (a small margin, a high crest factor, a large range) is higher for a sample "
        "whose decision the worst policy changes than for another one: area under the ROC curve, 0.5 by chance.",
        is_rate=True,
    ),
    "layer_interaction": _own(
        "interaction of two layers",
        higher_is_better=None,
        meaning="Score lost when what either of the target's two layers reads has so few bits, beyond the sum of what "
        "is lost through each alone.",
        levels=BITS,
        selected=True,
    ),
    "pair_drop": _chosen(
        "lost by student and policy",
        higher_is_better=False,
        meaning="Score that a student loses under a policy, from its own in float arithmetic.",
    ),
    "pair_drop_equalized": _chosen(
        "lost by student and policy, equalized",
        higher_is_better=False,
        meaning="The same, of the student whose channels were equalized: what is left is no matter of channel scales.",
    ),
    "student_accuracy": _own(
        "accuracy of a student",
        higher_is_better=True,
        meaning="Accuracy of a student in float arithmetic.",
        selected=True,
        is_rate=True,
    ),
    "accuracy_equivalence": _own(
        "equivalence of students",
        higher_is_better=None,
        meaning="p value of two one-sided tests that the detrimental and the robust student differ by a point of "
        "accuracy or more: small where they are alike.",
        selected=True,
    ),
}

NO_PROTECTION = "no_protection"
"""Target of a network as it is, under the policy that the search against protections found for it."""

STUDENTS = ("detrimental_student", "robust_student", "control_student")
"""Conditions under which pairs are measured: what a student was trained to do under a policy."""
