"""Measures of what is proved of a cell: what it can never lose through rounding, noise or an upset."""

from __future__ import annotations

from lowland.vocabulary.families import Family
from lowland.vocabulary.measure import Measure

_OF: tuple[Family, ...] = ("certificate",)

CERTIFICATES: dict[str, Measure] = {
    "certificate": Measure(
        "numbers of the certificate",
        "1",
        None,
        "How many numbers the certificate of a cell holds.",
        True,
        families=_OF,
    ),
    "box_use": Measure(
        "use of the weight box",
        "1",
        None,
        "Largest distance of a stored weight or bias from the float one, in half steps: at most 1 where they were "
        "rounded and nothing else.",
        True,
        families=_OF,
    ),
    "certified_share": Measure(
        "certified rows",
        "1",
        True,
        "Share of rows whose class no rounding of weights and biases changes, whatever its direction; activations in "
        "real arithmetic. Proved.",
        True,
        families=_OF,
        is_rate=True,
    ),
    "certified_share_at_most": Measure(
        "certified rows, at most",
        "1",
        True,
        "Share of rows of which no rounding of weights and biases is known that changes their class.",
        True,
        families=_OF,
        is_rate=True,
    ),
    "reproved_share": Measure(
        "certified rows proved again",
        "1",
        True,
        "Share of a few certified rows whose proofs were found once more in a form that is stored, and accepted by a "
        "checker in rational numbers that shares no code with what found them.",
        True,
        families=_OF,
        is_rate=True,
    ),
    "margin_loss": Measure(
        "margin lost to rounding",
        "1",
        False,
        "How much of its margin a row can lose through rounding at the most, as a share of the margin: the median over "
        "rows. Proved.",
        True,
        families=_OF,
    ),
    "confidence_deviation": Measure(
        "largest change of the confidence",
        "1",
        False,
        "How far rounding can move the confidence of the assigned class at the most, on the row where it moves most. "
        "Proved.",
        True,
        families=_OF,
    ),
    "confidence_deviation_mean": Measure(
        "change of the confidence",
        "1",
        False,
        "How far rounding can move the confidence of the assigned class at the most: the mean over rows. Proved.",
        True,
        families=_OF,
    ),
    "confidence_deviation_found": Measure(
        "largest change of the confidence, found",
        "1",
        False,
        "The largest change of a confidence that a rounding which was found makes.",
        True,
        families=_OF,
    ),
    "global_deviation": Measure(
        "largest change of the confidence, all inputs",
        "1",
        False,
        "How far rounding can move the confidence of the assigned class at the most, for any input within the range "
        "of the test rows. Proved.",
        True,
        families=_OF,
    ),
    "global_deviation_found": Measure(
        "largest change of the confidence, all inputs, found",
        "1",
        False,
        "The same, as it was found.",
        True,
        families=_OF,
    ),
    "deployed_deviation": Measure(
        "largest deviation from the float network",
        "1",
        False,
        "Largest difference of an output of the integer network from that of its float network, for any input within "
        "the range of the test rows. Proved.",
        True,
        families=_OF,
    ),
    "deployed_deviation_found": Measure(
        "largest deviation from the float network, found",
        "1",
        False,
        "Largest difference of an output of the integer network from that of its float network that was found.",
        True,
        families=_OF,
    ),
    "noise_safe_share": Measure(
        "noise-safe rows",
        "1",
        True,
        "Share of rows whose class in integer arithmetic no noise up to a radius changes. Proved.",
        True,
        families=_OF,
        is_rate=True,
    ),
    "noise_safe_share_at_most": Measure(
        "noise-safe rows, at most",
        "1",
        True,
        "Share of rows of which no noise up to a radius is known that changes their class.",
        True,
        families=_OF,
        is_rate=True,
    ),
    "upset_safe_share": Measure(
        "upset-safe rows",
        "1",
        True,
        "Share of rows whose class no single flip of a bit changes. Every bit was tried on every row.",
        True,
        families=_OF,
        is_rate=True,
    ),
    "upset_safe_share_lower": Measure(
        "upset-safe rows, unseen",
        "1",
        True,
        "Lower end of the 95 % interval of Clopper and Pearson for the share of upset-safe rows among unseen ones.",
        True,
        families=_OF,
        is_rate=True,
    ),
    "expected_accuracy": Measure(
        "accuracy under random flips, a set for each row",
        "1",
        True,
        "Share of rows that are answered rightly when each has a random set of flipped bits of its own.",
        True,
        families=_OF,
        is_rate=True,
    ),
    "expected_accuracy_lower": Measure(
        "accuracy under random flips, unseen",
        "1",
        True,
        "Lower end of the 95 % interval of Clopper and Pearson for that share among unseen rows and flips, for all "
        "rates together.",
        True,
        families=_OF,
        is_rate=True,
    ),
    "protection_bits": Measure(
        "bits to triplicate",
        "bit",
        False,
        "Fewest bits found whose triplication makes a share of the landscape rows upset-safe.",
        True,
        families=_OF,
    ),
    "protection_bits_at_least": Measure(
        "bits to triplicate, at least",
        "bit",
        False,
        "No fewer bits make that share of the landscape rows upset-safe. Proved.",
        True,
        families=_OF,
    ),
    "protected_safe_share": Measure(
        "upset-safe rows, protected",
        "1",
        True,
        "Share of test rows that no single flip changes once the bits chosen on landscape rows are triplicated.",
        True,
        families=_OF,
        is_rate=True,
    ),
    "safety_by_margin": Measure(
        "safe rows told by their margin",
        "1",
        None,
        "How well the margin between the highest outputs tells upset-safe rows (area under the curve).",
        True,
        families=_OF,
    ),
}
