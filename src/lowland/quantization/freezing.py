"""From the fake-quantized model to the integer network."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range, signed_width, smallest_dtype
from lowland.errors import LowlandError
from lowland.quantization.admission import check_numbers
from lowland.quantization.calibration.bias_room import check_bias
from lowland.quantization.effective_weights import KINDS, pruned_tensors
from lowland.quantization.fake_quantized.grid import Grid, codes_on
from lowland.quantization.fake_quantized.network import QuantizedNetwork, check_calibrated
from lowland.quantization.fake_quantized.quantized_nodes import QuantizedNode
from lowland.quantization.graph.activations import table_function
from lowland.quantization.graph.embedding_step import Embedding
from lowland.quantization.graph.float_island import FloatIsland
from lowland.quantization.graph.float_step import FirstResult, FloatStep
from lowland.quantization.graph.functions import make_table
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.operations import fan_in, geometry, weighted_kind
from lowland.quantization.graph.operators import kind_of, passing_step, summands
from lowland.quantization.graph.rounding_steps import PRODUCT_BITS, Quantize, Requantize, fixed_points
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import INPUTS, CodeFormat, Step
from lowland.quantization.graph.steps import STEPS
from lowland.quantization.graph.table_step import Table
from lowland.quantization.graph.weighted_step import Weighted
from lowland.quantization.precision import BIAS_BITS

WEIGHTED: dict[str, type[Weighted]] = {
    kind: step for kind, step in STEPS.items() if isinstance(step, type) and issubclass(step, Weighted)
}


class _Flow(NamedTuple):
    """What a step hands on.

    Attributes:
        source: The step's name.
        scale: Step size of its integers, in a shape that multiplies them.
        exact: The same in float64: products of scales that are rounded to float32 would move one 12-bit code in 10,000.
        reach: The largest size that its integers can have, whatever bits flip.
        real: Whether they are floats: the network's own inputs, or what a float step gives.
        lowest: The lowest code of a quantizer's.
        width: Its number of bits.
    """

    source: str
    scale: Tensor
    exact: Tensor
    reach: int
    real: bool = False
    lowest: int = 0
    width: int = 0

    @property
    def bits(self) -> int:
        """Two's complement width that holds all its integers."""
        return 1 + self.reach.bit_length()


def freeze(quantized: nn.Module, example: Tensor | None = None) -> IntegerNetwork:
    """The integer network that a fake-quantized model stands for; the model is left as it came.

    Args:
        quantized: What ``build_quantized`` made, calibrated, trained or not; or any module of Brevitas layers, which is
            read as it is (see ``read_brevitas``).
        example: Of a module of Brevitas layers some hundred inputs [rows, ...], on which the two are compared.

    Raises:
        LowlandError: Not calibrated, weights or thresholds that are not finite, pruned weights that are not zero any
            more, a bias too large for its word, a float part that no spec can describe, or integers too wide for 64-bit
            products; of a module of Brevitas layers what is not an integer network.
    """
    if not isinstance(quantized, QuantizedNetwork):
        return _foreign(quantized, example)
    check_calibrated(quantized)
    check_numbers(quantized.layers)
    _check_pruned(quantized)
    flows = {INPUTS: _Flow(INPUTS, torch.ones(()), torch.ones((), dtype=torch.float64), 0, real=True)}
    with torch.no_grad():
        return IntegerNetwork(_steps(quantized, quantized.nodes.values(), flows))


def _steps(quantized: QuantizedNetwork, nodes: Iterable[QuantizedNode], flows: dict[str, _Flow]) -> list[Step]:
    """The steps of nodes in their order.

    Args:
        quantized: The model.
        nodes: Its own, or those of a body.
        flows: What they take from elsewhere, by name; what they hand on is added.
    """
    steps: list[Step] = []
    owners: dict[str, str] = {}
    for node in nodes:
        step, flow = _step(quantized, node, [flows[source] for source in node.inputs])
        owner = next((other for other in steps if owners.get(other.name) == node.layer), None)
        if isinstance(step, Weighted) and isinstance(owner, Weighted):
            step = step.sharing(owner)
        owners[node.name] = node.layer
        _check_width(node.name, flow.bits, PRODUCT_BITS)
        steps.append(step)
        flows[node.name] = flow
    return steps


