from __future__ import annotations

import pytest
from pydantic import ValidationError

from lowland.quantization import ARITHMETICS, Precision, QuantizationOptions
from lowland.quantization.precision import PER_BATCH


@pytest.mark.parametrize("bits", [2, 8, 16])
@pytest.mark.parametrize("method", ["qat", "ptq"])
def test_integer_widths_from_2_to_16_bits_exist(method: str, bits: int) -> None:
    precision = Precision(method=method, weight_bits=bits, activation_bits=8)
    assert precision.weight_bits == bits


@pytest.mark.parametrize("bits", [0, 1, 17, 33, -4])
@pytest.mark.parametrize("field", ["weight_bits", "activation_bits"])
def test_other_widths_are_refused_by_name(field: str, bits: int) -> None:
    with pytest.raises(ValidationError, match=rf"{field} is {bits}; expected 2 to 16 bits"):
        Precision(**{"method": "ptq", "weight_bits": 8, "activation_bits": 8, field: bits})


def test_float_has_32_bits_and_no_others() -> None:
    assert Precision(method="float", weight_bits=32, activation_bits=32).method == "float"
    with pytest.raises(ValidationError, match="weight_bits is 8 with method float; expected 32"):
        Precision(method="float", weight_bits=8, activation_bits=32)


def test_unknown_methods_and_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="method"):
        Precision(method="magic", weight_bits=8, activation_bits=8)
    with pytest.raises(ValidationError, match="extra"):
        Precision(method="ptq", weight_bits=8, activation_bits=8, bits=8)


def test_options_are_checked() -> None:
    assert QuantizationOptions(input_bits=8, calibration_rows=1).input_bits == 8
    with pytest.raises(ValidationError, match="input_bits is 1; expected 2 to 16"):
        QuantizationOptions(input_bits=1, calibration_rows=10)
    with pytest.raises(ValidationError, match="calibration_rows is 0; expected at least 1"):
        QuantizationOptions(input_bits=8, calibration_rows=0)


def test_precisions_say_how_scales_are_found() -> None:
    plain = Precision(method="ptq", weight_bits=4, activation_bits=4)
    assert (plain.calibration, plain.percentile, plain.bias_correction, plain.equalization) == (
        "mse",
        None,
        False,
        False,
    )
    for method in ("qat", "ptq"):
        full = Precision(
            method=method,
            weight_bits=4,
            activation_bits=4,
            calibration="percentile",
            percentile=99.9,
            bias_correction=True,
            equalization=True,
        )
        assert full.percentile == 99.9


@pytest.mark.parametrize("percentile", [None, 0.999, 50, 100.1, float("nan")])
def test_a_percentile_must_be_one(percentile: float | None) -> None:
    with pytest.raises(ValidationError, match=rf"percentile is {percentile}.* with calibration percentile; .* as 99.9"):
        Precision(method="ptq", weight_bits=4, activation_bits=4, calibration="percentile", percentile=percentile)


@pytest.mark.parametrize("calibration", ["mse", "max"])
def test_a_percentile_without_use_is_refused(calibration: str) -> None:
    with pytest.raises(ValidationError, match=f"percentile is 99.9 with calibration {calibration}; expected"):
        Precision(method="ptq", weight_bits=4, activation_bits=4, calibration=calibration, percentile=99.9)


@pytest.mark.parametrize(
    "option",
    [
        {"calibration": "max"},
        {"bias_correction": True},
        {"equalization": True},
        {"activations": "asymmetric"},
        {"scale": "power_of_two"},
        {"per_channel": True},
        {"table_bits": 8},
        {"layer_bits": {"0": {"weights": 8}}},
    ],
)
def test_float_networks_are_not_calibrated(option: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=f"{next(iter(option))} is .* with method float; expected no"):
        Precision(method="float", weight_bits=32, activation_bits=32, **option)


