"""The deployed model whose weights are codes and whose activations are coded anew for every input, or stay float."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range
from lowland.errors import LowlandError
from lowland.quantization.deployed_network import StoredTensor
from lowland.quantization.dynamic.arithmetic import DynamicArithmetic
from lowland.quantization.dynamic.conversion import Conversion, converted, deployed_modules
from lowland.quantization.dynamic.layers import CodedLayer

FLOAT_BITS = 32
_OF_INTEGERS = (
    "forward_integer",
    "integer_values",
    "float_values",
    "codes",
    "scales",
    "steps",
    "activation_scales",
    "output_scale",
    "with_codes",
)
"""What an integer network can be asked and this one cannot."""


class NoIntegersError(LowlandError, AttributeError):
    """Integer arithmetic is asked of a network that has none."""


class DynamicNetwork(nn.Module):
    """A network as a runtime with dynamic arithmetic deploys it; a ``DeployedNetwork``.

    Its tensors are named after the layers of the float network: ``layers.0.weight`` (codes), ``layers.0.scale`` and
    ``layers.0.bias`` (float32); parameters of layers that stay float keep their names. ``quantize_dynamically`` makes
    one.

    Args:
        network: The float network with ``CodedLayer`` in place of what is coded.
        conversion: How it came about.
        source: Spec of the float network, ``None`` where it has none.
    """

    def __init__(self, network: nn.Module, conversion: Conversion, source: Mapping[str, Any] | None) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.conversion, self.source = conversion, source

    def __getattr__(self, name: str) -> Any:
        if name in _OF_INTEGERS:
            raise NoIntegersError(
                f"network has no {name}: it is computed by runtime {self.arithmetic.name!r} in scales that follow the "
                "inputs or in floats; expected a network in integers alone: use method ptq or qat"
            )
        return super().__getattr__(name)

    @property
    def arithmetic(self) -> DynamicArithmetic:
        """How it is computed."""
        return self.conversion.arithmetic

    @property
    def depends_on_batch(self) -> bool:
        """Whether the outputs of a row can depend on the rows that are computed with it."""
        return self.arithmetic.depends_on_batch and self.conversion.batch_rows != 1

    @property
    def spec(self) -> dict[str, Any]:
        """What rebuilds it without its tensors, jsonable.

        Raises:
            LowlandError: The float network had no spec.
        """
        if self.source is None:
            raise LowlandError(
                "network was made from a module without a spec; expected one of lowland.architectures, which can be "
                "rebuilt from a file: keep this one in memory, or save its state_dict() yourself"
            )
        return {"kind": "dynamic", **self.conversion.model_dump(mode="json"), "network": dict(self.source)}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any], network: nn.Module) -> DynamicNetwork:
        """A network of this structure, which waits for ``load_state_dict(state, assign=True)``.

        Args:
            spec: Of a ``DynamicNetwork``.
            network: The float network that ``spec["network"]`` describes, with any weights.
        """
        names = Conversion.model_fields
        conversion = Conversion.model_validate({name: value for name, value in spec.items() if name in names})
        return cls(converted(network.eval(), conversion), conversion, spec["network"])

    def coded_layers(self) -> Iterator[tuple[str, CodedLayer]]:
        """Names and layers with weights in codes."""
        for name, layer in self.network.named_modules():
            if isinstance(layer, CodedLayer):
                yield name, layer

    @property
    def words(self) -> dict[str, StoredTensor]:
        """Weights in codes, their scales, biases and all else that is deployed in float32, by tensor name."""
        found: dict[str, StoredTensor] = {}
        for prefix, layer in deployed_modules(self.network, self.conversion.float_from):
            tensors: dict[str, StoredTensor] = {}
            if isinstance(layer, CodedLayer):
                tensors["weight"] = StoredTensor(layer.weight, layer.widths.weight_bits, "codes")
                tensors["scale"] = StoredTensor(layer.scale, FLOAT_BITS, "float32")
                if layer.bias is not None:
                    tensors["bias"] = StoredTensor(layer.bias, FLOAT_BITS, "float32")
            for name, parameter in layer.named_parameters(recurse=False):
                tensors[name] = StoredTensor(parameter.detach(), FLOAT_BITS, "float32")
            found |= {f"{prefix}.{name}".lstrip("."): stored for name, stored in tensors.items()}
        return found

    @property
    def weights_and_biases(self) -> dict[str, StoredTensor]:
        """The words less the scales, which no size counts."""
        scales = {f"{name}.scale".lstrip(".") for name, _ in self.coded_layers()}
        return {name: stored for name, stored in self.words.items() if name not in scales}

    @property
    def size(self) -> int:
        """Bits that store all weights and biases; parts that are not deployed do not count."""
        return sum(stored.values.numel() * stored.bits for stored in self.weights_and_biases.values())

    def with_words(self, values: Mapping[str, Tensor]) -> DynamicNetwork:
        """The same network with some stored tensors replaced.

        Args:
            values: Codes (integers within their width) or float32 numbers by tensor name, in the old shapes.

        Raises:
            LowlandError: An unknown name, another shape or type, or a code that its width cannot hold.
        """
        old = self.words
        for name, new in values.items():
            if name not in old:
                raise LowlandError(f"words name {name!r}; expected one of {', '.join(old)}")
            _check(name, new, old[name])
        changed = copy.deepcopy(self)
        tensors = {
            **dict(changed.network.named_parameters(remove_duplicate=False)),
            **dict(changed.network.named_buffers(remove_duplicate=False)),
        }
        for name, new in values.items():
            tensors[name].data = new.detach().to(old[name].values.dtype).clone()
        return changed

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs in the runtime's arithmetic; the batch is the rows that come, or ``batch_rows`` of them at a time.

        Args:
            inputs: Floats [samples, ...].

        Returns:
            Floats [samples, ...].
        """
        rows = self.conversion.batch_rows
        if rows is None or len(inputs) <= rows:
            outputs: Tensor = self.network(inputs)
            return outputs
        return torch.cat([self.network(part) for part in inputs.split(rows)])

    def dequantized(self) -> nn.Module:
        """The network as landscapes see it: float parameters code * scale, roundings straight-through; a copy.

        Raises:
            LowlandError: Scales come from whole batches, so that no row has outputs, and no loss, of its own.
        """
        if self.arithmetic.depends_on_batch:
            raise LowlandError(
                f"network: with runtime {self.arithmetic.name!r} scales come from the whole batch, so that no row has "
                "outputs of its own; expected arithmetic by row: use runtime torchao or litert"
            )
        plain = copy.deepcopy(self.network).requires_grad_(True)
        copies: dict[int, nn.Module] = {}  # a layer under two names stays one
        for name, layer in list(plain.named_modules(remove_duplicate=False)):
            if isinstance(layer, CodedLayer):
                if id(layer) not in copies:
                    copies[id(layer)] = layer.dequantized()
                if not name:
                    return copies[id(layer)]
                parent, _, child = name.rpartition(".")
                setattr(plain.get_submodule(parent), child, copies[id(layer)])
        return plain


def _check(name: str, new: Tensor, old: StoredTensor) -> None:
    """Refuses what a tensor cannot hold."""
    integers = old.encoding == "codes"
    if new.shape != old.values.shape or new.is_floating_point() == integers:
        raise LowlandError(
            f"words of {name} are {new.dtype} of shape {tuple(new.shape)}; expected "
            f"{'integers' if integers else 'float32'} of shape {tuple(old.values.shape)}"
        )
    if integers and new.numel():
        lowest, highest = code_range(old.bits, signed=True)
        low, high = (int(bound) for bound in torch.aminmax(new))
        if low < lowest or high > highest:
            raise LowlandError(
                f"words of {name} span {low} to {high}; {old.bits} bits of two's complement hold {lowest} to {highest}"
            )
