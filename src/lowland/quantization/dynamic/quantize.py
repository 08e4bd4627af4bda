"""From a float network to the network that a runtime with dynamic arithmetic deploys."""

from __future__ import annotations

from torch import nn

from lowland.errors import LowlandError
from lowland.quantization.dynamic.arithmetic import WEIGHT_ONLY, arithmetic_of
from lowland.quantization.dynamic.conversion import Conversion, converted
from lowland.quantization.dynamic.network import DynamicNetwork
from lowland.quantization.precision import Precision


def quantize_dynamically(network: nn.Module, precision: Precision, *, float_from: str | None = None) -> DynamicNetwork:
    """The network that a runtime makes of a float network: no data are needed, nothing is trained.

    Args:
        network: Any module in float32; left as it came. Its layers are replaced in a copy, which is not traced.
        precision: Of method ``dynamic`` or ``weight_only``.
        float_from: Name of the layer from which on nothing is deployed.

    Raises:
        LowlandError: A precision of another method, parameters that are not finite or no float32, or a network without
            a layer that the runtime computes in codes.

    Example:
        >>> from torch import nn
        >>> from lowland.quantization import Precision, quantize_dynamically
        >>> precision = Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="torchao")
        >>> quantize_dynamically(nn.Sequential(nn.Linear(3, 2)), precision).size
        112
    """
    if precision.method not in ("dynamic", "weight_only"):
        raise LowlandError(f"method is {precision.method}; expected dynamic or weight_only, or use build_quantized")
    arithmetic = arithmetic_of(precision.runtime) if precision.method == "dynamic" else WEIGHT_ONLY
    per_channel = arithmetic.weights.per_channel if precision.per_channel is None else precision.per_channel
    conversion = Conversion(
        arithmetic=arithmetic,
        weight_bits=precision.weight_bits,
        activation_bits=precision.activation_bits,
        per_channel=per_channel,
        min_elements=precision.min_elements,
        min_elements_of=precision.min_elements_of,
        batch_rows=precision.batch_rows,
        float_from=float_from,
        layer_bits=precision.layer_bits,
    )
    return DynamicNetwork(converted(network, conversion), conversion, getattr(network, "spec", None))
