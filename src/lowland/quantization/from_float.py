"""From a float network to one with quantizers whose scales are set."""

from __future__ import annotations

from torch import Tensor, nn

from lowland.quantization.calibration.calibrate import calibrate
from lowland.quantization.fake_quantized.build import build_quantized
from lowland.quantization.fake_quantized.network import QuantizedNetwork
from lowland.quantization.precision import Precision, QuantizationOptions


def build_calibrated(
    network: nn.Module,
    precision: Precision,
    options: QuantizationOptions,
    training_inputs: Tensor,
    *,
    float_from: str | None = None,
) -> QuantizedNetwork:
    """The network with quantizers, calibrated on training rows; inputs have a sign if these rows have one.

    Args:
        network: In float; it stays as it is.
        precision: Methods ``qat`` or ``ptq``.
        options: How many rows calibrate, and the width of the inputs.
        training_inputs: [rows, ...], of which the first calibrate.
        float_from: Name of the layer from which on the network stays float.
    """
    rows = training_inputs[: options.calibration_rows]
    quantized = build_quantized(
        network,
        precision,
        input_bits=options.input_bits,
        input_signed=bool((rows < 0).any()),
        float_from=float_from,
        example=rows,
    )
    return calibrate(quantized, rows)
