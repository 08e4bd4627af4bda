"""Builds the steps of an integer network from what a foreign model does to values, factors folded into scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from lowland.coding.codes import signed_width, smallest_dtype
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.affine_step import AffineStep
from lowland.quantization.graph.float_step import FloatStep
from lowland.quantization.graph.functions import make_table
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.operations import fan_in, num_channels, operation
from lowland.quantization.graph.operators import summands
from lowland.quantization.graph.rounding_steps import PRODUCT_BITS, Quantize, Requantize, fixed_points
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.steps import STEPS
from lowland.quantization.graph.table_step import Table
from lowland.quantization.graph.weighted_step import Weighted
from lowland.quantization.readers.flow import CodeRange, Flow, Layer, NotInteger

MOST_FRACTION_BITS = 16
"""Binary places that a summand gets beyond the accumulator's own step size where it needs them."""

TABLE_BITS = 16
"""Width of the widest codes that an activation is looked up by."""

_MOST_BITS = 45  # of accumulators, so that products with a multiplier of 16-bit codes stay within 64 bits
_RELATIVE = 2.0**-22  # float32 errs by so much of a bias when it is multiplied with its scale
_MOVES = ("reshape", "flatten", "permute")
_ORDERED = (*_MOVES, "unflatten", "slice", "max_pool1d", "max_pool2d", "upsample")  # these commute with cutting off


