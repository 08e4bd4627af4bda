"""Decides which steps a foreign model becomes: factors go into scales, summands into biases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.operations import operation
from lowland.quantization.graph.steps import STEPS
from lowland.quantization.readers.flow import ZERO, Flow, Layer, NotInteger
from lowland.quantization.readers.rounder import Rounder
from lowland.quantization.readers.step_builder import ORDERED

_MOVES = ("reshape", "flatten", "permute")


class Assembler(Rounder):
    """Builds an integer network out of what a foreign model does to values.

    Factors go into scales, as batch-norms that follow a layer do: no code of a weight changes but in its sign. Summands
    become the layer's bias where they are whole numbers of accumulator steps; else they get up to
    ``MOST_FRACTION_BITS`` binary places more, by an ``affine`` step behind the layer that multiplies by a power of two
    and adds them.
    """

    def network(self, output: Flow) -> IntegerNetwork:
        """The network whose output this value is.

        Raises:
            NotInteger: An output that is no integer, or that is cut off or looked up without being rounded.
        """
        settled = self.settled(output)
        if settled.kind == "real":
            raise NotInteger("is given back as it came; expected layers with quantized weights")
        if settled.cut_off or settled.function is not None:
            raise NotInteger("is rectified and not quantized: quantize it, or leave the activation at the end out")
        if settled.moves:
            settled = self._moved(settled)
        needed = {settled.source}
        for step in reversed(self.steps):
            if step.name in needed:
                needed.update(step.inputs)
        return IntegerNetwork(list(self._tied(step for step in self.steps if step.name in needed)))

    def weighted(self, flow: Flow, layer: Layer, bias: Tensor | None) -> Flow:
        """A layer with weights.

        Args:
            flow: What it takes.
            layer: Its codes.
            bias: In the unit of its results, [channels], float64.

        Raises:
            NotInteger: A value that nobody has quantized, or one with a scale for each channel.
        """
        if flow.kind == "real":
            raise NotInteger("takes inputs that nobody has quantized: quantize them first")
        if flow.kind == "accumulators" or flow.function is not None:
            raise NotInteger("takes values that nobody has quantized: quantize what goes in (QuantIdentity, Quant)")
        if flow.cut_off:
            flow = self._cut_codes(flow, f"{layer.name}_in")
        padded = any(torch.tensor(layer.sizes.get("padding", 0)).reshape(-1).tolist())
        padded = padded or layer.kind.startswith("conv_transpose")  # as if by zeros at the edges
        simple = not flow.moves and flow.gain.numel() == 1 and bool(flow.gain > 0)
        if not (simple and (not flow.shifted or (flow.shift.numel() == 1 and not padded))):
            flow = self.settled(flow)
        if flow.scale.ndim:
            raise NotInteger("takes integers with one scale a channel: quantize what goes in")
        weight, tail = layer.weight.values, layer.weight.codes.shape[2:]
        apply = operation(layer.kind, layer.sizes)
        shift = ZERO
        if flow.shifted:  # what each output gets from a summand of all inputs
            with torch.no_grad():
                shift = apply(torch.ones_like(flow.example[:1]).double() * flow.shift, weight, None)[0]
            shift = shift[(slice(None) if len(tail) else ..., *[slice(1)] * len(tail))]
        if bias is not None:
            shift = shift + bias.double().reshape(-1, *[1] * len(tail))
        return replace(flow, kind="accumulators", codes=None, layer=layer, shift=shift)

    def times(self, flow: Flow, gain: Tensor, shift: Tensor) -> Flow:
        """A value times numbers plus others.

        Args:
            flow: The value.
            gain: A scalar, or in a shape that multiplies the values of one row; float64.
            shift: Likewise.

        Raises:
            NotInteger: Values that were cut off or looked up before, and by then not rounded.
        """
        if flow.cut_off and flow.codes is not None:
            flow = self._cut_codes(flow, f"{flow.source}_out")
        if flow.moves and max(gain.numel(), shift.numel()) > 1:
            if flow.kind == "real":
                raise NotInteger("scales inputs after a change of their shape: quantize them first")
            flow = self.settled(flow)
        return flow.times(gain, shift)

    def shape(self, flow: Flow) -> tuple[int, ...]:
        """Sizes of a value behind its rows."""
        values = flow.example
        with torch.no_grad():
            if flow.layer is not None:
                values = operation(flow.layer.kind, flow.layer.sizes)(values, flow.layer.weight.values.float(), None)
            for kind, name, arguments in flow.moves:
                values = STEPS[kind].empty(name, (flow.source,), **arguments)(values)
        return tuple(values.shape[1:])

    def passing(self, flow: Flow, kind: str, name: str, **arguments: Any) -> Flow:
        """What neither weighs nor rounds.

        Args:
            flow: The value.
            kind: Of the step.
            name: Of the step.
            arguments: Of the step.

        Raises:
            NotInteger: A mean of values that were cut off and not rounded, or of floats.
        """
        waits = flow.kind == "real" or flow.layer is not None or flow.scale.ndim > 0 or flow.scaled or flow.shifted
        if (kind in _MOVES and waits) or (kind in ORDERED and flow.kind == "real"):
            return replace(flow, moves=(*flow.moves, (kind, name, arguments)))
        if flow.kind == "real":
            raise NotInteger("computes with inputs that nobody has quantized: quantize them first")
        if (flow.cut_off or flow.function is not None) and kind not in ORDERED:
            if flow.kind != "codes" or flow.function is not None:
                raise NotInteger(
                    "averages values that nobody has quantized after their activation: quantize them first"
                )
            flow = self._cut_codes(flow, f"{name}_in")
        flow = self.settled(flow)
        return self._passed(flow, kind, name, arguments)

    def joined(self, flows: Sequence[Flow], kind: str, name: str, **arguments: Any) -> Flow:
        """A sum or a concatenation of values whose integers are worth the same, or a product.

        Args:
            flows: The values.
            kind: Of the step.
            name: Of the step.
            arguments: Of the step.

        Raises:
            NotInteger: Step sizes of which one is no multiple of the other.
        """
        ready = []
        for place, flow in enumerate(flows):
            if flow.kind == "real" or (flow.cut_off and flow.kind != "codes") or flow.function is not None:
                raise NotInteger("joins values that nobody has quantized: quantize them first")
            ready.append(self.settled(self._cut_codes(flow, f"{name}_in{place}") if flow.cut_off else flow))
        if kind != "multiply":
            smallest = min((flow.exact for flow in ready), key=lambda exact: float(exact.max()))
            ready = [self._at_scale(flow, smallest, f"{name}_in{place}") for place, flow in enumerate(ready)]
        elif any(flow.kind != "codes" for flow in ready):
            raise NotInteger("multiplies values that nobody has quantized: quantize them first")
        step = STEPS[kind].empty(self._free(name), tuple(flow.source for flow in ready), **arguments)
        reach = {"add": sum, "multiply": prod, "concat": max}[kind]([flow.reach for flow in ready])  # type: ignore[operator]  # all take lists
        kinds = {flow.kind for flow in ready}
        settled = replace(
            ready[0],
            source=step.name,
            kind="accumulators" if kind == "multiply" or "accumulators" in kinds else "codes",
            example=self._emit(step, *ready),
            scale=step.result_scale(*(flow.scale for flow in ready)),
            exact=step.result_scale(*(flow.exact for flow in ready)),
            reach=int(reach),
            codes=None,
        )
        return settled

    def _at_scale(self, flow: Flow, wanted: Tensor, name: str) -> Flow:
        """Integers multiplied by a whole number so that they are worth what others are."""
        ratio = flow.exact / wanted
        if bool(((ratio - 1).abs() < 1e-6).all()):
            return flow
        whole = ratio.round()
        if ratio.numel() > 1 or bool(((ratio - whole).abs() > 1e-6 * ratio).any()):
            raise NotInteger(
                f"joins integers worth {float(flow.exact.max()):.4g} and {float(wanted.max()):.4g}: give them one "
                "quantizer (QuantEltwiseAdd, or the same QuantIdentity)"
            )
        return self._multiplied(flow, int(whole), name)