@pytest.mark.parametrize("bits", [2, 4, 6, 8])
def test_runtimes_have_codes_of_a_byte_at_most(bits: int) -> None:
    dynamic = Precision(method="dynamic", weight_bits=bits, activation_bits=bits)
    assert (dynamic.runtime, dynamic.per_channel, dynamic.min_elements, dynamic.batch_rows) == (
        "torchao",
        None,
        0,
        None,
    )
    assert Precision(method="weight_only", weight_bits=bits, activation_bits=32, min_elements=2048).weight_bits == bits
    for method, activation_bits in (("dynamic", 8), ("weight_only", 32)):
        for wrong in (1, 9, 16, 32):
            with pytest.raises(ValidationError, match=f"weight_bits is {wrong} with method {method}; expected 2 to 8"):
                Precision(method=method, weight_bits=wrong, activation_bits=activation_bits)
    with pytest.raises(ValidationError, match="activation_bits is 8 with method weight_only; expected 32"):
        Precision(method="weight_only", weight_bits=8, activation_bits=8)


@pytest.mark.parametrize(
    "method, option, message",
    [
        ("ptq", {"runtime": "litert"}, "runtime is litert with method ptq; expected no runtime .or method dynamic"),
        (
            "dynamic",
            {"layer_bits": {"0": {"activations": 9}}},
            "layer_bits of '0' has activations 9 with method dynamic; expected 2 to 8 bits",
        ),
        ("dynamic", {"table_bits": 9}, "table_bits is 9 with method dynamic; .* method qat or ptq"),
        ("dynamic", {"state_bits": 9}, "state_bits is 9 with method dynamic; .* method qat or ptq"),
        ("dynamic", {"activations": "asymmetric"}, "activations is asymmetric with method dynamic"),
        ("dynamic", {"scale": "power_of_two"}, "scale is power_of_two with method dynamic"),
        ("ptq", {"scale": "two"}, "scale"),
        ("ptq", {"activations": "affine"}, "activations"),
        ("ptq", {"table_bits": 17}, "table_bits is 17; expected 2 to 16 bits"),
        ("qat", {"state_bits": 1}, "state_bits is 1; expected 2 to 16 bits"),
        ("qat", {"layer_bits": {"*": {}}}, "bits of a layer are empty; expected weights, activations or both"),
        ("qat", {"layer_bits": {"*": {"weights": 1}}}, "weights is 1; expected 2 to 16 bits"),
        ("qat", {"layer_bits": {"*": {"activations": 17}}}, "activations is 17; expected 2 to 16 bits"),
        ("qat", {"layer_bits": {"*": {"biases": 8}}}, "biases"),
        ("qat", {"min_elements": 5}, "min_elements is 5 with method qat"),
        ("dynamic", {"calibration": "max"}, "calibration is max with method dynamic; .* method qat or ptq"),
        ("dynamic", {"runtime": "tflite"}, "runtime"),
        ("dynamic", {"batch_rows": 0, "runtime": "onnxruntime"}, "batch_rows"),
        ("dynamic", {"batch_rows": 4}, "batch_rows is 4 with runtime torchao, which scales each row by itself"),
        ("dynamic", {"min_elements": -1}, "min_elements"),
    ],
)
def test_options_belong_to_methods(method: str, option: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Precision(method=method, weight_bits=8, activation_bits=8, **option)


def test_every_runtime_can_be_asked_for() -> None:
    assert Precision.model_fields["runtime"].annotation.__args__ == tuple(ARITHMETICS)
    assert {name for name, each in ARITHMETICS.items() if each.depends_on_batch} == set(PER_BATCH)


def test_precisions_say_what_they_add_to_the_table() -> None:
    dynamic, ptq = (Precision(method=method, weight_bits=8, activation_bits=8) for method in ("dynamic", "ptq"))
    assert [plan.measures for plan in dynamic.planned()] == [("batch_sensitivity", "padding_sensitivity")]
    assert not list(ptq.planned())


def test_a_control_is_a_float_network_or_one_quantized_after_training() -> None:
    control = Precision(method="float", weight_bits=32, activation_bits=32, fine_tuned=True)
    assert not control.as_trained and control.deployed_alone
    with pytest.raises(ValidationError, match="fine_tuned is True with method qat; expected no fine_tuned"):
        Precision(method="qat", weight_bits=4, activation_bits=4, fine_tuned=True)
    kept = Precision(method="ptq", weight_bits=4, activation_bits=4, fine_tuned=True, fake_float=True)
    assert not kept.as_trained and not kept.deployed_alone
    with pytest.raises(ValidationError, match="fake_float is True with method ptq; expected fine_tuned: true"):
        Precision(method="ptq", weight_bits=4, activation_bits=4, fake_float=True)