class Assembler:
    """Collects the steps of an integer network.

    Factors go into scales, as batch-norms that follow a layer do: no code of a weight changes but in its sign. Summands
    become the layer's bias where they are whole numbers of accumulator steps; else they get up to
    ``MOST_FRACTION_BITS`` binary places more, by an ``affine`` step behind the layer that multiplies by a power of two
    and adds them.

    Args:
        example: Inputs of the network [rows, ...], float32.
    """

    def __init__(self, example: Tensor) -> None:
        one = torch.ones(())
        self.inputs = Flow(INPUTS, "real", example, one, one.double())
        self.steps: list[Step] = []
        self._names: set[str] = {INPUTS}

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
        flow = replace(flow, limits=(float("-inf"), float("inf")))
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
        if flow.kind == "real" or (flow.kind == "accumulators" or flow.function is not None or flow.layer is not None):
            raise NotInteger("takes values that nobody has quantized: quantize what goes in (QuantIdentity, Quant)")
        if flow.cut_off:
            flow = self._cut_codes(flow, f"{layer.name}_in")
        padded = any(torch.tensor(layer.sizes.get("padding", 0)).reshape(-1).tolist())
        simple = not flow.moves and flow.gain.numel() == 1 and bool(flow.gain > 0)
        if not (simple and (not flow.shifted or (flow.shift.numel() == 1 and not padded))):
            flow = self.settled(flow)
        if flow.scale.ndim:
            raise NotInteger("takes integers with one scale a channel: quantize what goes in")
        weight, tail = layer.weight.values, layer.weight.codes.shape[2:]
        apply = operation(layer.kind, layer.sizes)
        shift = _zero()
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
        if kind in _MOVES and waits:
            return replace(flow, moves=(*flow.moves, (kind, name, arguments)))
        if flow.kind == "real":
            raise NotInteger("computes with inputs that nobody has quantized: quantize them first")
        if (flow.cut_off or flow.function is not None) and kind not in _ORDERED:
            if flow.kind != "codes" or flow.function is not None:
                raise NotInteger("averages values that nobody has quantized after their activation: quantize them first")
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
            result = self._rounded(step, replace(flow, gain=_one(), shift=_zero()), own)
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
        plain = replace(flow, source=before.name, example=self._emit(before, flow), gain=_one(), shift=_zero())
        step = Quantize(self._free(name), (plain.source,), **_settings(to, bounds))
        return self._moved(self._rounded(step, plain, to))

    def _rounded(self, step: Quantize, flow: Flow, to: CodeRange) -> Flow:
        """What a quantizer hands on."""
        return replace(
            flow,
            source=step.name,
            kind="codes",
            example=self._emit(step, flow),
            scale=step.scale,
            exact=step.scale.double(),
            reach=max(-step.first, step.first + 2**step.bits - 1),
            codes=to,
        )

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
        entries = make_table(
            function, arguments, given.first, given.bits, given.scale, to.scale, to.first, to.bits
        ).clamp(*to.bounds)
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

    def _settled_layer(self, flow: Flow) -> Flow:
        """The pending layer as a step: factors in its weights' scale, summands in its bias."""
        layer = flow.layer
        assert layer is not None  # whoever calls has seen it
        channels = num_channels(layer.kind, layer.sizes)
        tail = [1] * (layer.weight.codes.ndim - 2)
        gain, shift = (_by_channel(values, channels, len(tail)) for values in (flow.gain, flow.shift))
        codes, bits = layer.weight.codes, layer.weight.bits
        view = (1, -1, *tail) if layer.kind.startswith("conv_transpose") else (-1, *[1] * (codes.ndim - 1))
        if bool((gain <= 0).any()):  # a channel turned around, or one that is a mere constant
            codes = codes * gain.sign().to(torch.int64).reshape(view)
            bits = max(bits, signed_width(codes))
            gain = torch.where(gain == 0, torch.ones_like(gain), gain.abs())
        exact = layer.weight.scale.double()
        if gain.numel() > 1:
            exact = exact * gain.reshape(view)
        else:
            exact = exact * gain.reshape(())
        weight_scale = exact.float()
        if not bool((weight_scale > 0).all() and weight_scale.isfinite().all()):
            raise NotInteger("has weights whose scale is no positive number of float32")
        reach = flow.reach * 2 ** (bits - 1) * fan_in(layer.kind, layer.sizes)
        flat = exact.flatten() if exact.ndim else exact
        accumulator = flat * flow.exact
        words, fraction = self._summand(shift.expand(channels), accumulator, reach)
        direct = words is not None and fraction == 0
        bias = words if direct else None
        bias_bits = 0 if bias is None else signed_width(bias)
        total = reach + (2 ** (bias_bits - 1) if bias_bits else 0)
        step: Weighted = STEPS[layer.kind](  # type: ignore[assignment, call-arg]  # a kind with weights
            self._free(layer.name),
            (flow.source,),
            sizes=dict(layer.sizes),
            weight=codes.to(smallest_dtype(bits)),
            weight_bits=bits,
            weight_scale=weight_scale,
            bias=None if bias is None else bias.to(smallest_dtype(bias_bits)),
            bias_bits=bias_bits,
            output_scale=(weight_scale.flatten() if weight_scale.ndim else weight_scale) * flow.scale,
            accumulator_bits=1 + total.bit_length(),
        )
        scale = step.result_scale(flow.scale)
        taken = replace(flow, moves=())
        settled = replace(
            flow,
            source=step.name,
            example=self._emit(step, taken),
            scale=scale,
            exact=accumulator.reshape(scale.shape),
            reach=total,
            layer=None,
            gain=_one(),
            shift=_zero(),
        )
        if words is None or direct:
            return settled
        return self._affine_step(settled, torch.ones(channels), words, fraction, -1 - len(tail), f"{step.name}_bias")

    def _summand(self, shift: Tensor, accumulator: Tensor, reach: int) -> tuple[Tensor | None, int]:
        """Summands in codes [channels], and how many binary places below the accumulator's step size they begin."""
        if not bool((shift != 0).any()):
            return None, 0
        steps = shift / accumulator
        most = min(MOST_FRACTION_BITS, max(0, _MOST_BITS - 1 - reach.bit_length()))
        allowed = (steps.abs() * _RELATIVE).clamp_min(2.0 ** -(MOST_FRACTION_BITS + 1))
        for fraction in range(most + 1):
            words = (steps * 2**fraction).round()
            if fraction == most or bool(((words / 2**fraction - steps).abs() <= allowed).all()):
                break
        if float(words.abs().max()) >= 2.0 ** (_MOST_BITS - 1):
            raise NotInteger(
                f"adds up to {float(steps.abs().max()):.3g} steps of its accumulators; expected less than "
                f"2^{_MOST_BITS - 1}: use weights of a wider scale"
            )
        return words.to(torch.int64), fraction

    def _affine_step(
        self, flow: Flow, factors: Tensor, words: Tensor | None, fraction: int, dim: int, name: str
    ) -> Flow:
        """Each channel times a number and plus whole numbers of 2^-fraction of the step size that comes of it."""
        factors = factors.double()
        signs = torch.where(factors < 0, -1, 1)
        weight = signs * 2**fraction
        bits = signed_width(weight)
        exact = factors.abs() / 2**fraction
        if flow.scale.ndim == 0 and bool((exact == exact[0]).all()):
            exact = exact[0]
        bias_bits = 0 if words is None else signed_width(words)
        before = flow.exact.flatten() if flow.exact.ndim else flow.exact
        accumulator = exact * before
        reach = flow.reach * 2 ** (bits - 1) + (2 ** (bias_bits - 1) if bias_bits else 0)
        given = flow.scale.flatten() if flow.scale.ndim else flow.scale
        step = AffineStep(
            self._free(name),
            (flow.source,),
            sizes={"num_channels": len(factors), "dim": dim},
            weight=weight.to(smallest_dtype(bits)),
            weight_bits=bits,
            weight_scale=exact.float(),
            bias=None if words is None else words.to(smallest_dtype(bias_bits)),
            bias_bits=bias_bits,
            output_scale=exact.float() * given,
            accumulator_bits=1 + reach.bit_length(),
        )
        scale = step.result_scale(flow.scale)
        return replace(
            flow,
            source=step.name,
            example=self._emit(step, flow),
            scale=scale,
            exact=accumulator.reshape(scale.shape),
            reach=reach,
            codes=None,
            gain=_one(),
            shift=_zero(),
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
        factors, summands_ = gain.flatten(), shift.flatten()
        before = flow.exact.flatten() if flow.exact.ndim else flow.exact
        words, fraction = self._summand(summands_, factors.abs() * before, flow.reach)
        return self._affine_step(flow, factors, words, fraction, dim, f"{flow.source}_scaling")

    def _rescaled(self, flow: Flow) -> Flow:
        """A pending factor, one for all values, left to the scale."""
        factor = float(flow.gain)
        if factor == 0:
            raise NotInteger("multiplies by 0")
        plain = replace(flow, gain=_one(), codes=None)
        return self._passed(plain, "rescale", f"{flow.source}_scaling", {"factor": factor})

    def _passed(self, flow: Flow, kind: str, name: str, arguments: Mapping[str, Any]) -> Flow:
        """The step of what neither weighs nor rounds."""
        if flow.scale.ndim and kind in ("flatten", "unflatten"):
            raise NotInteger("reshapes integers with one scale a channel: quantize them first")
        step = STEPS[kind].empty(self._free(name), (flow.source,), **arguments)
        kept = flow.codes if kind in _ORDERED else None
        return replace(
            flow,
            source=step.name,
            example=self._emit(step, flow),
            scale=step.result_scale(flow.scale),
            exact=step.result_scale(flow.exact),
            reach=flow.reach * summands(step),
            codes=kept,
        )

    def _moved(self, flow: Flow) -> Flow:
        """The value with its pending changes of shape made."""
        moves, flow = flow.moves, replace(flow, moves=())
        gain, shift = flow.gain, flow.shift
        flow = replace(flow, gain=_one(), shift=_zero())
        for kind, name, arguments in moves:
            flow = self._passed(flow, kind, name, arguments)
        return replace(flow, gain=gain, shift=shift)

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

    def _multiplied(self, flow: Flow, factor: int, name: str) -> Flow:
        """Integers times a whole number, each worth so much less."""
        bits = factor.bit_length() + 1
        reach = flow.reach * 2 ** (bits - 1)
        step = AffineStep(
            self._free(name),
            (flow.source,),
            sizes={"num_channels": 1, "dim": -1},
            weight=torch.tensor([factor]).to(smallest_dtype(bits)),
            weight_bits=bits,
            weight_scale=torch.tensor(1 / factor),
            bias=None,
            bias_bits=0,
            output_scale=torch.tensor(1 / factor) * flow.scale,
            accumulator_bits=1 + reach.bit_length(),
        )
        exact = flow.exact / factor
        return replace(flow, source=step.name, example=self._emit(step, flow), scale=exact.float(), exact=exact, reach=reach)

    def _emit(self, step: Step, *flows: Flow) -> Tensor:
        """Adds a step; what it gives for the example rows."""
        self.steps.append(step)
        with torch.no_grad():
            return step(*(flow.example for flow in flows))

    def _free(self, name: str) -> str:
        """A name that nothing else has and that modules can have."""
        name = "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in name) or "step"
        if hasattr(nn.ModuleDict, name):
            name += "_"
        free, count = name, 0
        while free in self._names:
            count += 1
            free = f"{name}_{count}"
        self._names.add(free)
        return free


def _one() -> Tensor:
    return torch.ones((), dtype=torch.float64)


def _zero() -> Tensor:
    return torch.zeros((), dtype=torch.float64)


def _settings(to: CodeRange, bounds: Sequence[int], moved: int = 0) -> dict[str, Any]:
    """What a quantizer's constructor is told of its codes, all of them less by so much."""
    lowest = to.first - moved if to.zero_point or moved else None
    clamp = [bound - moved for bound in bounds]
    return {"bits": to.bits, "signed": to.signed, "scale": to.scale.clone(), "lowest": lowest, "clamp": clamp}


def _by_channel(values: Tensor, channels: int, tail: int) -> Tensor:
    """Numbers that multiply or are added, one for all or [channels].

    Raises:
        NotInteger: They vary along other dimensions than the channels'.
    """
    if values.numel() == 1:
        return values.reshape(())
    shape = (1,) * (tail + 1 - values.ndim) + tuple(values.shape)
    if values.numel() != channels or shape[-1 - tail] != channels:
        raise NotInteger(f"scales a layer's results by numbers of shape {tuple(values.shape)}: expected one a channel")
    return values.reshape(channels)
