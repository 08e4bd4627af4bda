"""Any cell's network as one that a bit policy acts on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization import Precision, quantize_dynamically
from lowland.quantization.dynamic.network import DynamicNetwork
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.step import INPUTS, Step
from lowland.worst_case.subject import OWN_BITS, RUNTIME, PolicySubject


def dynamic_precision(runtime: str = RUNTIME) -> Precision:
    """Dynamic quantization as the runtime has it: weights and activations in 8 bits."""
    return Precision.model_validate(
        {"method": "dynamic", "weight_bits": OWN_BITS, "activation_bits": OWN_BITS, "runtime": runtime}
    )


def subject_of(
    network: nn.Module, sample: Tensor, *, runtime: str = RUNTIME, float_from: str | None = None
) -> PolicySubject:
    """The network of a cell with a choice of width before every layer with weights.

    A dynamic network is computed in its own arithmetic. A float network is made dynamic, in 8 bits. Of an integer
    network what layers read is coded anew, and only where the width is below that of the codes that it has there; of
    one whose weights alone are quantized, whatever they read.

    Args:
        network: As it is deployed, or in float; left as it came.
        sample: Inputs [rows, ...], one at least.
        runtime: Whose dynamic arithmetic float networks are given.
        float_from: The layer from which on a network is not deployed.

    Raises:
        LowlandError: No layer that codes, or scales of whole batches and nothing said of how large these are.
    """
    if not isinstance(network, DynamicNetwork | IntegerNetwork):
        network = quantize_dynamically(network, dynamic_precision(runtime), float_from=float_from)
    if isinstance(network, DynamicNetwork):
        if network.depends_on_batch and network.conversion.batch_rows is None:
            raise LowlandError(
                f"runtime is {network.arithmetic.name!r}, which scales whole batches, so that what a policy costs "
                "follows how many rows are judged at once; expected batch_rows with the precision, as many as are "
                "deployed together, or arithmetic by row: runtime litert or torchao"
            )
        if network.arithmetic.activations is None:
            return PolicySubject(network.dequantized(), sample, float_from=float_from)
        return PolicySubject(network, sample)
    return PolicySubject(network.dequantized(), sample, own_bits=widths_read(network), float_from=float_from)


def widths_read(network: IntegerNetwork) -> dict[str, int]:
    """Width of the codes that every step reads, by its name: the widest of what stands on the way to it.

    Args:
        network: Whose steps have names; those behind floats are not among them.
    """
    given = network.activation_bits
    read: dict[str, int] = {}
    handed: dict[str, int] = {}
    steps = cast(Mapping[str, Step], network.steps)
    for name, step in steps.items():
        before = [handed[source] for source in step.inputs if source != INPUTS and source in handed]
        if before:
            read[name] = max(before)
        widths = [bits for key, bits in given.items() if key == name or key.startswith(f"{name}.")]
        if widths or before:
            handed[name] = given.get(name, max([*widths, *before]))
    return read
