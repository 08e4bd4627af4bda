"""Measures of what a network does undisturbed, and of what it costs."""

from __future__ import annotations

from lowland.vocabulary.families import SCORED
from lowland.vocabulary.measure import Measure

PERFORMANCE: dict[str, Measure] = {
    "accuracy": Measure(
        "accuracy",
        "1",
        True,
        "Share of samples whose highest output is the right class.",
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
        "Mean loss of the samples: cross-entropy, or what the task is trained on.",
        families=("performance", "landscape"),
    ),
    "gain_over_guess": Measure(
        "gain over the guess",
        "1",
        True,
        "How much better the score is than that of the best constant prediction, same samples.",
        families=("performance",),
    ),
    "deployment_mismatch": Measure(
        "deployment mismatch",
        "1",
        False,
        "Largest difference between the frozen network and its fake-quantized model.",
        families=("performance",),
    ),
    "integer_mismatch_rate": Measure(
        "integer mismatch",
        "1",
        False,
        "Share of samples where integer-only arithmetic gives another activation code than float64.",
        families=("performance",),
        is_rate=True,
    ),
    "integer_decision_rate": Measure(
        "integer decisions",
        "1",
        False,
        "Share of samples that integer-only arithmetic decides differently than the deployed network's floats, those "
        "with equal highest outputs left out.",
        families=("performance",),
        of_task=True,
        is_rate=True,
    ),
    "size": Measure("size", "bit", False, "Bits that store weights and biases.", families=("cost",)),
    "parameters": Measure("parameters", "1", False, "Number of weights and biases.", families=("cost",)),
}
