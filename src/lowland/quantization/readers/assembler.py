"""Decides which steps a foreign model becomes: factors go into scales, summands into biases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor

from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.float_step import FloatStep
from lowland.quantization.graph.functions import make_table
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.operations import operation
from lowland.quantization.graph.rounding_steps import PRODUCT_BITS, Quantize, Requantize, fixed_points
from lowland.quantization.graph.step import CodeFormat
from lowland.quantization.graph.steps import STEPS
from lowland.quantization.graph.table_step import Table
from lowland.quantization.readers.flow import ONE, UNLIMITED, ZERO, CodeRange, Flow, Layer, NotInteger
from lowland.quantization.readers.step_builder import ORDERED, StepBuilder
from lowland.quantization.readers.summands import summand_codes

TABLE_BITS = 16
"""Width of the widest codes that an activation is looked up by."""

_MOVES = ("reshape", "flatten", "permute")


class Assembler(StepBuilder):
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
        return IntegerNetwork([step for step in self.steps if step.name in needed])

    def quantize(self, flow: Flow, to: CodeRange, name: str) -> Flow:
        """A value rounded to codes.

        Args:
            flow: The value.
            to: The codes.
            name: Of the step.

        Raises:
            NotInteger: An activation of a value that is not in codes, or accumulators too wide for 64-bit products.
        """
        if to.scale.numel() != 1 or not bool(to.scale > 0):
            raise NotInteger("quantizes activations with one scale a channel: use one scale for the tensor")
        to = replace(to, scale=to.scale.detach().reshape(()).to(torch.float32))
        if flow.function is not None:
            return self._looked_up(flow, to, name)
        low, high = (float(torch.tensor(limit / float(to.scale)).round()) for limit in flow.limits)
        bounds = tuple(int(min(max(bound, low), high)) for bound in to.bounds)
        if not all(to.first <= bound <= to.first + 2**to.bits - 1 for bound in bounds):
            raise NotInteger("cuts values off outside the range of their codes")
        flow = replace(flow, limits=UNLIMITED)
        if flow.kind == "real":
            return self._converted(flow, to, bounds, name)
        flow = self.settled(flow, moving=False)
        bits = 1 + flow.reach.bit_length()
        if bits > PRODUCT_BITS - to.bits - 1:
            raise NotInteger(f"rounds integers of {bits} bits; expected at most {PRODUCT_BITS - to.bits - 1}")
        multiplier, shift = fixed_points(flow.exact / to.scale.double(), accumulator_bits=bits)
        settings = _settings(to, bounds)
        step = Requantize(self._free(name), (flow.source,), **settings, multiplier=multiplier, shift=shift)
        return self._moved(self._rounded(step, flow, to))

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

    def settled(self, flow: Flow, *, moving: bool = True) -> Flow:
        """The value without pending factors, summands and layers; limits and activations stay pending.

        Args:
            flow: The value.
            moving: Whether pending changes of shape become steps as well.
        """
        if flow.layer is not None:
            flow = self._settled_layer(flow)
        elif flow.scaled or flow.shifted:
            if flow.kind == "real":
                raise NotInteger("computes with inputs that nobody has quantized: quantize them first")
            flow = self._rescaled(flow) if flow.gain.numel() == 1 and not flow.shifted else self._affine(flow)
        return self._moved(flow) if moving and flow.moves and flow.kind != "real" else flow

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

    def _converted(self, flow: Flow, to: CodeRange, bounds: tuple[int, ...], name: str) -> Flow:
        """Inputs turned into codes. A summand of a whole number of codes moves their range and goes on as pending."""
        offset = flow.shift / to.scale.double()
        whole = flow.gain.numel() == flow.shift.numel() == 1 and bool(flow.gain > 0)
        if whole and bool((offset - offset.round()).abs() < 1e-6):
            moved = int(offset.round())
            settings = _settings(to, bounds, moved)
            scale = (to.scale.double() / flow.gain.reshape(())).float()
            step = Quantize(self._free(name), (flow.source,), **{**settings, "scale": scale})
            gain = to.scale.double() / scale.double()
            own = replace(to, scale=scale, zero_point=to.zero_point + moved)
            result = self._rounded(step, replace(flow, gain=ONE, shift=ZERO), own)
            shift = moved * to.scale.double()
            if flow.scaled or moved:
                result = replace(result, gain=gain, shift=shift)
            return self._moved(result)
        gain, shift = torch.broadcast_tensors(flow.gain, flow.shift)
        if gain.numel() != max(gain.shape, default=1):
            raise NotInteger("scales inputs by numbers that vary along several dimensions")
        layer = Affine(gain.numel(), dim=-max(gain.ndim, 1))
        with torch.no_grad():
            layer.weight.copy_(gain.flatten())
            layer.bias.copy_(shift.flatten())  # type: ignore[union-attr]  # it has one
        before = FloatStep(self._free(f"{name}_scaling"), (flow.source,), layer=layer, input_scales=[torch.ones(())])
        plain = replace(flow, source=before.name, example=self._emit(before, flow), gain=ONE, shift=ZERO)
        step = Quantize(self._free(name), (plain.source,), **_settings(to, bounds))
        return self._moved(self._rounded(step, plain, to))

    def _looked_up(self, flow: Flow, to: CodeRange, name: str) -> Flow:
        """An activation of codes as a table."""
        assert flow.function is not None  # whoever calls has seen it
        given = flow.codes
        if given is None or flow.kind != "codes" or flow.scaled or flow.shifted or flow.cut_off or flow.moves:
            raise NotInteger(
                f"is {flow.function[0]} of values that nobody has quantized: quantize what goes in, so that it can be "
                "looked up"
            )
        if given.bits > TABLE_BITS:
            raise NotInteger(f"is {flow.function[0]} of {given.bits}-bit codes; expected at most {TABLE_BITS} bits")
        function, arguments = flow.function
        taken = CodeFormat(given.bits, given.first, given.scale)
        entries = make_table(function, arguments, taken, CodeFormat(to.bits, to.first, to.scale)).clamp(*to.bounds)
        step = Table(
            self._free(name),
            (flow.source,),
            function=function,
            arguments=arguments,
            lowest=given.first,
            bits=to.bits,
            signed=to.signed,
            table=entries,
            input_scale=given.scale.clone(),
            scale=to.scale.clone(),
            output_lowest=to.first if to.zero_point else None,
        )
        return replace(
            flow,
            source=step.name,
            example=self._emit(step, flow),
            scale=step.scale,
            exact=step.scale.double(),
            reach=max(-to.first, to.first + 2**to.bits - 1),
            codes=to,
            function=None,
        )

    def _affine(self, flow: Flow) -> Flow:
        """Pending factors and summands of integers that no layer has made."""
        gain, shift = torch.broadcast_tensors(flow.gain, flow.shift)
        if bool((gain == 0).any()):
            raise NotInteger("multiplies by 0")
        if gain.numel() != max(gain.shape, default=1):
            raise NotInteger("scales values by numbers that vary along several dimensions")
        channels = gain.numel()
        dim = -max(1, next((gain.ndim - place for place, size in enumerate(gain.shape) if size > 1), 1))
        if flow.scale.ndim and (flow.scale.numel() != channels or flow.scale.ndim != -dim):
            raise NotInteger("scales integers that have one scale a channel: quantize them first")
        factors, added = gain.flatten(), shift.flatten()
        before = flow.exact.flatten() if flow.exact.ndim else flow.exact
        words, fraction = summand_codes(added, factors.abs() * before, flow.reach)
        return self._affine_step(flow, factors, words, fraction, dim, f"{flow.source}_scaling")

    def _cut_codes(self, flow: Flow, name: str) -> Flow:
        """Codes that are cut off, at their own scale."""
        if flow.codes is None or flow.scaled or flow.shifted:
            raise NotInteger("takes values that nobody has quantized after their activation: quantize them first")
        return self.quantize(flow, flow.codes, name)

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


def _settings(to: CodeRange, bounds: Sequence[int], moved: int = 0) -> dict[str, Any]:
    """What a quantizer's constructor is told of its codes, all of them less by so much."""
    lowest = to.first - moved if to.zero_point or moved else None
    clamp = [bound - moved for bound in bounds]
    return {"bits": to.bits, "signed": to.signed, "scale": to.scale.clone(), "lowest": lowest, "clamp": clamp}
