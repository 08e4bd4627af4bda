"""Static calibration: every scale of a fake-quantized model from data, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization.admission import check_samples
from lowland.quantization.calibration.bias_room import with_room_for_bias
from lowland.quantization.calibration.methods import CALIBRATIONS, Calibration
from lowland.quantization.calibration.several_calls import fed_later, in_turn
from lowland.quantization.fake_quantized.grid import on_grid
from lowland.quantization.fake_quantized.network import INPUT, QuantizedNetwork
from lowland.quantization.fake_quantized.quantized_nodes import QuantizedNode
from lowland.quantization.graph.loop import Place, before, scanned
from lowland.quantization.graph.operations import geometry, operation, weighted_kind
from lowland.quantization.graph.step import INPUTS


def calibrate(quantized: QuantizedNetwork, inputs: Tensor) -> QuantizedNetwork:
    """Set every scale of a fake-quantized model, layer by layer, and correct its biases, as its precision asks for.

    The first time, the layers are compared in float with the network that they were read off, whose ``forward`` may do
    more than they.

    Each layer is fed what the layers before it deliver, quantized and corrected. Weights that are tiny beside their
    bias get a scale that leaves the bias a code. With bias correction (Nagel et al. 2019, arXiv:1906.04721, section 4.2
    and appendix D) a bias becomes what makes the mean over samples and positions of each output channel that of the
    float network, up to half a step of the accumulator: b = E[W x + b] - E[Q x'], x' what the quantized network feeds
    the layer.

    Args:
        quantized: From ``build_quantized``; changed in place.
        inputs: Training samples [samples, ...], finite float32.

    Returns:
        The model itself.

    Raises:
        LowlandError: No samples, values that are not finite or no float32, negative ones where the model has unsigned
            inputs, a layer whose outputs overflow, or layers that do not compute what the network does that they were
            read off.
    """
    _check(quantized, inputs)
    if quantized.given is not None:
        quantized.given.check(inputs)
        quantized.given = None  # from now on the weights are the model's own
    walk = _Calibration(quantized, CALIBRATIONS[quantized.precision.calibration](quantized.precision), inputs)
    with torch.no_grad():
        quantized.schedule.run(walk.calibrated, _Values(inputs, inputs, inputs.new_ones(())))
        quantized.calibrated.fill_(True)
    return quantized


class _Values(NamedTuple):
    """What a node gives.

    Attributes:
        exact: In the float network.
        values: In the quantized one.
        scale: Step size of the integers that they stand for.
    """

    exact: Tensor
    values: Tensor
    scale: Tensor


class _Calibration:
    """The walk through a model, node by node."""

    def __init__(self, quantized: QuantizedNetwork, calibration: Calibration, inputs: Tensor) -> None:
        self._quantized, self._calibration = quantized, calibration
        self._set: set[str] = set()
        with torch.no_grad():
            self._ahead = fed_later(quantized, self._float, inputs)

    def calibrated(self, name: str, values: Mapping[str, _Values]) -> _Values:
        """A node's result, its scale set and its bias corrected.

        Args:
            name: Of the node.
            values: What the nodes before it give.
        """
        node = self._quantized.nodes[name]
        return self._calibrated(node, self._quantized.nodes.values(), values)

    def _calibrated(
        self, node: QuantizedNode, nodes: Iterable[QuantizedNode], values: Mapping[str, _Values]
    ) -> _Values:
        """The same of a node among those of the network or of a body."""
        quantized, operands = self._quantized, [values[source] for source in node.inputs]
        if node.role == "scan":
            exact = self._scan(node, operands)
        else:
            exact = _finite(node.name, self._exact(node, [operand.exact for operand in operands]))
            layer: Any = quantized.layer(node.layer)
            if node.role == "weighted":
                if node.layer not in self._set:
                    given = self._calls(node, nodes, values)
                    all_of_it = exact if given.exact is operands[0].exact else self._exact(node, [given.exact])
                    self._weigh(node.layer, layer, given, all_of_it)
            elif node.role == "embedding":
                grid = quantized.grid(node.layer)
                quantized.set_threshold(node.layer, self._calibration.activations(layer.weight, grid))
            elif node.layer in quantized.bits and node.layer not in self._set:
                # Operands of a sum have one scale, and are there when the first is rounded.
                sharing = [other.inputs[0] for other in nodes if other.layer == node.layer]
                rounded = [values[name].values if name in values else self._ahead[name] for name in sharing]
                self._round(node.layer, [layer.function(v) for v in rounded] if node.role == "table" else rounded)
        function, scale = quantized.prepared(node, [operand.scale for operand in operands])
        return _Values(exact, function(*(operand.values for operand in operands)), scale)

    def _calls(self, node: QuantizedNode, nodes: Iterable[QuantizedNode], values: Mapping[str, _Values]) -> _Values:
        """What a layer with weights takes in all its calls, rows in turn; of those of one shape."""
        given = values[node.inputs[0]]
        others = [other.inputs[0] for other in nodes if other.layer == node.layer and other is not node]
        exact = in_turn([given.exact, *(values[n].exact if n in values else self._ahead[n] for n in others)])
        rounded = in_turn([given.values, *(values[n].values if n in values else self._ahead[n] for n in others)])
        return _Values(exact, rounded, given.scale)

    def _float(self, node: QuantizedNode, operands: list[Tensor]) -> Tensor:
        """``_exact``, of scans as well."""
        if node.role != "scan":
            return self._exact(node, operands)
        body = self._quantized.bodies[node.name]
        nodes = {inner.name: inner for inner in body.nodes}

        def compute(name: str, given: list[Tensor], _: Place) -> Tensor:
            return self._exact(nodes[name], given)

        shown = body.loop.shown
        return scanned(body.loop, body.inputs_of, compute, operands, body.ahead, (shown,))[shown]

    def _exact(self, node: QuantizedNode, operands: Sequence[Tensor]) -> Tensor:
        """What a node gives in the float network."""
        layer: Any = self._quantized.layer(node.layer)
        if node.role == "weighted":
            return operation(str(weighted_kind(layer)), geometry(layer))(operands[0], layer.weight, layer.bias)
        if node.role == "embedding":
            return functional.embedding(operands[0].to(torch.int64), layer.weight)
        if node.role == "table":
            return layer.function(operands[0])
        if node.layer in self._quantized.bits:
            return functional.relu(operands[0]) if node.role == "rectifier" else operands[0]
        return layer(*operands)

    def _scan(self, scan: QuantizedNode, operands: Sequence[_Values]) -> Tensor:
        """Calibrates the body of a scan on all places that count at once; what the scan gives in the float network.

        The states that a place takes are those of the float network, rounded: each layer of the body sees what the
        layers before it deliver, as outside of bodies, and no place has to wait for the one before.
        """
        body, (sequence, *marks) = self._quantized.bodies[scan.name], operands
        loop, nodes = body.loop, {node.name: node for node in body.nodes}
        traces = scanned(
            loop,
            body.inputs_of,
            lambda name, given, _: _finite(f"{scan.name}.{name}", self._exact(nodes[name], given)),
            [operand.exact for operand in operands],
            body.ahead,
        )
        shape = sequence.values.shape[:2]
        counts = sequence.values.new_ones(shape, dtype=torch.bool) if not marks else marks[0].exact != loop.padding
        values = {INPUTS: _Values(sequence.exact[counts], sequence.values[counts], sequence.scale)}
        for state, source in loop.states.items():
            self._round(nodes[source].layer, [traces[source][counts]])
            grid = self._quantized.grid(nodes[source].layer)
            taken = before(traces[source], reverse=loop.reverse)[counts]
            values[state] = _Values(taken, on_grid(taken, grid), grid.scale)
        for node in body.nodes:
            values[node.name] = self._calibrated(node, body.nodes, values)
        return traces[loop.shown]

    def _round(self, layer: str, rounded: Sequence[Tensor]) -> None:
        """Sets the scale of a quantizer from what it rounds, and its zero point if it has one."""
        values = rounded[0] if len(rounded) == 1 else torch.cat([tensor.flatten() for tensor in rounded])
        if layer in self._quantized.moved:
            zero_point, threshold = self._calibration.ranges(values, self._quantized.bits[layer])
            self._quantized.move(layer, zero_point)
        else:
            threshold = self._calibration.activations(values, self._quantized.grid(layer))
        self._quantized.set_threshold(layer, threshold)
        self._set.add(layer)

    def _weigh(self, name: str, layer: Any, given: _Values, exact: Tensor) -> None:
        """Sets the scale of a layer's weights and corrects its bias.

        Args:
            name: Of the layer.
            layer: With weights.
            given: What it takes.
            exact: What it gives in the float network.
        """
        self._set.add(name)
        quantized, kind = self._quantized, str(weighted_kind(layer))
        threshold = self._calibration.weights(layer, quantized.grid(name), given.values, given.exact)
        if layer.bias is not None:
            threshold = with_room_for_bias(threshold, quantized.grid(name), layer.bias, given.scale)
        quantized.set_threshold(name, threshold)
        if quantized.precision.bias_correction:
            compute = operation(kind, geometry(layer))
            rounded = compute(given.values, on_grid(layer.weight, quantized.grid(name)), None)
            layer.bias.copy_(_means(layer, exact) - _means(layer, rounded))


def _check(quantized: QuantizedNetwork, inputs: Tensor) -> None:
    """Refuse samples that no scale can come from."""
    check_samples(inputs, tokens=INPUT not in quantized.nodes)
    unsigned = INPUT in quantized.nodes and quantized.grid(INPUT).lowest == 0 and INPUT not in quantized.moved
    if unsigned and bool((inputs < 0).any()):
        raise LowlandError(
            f"calibration inputs go down to {float(inputs.min()):g}; expected none below 0: build the model with "
            "input_signed=True"
        )


def _finite(name: str, outputs: Tensor) -> Tensor:
    """The outputs of a layer of the float network, unless float32 cannot hold them."""
    if not outputs.isfinite().all():
        raise LowlandError(
            f"outputs of layer {name} overflow on the calibration inputs; expected finite float32: rescale the inputs "
            "or the weights"
        )
    return outputs


def _means(layer: Any, outputs: Tensor) -> Tensor:
    """The mean of each channel over samples and positions."""
    if layer.bias is not None and len(layer.bias) == 1:  # one for all channels, however many there are
        return outputs.double().mean().reshape(1)
    dim = {"linear": -1, "affine": getattr(layer, "dim", -1)}.get(str(weighted_kind(layer)), 1)
    channel = dim % outputs.ndim
    return outputs.double().mean([dim for dim in range(outputs.ndim) if dim != channel])
