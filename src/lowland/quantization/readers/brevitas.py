"""A user's Brevitas model as an integer network: codes, scales and zero points as its own quantizers give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from brevitas.nn import QuantEltwiseAdd
from brevitas.nn.mixin.base import QuantLayerMixin
from brevitas.nn.quant_layer import QuantNonLinearActLayer, QuantWeightBiasInputOutputLayer
from brevitas.proxy.runtime_quant import ActQuantProxyFromInjector, DynamicActQuantProxyFromInjector
from brevitas.quant_tensor import IntQuantTensor, QuantTensor
from torch import Tensor, nn

from lowland.coding.codes import signed_width
from lowland.errors import LowlandError
from lowland.quantization.effective_weights import independent_copy
from lowland.quantization.graph.activations import ACTIVATIONS, table_function
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.converter import Converter
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.operations import geometry, num_channels, weighted_kind
from lowland.quantization.graph.operators import arguments_of, kind_of
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.trace import traced
from lowland.quantization.graph.traced_network import Node
from lowland.quantization.graph.wires import Wire
from lowland.quantization.readers.activations import activated
from lowland.quantization.readers.assembler import Assembler
from lowland.quantization.readers.comparison import check_same
from lowland.quantization.readers.flow import CodeRange, Codes, Flow, Layer, NotInteger


def is_brevitas(network: nn.Module) -> bool:
    """Whether a module holds layers of Brevitas."""
    return any(isinstance(part, QuantLayerMixin) for part in network.modules())


def read_brevitas(network: nn.Module, example: Tensor) -> IntegerNetwork:
    """The integer network that a Brevitas model is in evaluation mode.

    Weights are the codes that its layers compute with. Factors behind a layer (batch-norm, constants) go into the
    scales of its weights, channel by channel, so that no code changes but in its sign; summands (batch-norm, biases in
    float) become biases, with up to 16 binary places more than accumulators have.

    Args:
        network: A module whose forward ``torch.fx`` can trace, made of layers of Brevitas and of what ``traced`` knows;
            left as it came.
        example: Inputs [rows, ...], some hundred of those that it will meet: the two are compared on all of them.

    Raises:
        LowlandError: What is not an integer network, all places in one line; or a network that computes something else
            than the module on more than 0.1 % of the example.
    """
    model = independent_copy(network)
    graph = traced(network, example=example, foreign=_HANDLERS)
    consumers = graph.consumers
    assembler = Assembler(example)
    flows: dict[str, Flow | None] = {INPUTS: assembler.inputs}
    problems: list[str] = []
    for node in graph.nodes.values():
        operands = [flows[source] for source in node.inputs]
        flows[node.name] = None
        if any(flow is None for flow in operands):
            continue  # what this takes has been named
        try:
            flow = _read(assembler, node, [flow for flow in operands if flow is not None])
            if len(consumers[node.name]) > 1 and flow.layer is not None:
                flow = assembler.settled(flow)
            flows[node.name] = flow
        except NotInteger as reason:
            problems.append(f"{node.place} {reason}")
    output = flows[graph.output]
    if not problems and output is not None:
        try:
            integer = assembler.network(output)
        except NotInteger as reason:
            problems.append(f"the output {reason}")
    if problems:
        raise LowlandError(f"{type(network).__name__} is no integer network: {'; '.join(problems)}")
    check_same(integer, lambda rows: _values(model(rows)), example, type(network).__name__)
    return integer


class _Opaque(nn.Module):
    """A layer of Brevitas while the network's calls are traced: on plain floats, which tell shapes.

    Args:
        layer: The layer.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer
        self.shareable = not isinstance(layer, QuantWeightBiasInputOutputLayer)

    def forward(self, *values: Tensor) -> Tensor:
        """The layer without its quantizers."""
        if isinstance(self.layer, QuantWeightBiasInputOutputLayer):
            return self.layer.inner_forward_impl(values[0], self.layer.weight, self.layer.bias)
        if isinstance(self.layer, QuantEltwiseAdd):
            return values[0] + values[1]
        if isinstance(self.layer, QuantNonLinearActLayer):
            return values[0]
        return _values(self.layer(*values))


def _opaque(c: Converter, layer: nn.Module, *wires: Wire) -> Wire:
    return c.emit(_Opaque(layer), *wires)


_HANDLERS: dict[type[nn.Module], Callable[..., Any]] = {
    QuantLayerMixin: _opaque,
}


def _read(assembler: Assembler, node: Node, flows: list[Flow]) -> Flow:
    """What a node makes of the values that it takes."""
    layer: Any = node.layer
    name = node.name
    if isinstance(layer, _Opaque):
        return _foreign(assembler, layer.layer, name, flows)
    if isinstance(layer, nn.ReLU):
        return flows[0].limited(0.0, float("inf"))
    if type(layer) in ACTIVATIONS:
        return activated(assembler, flows[0], *table_function(layer), name=name)
    if isinstance(layer, Affine):
        gain = layer.weight.detach().double()
        shift = torch.zeros_like(gain) if layer.bias is None else layer.bias.detach().double()
        view = (-1, *[1] * (-1 - layer.dim)) if layer.num_channels > 1 else ()
        return assembler.times(flows[0], gain.reshape(view), shift.reshape(view))
    kind = kind_of(layer)
    if weighted_kind(layer) is not None:
        raise NotInteger(f"({type(layer).__name__}) has float weights: use Quant{type(layer).__name__}")
    if kind is None:
        raise NotInteger(f"({type(layer).__name__}) computes in float: replace it, or leave it out of the model")
    arguments = arguments_of(layer)
    if kind in ("add", "concat", "multiply"):
        return assembler.joined(flows, kind, name, **arguments)
    if kind == "rescale":
        return assembler.times(flows[0], torch.tensor(arguments["factor"]).double(), torch.zeros(()).double())
    return assembler.passing(flows[0], kind, name, **arguments)