def _foreign(network: nn.Module, example: Tensor | None) -> IntegerNetwork:
    """The integer network that somebody else's model is."""
    # Here and not above: whoever freezes nothing of Brevitas need not wait for it.
    from lowland.quantization.readers.brevitas import is_brevitas, read_brevitas

    if not is_brevitas(network):
        raise LowlandError(
            f"network is a {type(network).__name__} without quantizers; expected what build_quantized made of it, or "
            "layers of Brevitas"
        )
    if example is None or len(example) == 0:
        given = None if example is None else tuple(example.shape)
        raise LowlandError(
            f"example of {type(network).__name__} is {given}; expected some hundred inputs [rows, ...], on which the "
            "integer network is compared with it"
        )
    return read_brevitas(network, example)


def _check_pruned(quantized: QuantizedNetwork) -> None:
    """Refuse weights that came pruned and were trained away from zero."""
    for name, parameter, mask in pruned_tensors(quantized.layers):
        if moved := int(parameter[mask == 0].count_nonzero()):
            raise LowlandError(
                f"{name} holds {moved} values other than 0 where pruning had put 0; expected the mask to be kept: "
                "train with lowland.training.train, or multiply by the mask after every step of your own optimizer"
            )


def _check_width(name: str, bits: int, most: int) -> None:
    """Refuse integers that the arithmetic could not hold."""
    if bits > most:
        raise LowlandError(
            f"integers of layer {name!r} need {bits} bits; expected at most {most}: use fewer weight_bits or "
            "activation_bits, or smaller pooling windows"
        )


def _step(quantized: QuantizedNetwork, node: QuantizedNode, flows: list[_Flow]) -> tuple[Step, _Flow]:
    """The step of one node of a fake-quantized model, and what it hands on."""
    if node.role == "scan":
        return _scan(quantized, node, flows[0])
    layer: Any = quantized.layer(node.layer)
    if node.role == "embedding":
        return _embedding(quantized, node, layer)
    if node.role == "weighted":
        return _weighted(quantized, node, layer, flows[0])
    if node.role == "passing":
        return _passing(node, layer, flows)
    if node.role in ("float", "island"):
        return _floating(node, layer, flows)
    own, _, flow = _codes(quantized, node)
    return (_table if node.role == "table" else _rounding)(quantized, node, own, flows[0]), flow


def _codes(quantized: QuantizedNetwork, node: QuantizedNode) -> tuple[Grid, int, _Flow]:
    """Grid and width of a quantizer, or of a table's results, and what it hands on."""
    own = quantized.grid(node.layer)
    own = own._replace(scale=own.scale.clone())
    bits, reach = quantized.bits[node.layer], max(-own.lowest, own.highest)
    return own, bits, _Flow(node.name, own.scale, own.scale.double(), reach, lowest=own.lowest, width=bits)


def _embedding(quantized: QuantizedNetwork, node: QuantizedNode, layer: Any) -> tuple[Step, _Flow]:
    """The step of an embedding."""
    own, bits, flow = _codes(quantized, node)
    weight = codes_on(layer.weight, own).to(smallest_dtype(bits))
    step = Embedding(node.name, node.inputs, weight=weight, weight_bits=bits, weight_scale=own.scale)
    return step, flow._replace(reach=2 ** (bits - 1), lowest=-(2 ** (bits - 1)))


def _scan(quantized: QuantizedNetwork, node: QuantizedNode, given: _Flow) -> tuple[Step, _Flow]:
    """The step of a scan; the states that its body takes are the codes that it gives."""
    body = quantized.bodies[node.name]
    nodes = {inner.name: inner for inner in body.nodes}
    flows = {INPUTS: given._replace(source=INPUTS)}
    for state, source in body.loop.states.items():
        flows[state] = _codes(quantized, nodes[source])[2]._replace(source=state)
    step = Scan(node.name, node.inputs, body=_steps(quantized, body.nodes, flows), loop=body.loop)
    return step, flows[body.loop.shown]._replace(source=node.name)


def _rounding(quantized: QuantizedNetwork, node: QuantizedNode, own: Grid, given: _Flow) -> Step:
    """A quantizer: of floats, or of integers at another scale."""
    bits = quantized.bits[node.layer]
    codes: dict[str, Any] = {"bits": bits, "signed": own.lowest < 0}
    if node.layer in quantized.moved:
        codes |= {"signed": False, "lowest": own.lowest}
    if given.real:
        return Quantize(node.name, (given.source,), scale=own.scale, **codes)
    _check_width(given.source, given.bits, PRODUCT_BITS - bits - 1)  # the multiplier must be finer than the codes
    multiplier, shift = fixed_points(given.exact / own.scale.double(), accumulator_bits=given.bits)
    return Requantize(node.name, (given.source,), scale=own.scale, multiplier=multiplier, shift=shift, **codes)


