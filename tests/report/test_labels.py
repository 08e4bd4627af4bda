"""What predictors and rankings are called."""

from lowland.report.labels import method_label, predictor_label, ranking_label


def test_labels():
    assert predictor_label("flip_curvature") == "flip curvature"
    assert predictor_label("weight_bits") == "bit width"
    assert predictor_label("input_curvature (gaussian 10)") == "input curvature (gaussian 10)"


def test_clean_scores_are_called_as_their_measure():
    assert predictor_label("clean_accuracy") == "clean accuracy" and predictor_label("clean_emd") == "clean EMD"


def test_a_ranking_that_nobody_named_has_its_own_name():
    assert ranking_label("matched") == "matched curvature" and ranking_label("my_own") == "my own"


def test_widths_that_no_runtime_has_are_said_to_be_extrapolated():
    assert method_label("dynamic", 8, 8) == "dynamically quantized"
    assert method_label("dynamic", 8, 4) == "dynamically quantized, extrapolated: runtimes have 8 bits"
    assert method_label("ptq", 4, 4) == "quantized after training"
    assert method_label("weight_only", 4, 32) == "weights alone quantized"