def _foreign(assembler: Assembler, layer: Any, name: str, flows: list[Flow]) -> Flow:
    """What a layer of Brevitas makes of the values that it takes."""
    if isinstance(layer, QuantWeightBiasInputOutputLayer):
        flow = _rounded(assembler, flows[0], layer.input_quant, f"{name}_in")
        return _rounded(assembler, _weighted(assembler, flow, layer, name), layer.output_quant, f"{name}_out")
    if isinstance(layer, QuantNonLinearActLayer):
        flow = _rounded(assembler, flows[0], layer.input_quant, f"{name}_in")
        proxy = layer.act_quant.fused_activation_quant_proxy
        function: Any = None if proxy is None else proxy.activation_impl
        if isinstance(function, nn.ReLU):
            flow = flow.limited(0.0, float("inf"))
        elif isinstance(function, nn.Module) and any(kind in ACTIVATIONS for kind in type(function).__mro__):
            flow = activated(assembler, flow, *table_function(function), name=name)
        elif function is not None and type(function).__name__ != "Identity":
            raise NotInteger(f"computes {type(function).__name__}, for which there is no integer step")
        return _rounded(assembler, flow, layer.act_quant, name)
    if isinstance(layer, QuantEltwiseAdd):
        ready = [_rounded(assembler, flow, layer.input_quant, f"{name}_in{place}") for place, flow in enumerate(flows)]
        return _rounded(assembler, assembler.joined(ready, "add", name), layer.output_quant, f"{name}_out")
    raise NotInteger(
        f"({type(layer).__name__}) has no integer steps: use QuantLinear, QuantConv, QuantReLU, QuantIdentity, "
        "QuantEltwiseAdd, and pooling and concatenation of torch"
    )


def _rounded(assembler: Assembler, flow: Flow, proxy: Any, name: str) -> Flow:
    """A value behind one of a layer's quantizers, which may be off."""
    if not proxy.is_quant_enabled:
        return flow
    if isinstance(proxy, DynamicActQuantProxyFromInjector):
        raise NotInteger("has scales that depend on the data (dynamic quantization): use a quantizer with fixed scales")
    if not isinstance(proxy, ActQuantProxyFromInjector):
        raise NotInteger(f"has a quantizer of another kind ({type(proxy).__name__}): use integers")
    rounding = str(proxy.rounding_mode).upper()
    if "ROUND" not in rounding or "STOCHASTIC" in rounding or "ZERO" in rounding:
        raise NotInteger(f"rounds activations by {rounding}: use ROUND")
    zero, bits = float(proxy.zero_point()), int(proxy.bit_width())
    signed = bool(proxy.is_signed)
    if zero != round(zero):
        raise NotInteger(f"has the zero point {zero}: use a whole number")
    if bits == 1 and signed:
        raise NotInteger("has activations of one bit with a sign, -1 and 1: use two bits or unsigned ones")
    to = CodeRange(bits, signed, proxy.scale().detach(), narrow=bool(proxy.is_narrow_range), zero_point=int(zero))
    first = flow.kind == "real" and flow.source == INPUTS
    return assembler.quantize(flow, to, "input" if first else name)


def _weighted(assembler: Assembler, flow: Flow, layer: Any, name: str) -> Flow:
    """A layer with weights between its quantizers."""
    kind = weighted_kind(layer)
    if kind is None:
        raise NotInteger(f"({type(layer).__name__}) has no integer step: use a linear or convolutional layer")
    if not layer.weight_quant.is_quant_enabled:
        raise NotInteger("has weights that nobody quantizes: set its weight_quant")
    with torch.no_grad():
        taken = IntQuantTensor(
            torch.zeros([1] * layer.weight.ndim),
            flow.scale.detach(),
            torch.tensor(0.0),
            torch.tensor(8.0),
            signed=True,
            training=False,
        )
        weight = layer.quant_weight(taken)
        if not isinstance(weight, IntQuantTensor):
            raise NotInteger(f"has weights in {type(weight).__name__}: use integers, one scale a tensor or channel")
        if bool((weight.zero_point != 0).any()):
            raise NotInteger("has weights with a zero point: use a symmetric weight quantizer")
        sizes = geometry(layer)
        scale = weight.scale.detach().float()
        if scale.numel() not in (1, num_channels(kind, sizes)):
            raise NotInteger(f"has weights with {scale.numel()} scales: use one for the tensor or one a channel")
        codes = weight.int().to(torch.int64)
        bias = layer.bias
        if bias is not None and layer.bias_quant.is_quant_enabled:
            quantized = layer.bias_quant(bias, taken, weight)
            bias = _values(quantized)
        bias = None if bias is None else bias.detach()
    width = max(int(weight.bit_width), signed_width(codes))
    stored = Codes(codes, scale.reshape(()) if scale.numel() == 1 else scale, width)
    return assembler.weighted(flow, Layer(name, kind, sizes, stored), bias)


def _values(result: Any) -> Tensor:
    return result.value if isinstance(result, QuantTensor) else result
