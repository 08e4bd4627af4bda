"""Settles what is pending on values of a foreign model, and rounds them to codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.float_step import FloatStep
from lowland.quantization.graph.functions import make_table
from lowland.quantization.graph.rounding_steps import PRODUCT_BITS, Quantize, Requantize, fixed_points
from lowland.quantization.graph.step import CodeFormat
from lowland.quantization.graph.table_step import Table
from lowland.quantization.readers.flow import ONE, UNLIMITED, ZERO, CodeRange, Flow, NotInteger
from lowland.quantization.readers.step_builder import StepBuilder
from lowland.quantization.readers.summands import summand_codes

TABLE_BITS = 16
"""Width of the widest codes that an activation is looked up by."""


class Rounder(StepBuilder):
    """Turns values with pending factors, summands, limits and activations into integers of steps."""

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

    def _cut_codes(self, flow: Flow, name: str) -> Flow:
        """Codes that are cut off, at their own scale."""
        if flow.codes is None or flow.scaled or flow.shifted:
            raise NotInteger("takes values that nobody has quantized after their activation: quantize them first")
        return self.quantize(flow, flow.codes, name)

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


def _settings(to: CodeRange, bounds: Sequence[int], moved: int = 0) -> dict[str, Any]:
    """What a quantizer's constructor is told of its codes, all of them less by so much."""
    lowest = to.first - moved if to.zero_point or moved else None
    clamp = [bound - moved for bound in bounds]
    return {"bits": to.bits, "signed": to.signed, "scale": to.scale.clone(), "lowest": lowest, "clamp": clamp}
