"""Writes single steps of a network that is being read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lowland.coding.codes import signed_width, smallest_dtype
from lowland.quantization.graph.affine_step import AffineStep
from lowland.quantization.graph.operations import fan_in, num_channels
from lowland.quantization.graph.operators import summands
from lowland.quantization.graph.rounding_steps import Quantize
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.steps import STEPS
from lowland.quantization.graph.weighted_step import Weighted
from lowland.quantization.readers.flow import ONE, ZERO, CodeRange, Flow, NotInteger
from lowland.quantization.readers.summands import summand_codes

ORDERED = ("reshape", "flatten", "permute", "unflatten", "slice", "max_pool1d", "max_pool2d", "upsample")
"""Kinds of steps that keep codes as they are and that it does not matter to cut values off before or after."""


class StepBuilder:
    """Collects steps, each with what it gives for some rows.

    Args:
        example: Inputs of the network [rows, ...], float32.
    """

    def __init__(self, example: Tensor) -> None:
        one = torch.ones(())
        self.inputs = Flow(INPUTS, "real", example, one, one.double())
        self.steps: list[Step] = []
        self._names: set[str] = {INPUTS}
        self._origins: dict[str, object] = {}

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
        exact = exact * gain.reshape(view if gain.numel() > 1 else ())
        weight_scale = exact.float()
        if not bool((weight_scale > 0).all() and weight_scale.isfinite().all()):
            raise NotInteger("has weights whose scale is no positive number of float32")
        reach = flow.reach * 2 ** (bits - 1) * fan_in(layer.kind, layer.sizes)
        flat = exact.flatten() if exact.ndim else exact
        accumulator = flat * flow.exact
        words, fraction = summand_codes(shift.expand(channels), accumulator, reach)
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
        self._origins[step.name] = layer.origin
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
            gain=ONE,
            shift=ZERO,
        )
        if words is None or direct:
            return settled
        return self._affine_step(settled, torch.ones(channels), words, fraction, -1 - len(tail), f"{step.name}_bias")

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
            gain=ONE,
            shift=ZERO,
        )

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
        return replace(
            flow, source=step.name, example=self._emit(step, flow), scale=exact.float(), exact=exact, reach=reach
        )

    def _rescaled(self, flow: Flow) -> Flow:
        """A pending factor, one for all values, left to the scale."""
        factor = float(flow.gain)
        if factor == 0:
            raise NotInteger("multiplies by 0")
        plain = replace(flow, gain=ONE, codes=None)
        return self._passed(plain, "rescale", f"{flow.source}_scaling", {"factor": factor})

    def _passed(self, flow: Flow, kind: str, name: str, arguments: Mapping[str, Any]) -> Flow:
        """The step of what neither weighs nor rounds."""
        if flow.scale.ndim and kind in ("flatten", "unflatten"):
            raise NotInteger("reshapes integers with one scale a channel: quantize them first")
        step = STEPS[kind].empty(self._free(name), (flow.source,), **arguments)
        kept = flow.codes if kind in ORDERED else None
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
        flow = replace(flow, gain=ONE, shift=ZERO)
        for kind, name, arguments in moves:
            flow = self._passed(flow, kind, name, arguments)
        return replace(flow, gain=gain, shift=shift)

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

    def _tied(self, steps: Iterable[Step]) -> Iterator[Step]:
        """The steps, those tied to an earlier one that have its weights from the same constant."""
        owners: dict[tuple[object, ...], Weighted] = {}
        for step in steps:
            if isinstance(step, Weighted) and (origin := self._origins.get(step.name)) is not None:
                owner = owners.setdefault((step.kind, id(origin)), step)
                same = torch.equal(step.weight, owner.weight) and torch.equal(step.weight_scale, owner.weight_scale)
                if owner is not step and same:
                    step = step.sharing(owner, own_bias=True)
            yield step

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
