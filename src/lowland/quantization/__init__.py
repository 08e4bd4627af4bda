"""Builds quantized networks, calibrates them and freezes them into integers; trains none."""

from lowland.quantization.coded_parameters import coded_parameters
from lowland.quantization.deployment import DeploymentCheck, deployment_check
from lowland.quantization.folding import fold_batch_norm
from lowland.quantization.freezing import freeze
from lowland.quantization.integer import DequantizedNetwork, IntegerNetwork
from lowland.quantization.precision import Precision, QuantizationOptions
from lowland.quantization.qat import QuantizedNetwork, build_quantized
from lowland.quantization.static_ptq import calibrate

__all__ = [
    "DeploymentCheck",
    "DequantizedNetwork",
    "IntegerNetwork",
    "Precision",
    "QuantizationOptions",
    "QuantizedNetwork",
    "build_quantized",
    "calibrate",
    "coded_parameters",
    "deployment_check",
    "fold_batch_norm",
    "freeze",
]