def _table(quantized: QuantizedNetwork, node: QuantizedNode, own: Grid, given: _Flow) -> Step:
    """An activation, looked up."""
    layer: Any = quantized.layer(node.layer)
    bits, moved = quantized.bits[node.layer], node.layer in quantized.moved
    kind, arguments = table_function(layer.function)
    inputs = CodeFormat(given.width, given.lowest, given.scale)
    entries = make_table(kind, arguments, inputs, CodeFormat(bits, own.lowest, own.scale))
    return Table(
        node.name,
        (given.source,),
        function=kind,
        arguments=arguments,
        lowest=given.lowest,
        bits=bits,
        signed=own.lowest < 0 and not moved,
        table=entries,
        input_scale=given.scale.clone(),
        scale=own.scale,
        output_lowest=own.lowest if moved else None,
    )


def _floating(node: QuantizedNode, layer: Any, flows: list[_Flow]) -> tuple[Step, _Flow]:
    """The step of what stays float."""
    layer = copy.deepcopy(layer)
    for part in layer.modules():  # masks have done their work, and no spec knows them
        for kind in KINDS:
            part._buffers.pop(f"{kind}_mask", None)
    one = torch.ones(())
    flow = _Flow(node.name, one, one.double(), 0, real=True)
    scales = [given.scale.clone() for given in flows]
    if node.role == "island":
        network = nn.Sequential(OrderedDict(layer._modules))
        return FloatIsland(node.name, (flows[0].source,), network=network, input_scale=scales[0]), flow
    layer = layer.layer if isinstance(layer, FirstResult) else layer
    return FloatStep(node.name, node.inputs, layer=layer, input_scales=scales), flow


def _passing(node: QuantizedNode, layer: nn.Module, flows: list[_Flow]) -> tuple[Step, _Flow]:
    """The step of a layer that neither weighs nor rounds."""
    kind = kind_of(layer)
    if flows[0].scale.ndim and kind in ("flatten", "unflatten"):
        raise LowlandError(
            f"layer {node.name!r} reshapes accumulators with one scale per channel; expected ReLU before it, or "
            "per_channel=False"
        )
    step = passing_step(node.name, node.inputs, layer)
    reaches = [flow.reach for flow in flows]
    reach = {"add": sum(reaches), "multiply": prod(reaches)}.get(str(kind), max(reaches)) * summands(step)
    scale = step.result_scale(*(flow.scale for flow in flows))
    exact = step.result_scale(*(flow.exact for flow in flows))
    return step, _Flow(node.name, scale, exact, reach, flows[0].real)


def _weighted(quantized: QuantizedNetwork, node: QuantizedNode, layer: Any, given: _Flow) -> tuple[Step, _Flow]:
    """The step of a layer with weights."""
    own, bits, kind = quantized.grid(node.layer), quantized.bits[node.layer], str(weighted_kind(layer))
    own = own._replace(scale=own.scale.clone())
    sizes = geometry(layer)
    accumulator = (own.scale.flatten() if own.scale.ndim else own.scale) * given.scale
    reach = given.reach * 2 ** (bits - 1) * fan_in(kind, sizes)
    bias, bias_bits = None, 0
    if layer.bias is not None:
        check_bias(node.layer, layer.bias, accumulator)
        codes = codes_on(layer.bias, Grid(accumulator, *code_range(BIAS_BITS, signed=True)))
        bias_bits = signed_width(codes)
        bias = codes.to(smallest_dtype(bias_bits))
        reach += 2 ** (bias_bits - 1)
    step = WEIGHTED[kind](
        node.name,
        (given.source,),
        sizes=sizes,
        weight=codes_on(layer.weight, own).to(smallest_dtype(bits)),
        weight_bits=bits,
        weight_scale=own.scale,
        bias=bias,
        bias_bits=bias_bits,
        output_scale=accumulator,
        accumulator_bits=1 + reach.bit_length(),
    )
    scale = step.result_scale(given.scale)
    return step, _Flow(node.name, scale, own.scale.double().flatten().reshape(scale.shape) * given.exact, reach)
