"""Builds quantized networks, calibrates them and freezes them into integers; trains none."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.coding.folding import fold_batch_norm
    from lowland.quantization.calibration.calibrate import calibrate
    from lowland.quantization.deployed_network import DeployedNetwork, StoredTensor
    from lowland.quantization.deployment import DeploymentCheck, deployment_check
    from lowland.quantization.dynamic.arithmetic import ARITHMETICS, DynamicArithmetic
    from lowland.quantization.dynamic.batch_sensitivity import batch_sensitivity, padding_sensitivity
    from lowland.quantization.dynamic.network import DynamicNetwork
    from lowland.quantization.dynamic.quantize import quantize_dynamically
    from lowland.quantization.fake_quantized.build import build_quantized
    from lowland.quantization.fake_quantized.network import QuantizedNetwork
    from lowland.quantization.fake_quantized.without_quantizers import without_quantizers
    from lowland.quantization.freezing import freeze
    from lowland.quantization.from_float import build_calibrated
    from lowland.quantization.graph.dequantized import DequantizedNetwork
    from lowland.quantization.graph.integer import IntegerNetwork
    from lowland.quantization.imported import IMPORTS, imported_network
    from lowland.quantization.mean_widths import MeanBits, mean_bits
    from lowland.quantization.multiplications import bit_operations
    from lowland.quantization.nearby_precision import with_a_bit_less
    from lowland.quantization.parameter_codes import coded_parameters
    from lowland.quantization.precision import Precision, QuantizationOptions
    from lowland.quantization.readers.flow import CodeRange
    from lowland.quantization.readers.qonnx import read_qonnx
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ARITHMETICS",
    "IMPORTS",
    "CodeRange",
    "DeployedNetwork",
    "DeploymentCheck",
    "DequantizedNetwork",
    "DynamicArithmetic",
    "DynamicNetwork",
    "IntegerNetwork",
    "MeanBits",
    "Precision",
    "QuantizationOptions",
    "QuantizedNetwork",
    "StoredTensor",
    "batch_sensitivity",
    "bit_operations",
    "build_calibrated",
    "build_quantized",
    "calibrate",
    "coded_parameters",
    "deployment_check",
    "fold_batch_norm",
    "freeze",
    "imported_network",
    "mean_bits",
    "padding_sensitivity",
    "quantize_dynamically",
    "read_qonnx",
    "with_a_bit_less",
    "without_quantizers",
]
