"""Measures of the loss landscape, of the outputs, and of pairs of seeds."""

from __future__ import annotations

from lowland.vocabulary.measure import Measure

LANDSCAPE: dict[str, Measure] = {
    "gradient_norm": Measure("gradient norm", "nat", False, "Steepness of the loss where training stopped."),
    "hessian_trace": Measure("Hessian trace", "nat", False, "Sum of all curvatures of the loss over the weights."),
    "sample_gradient_norm": Measure(
        "sample gradient norm", "nat", False, "Steepness of the loss of single samples; the level says which quantile."
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
        "disagreement of seeds", "1", False, "Share of samples that two seeds decide differently.", of_pairs=True
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
