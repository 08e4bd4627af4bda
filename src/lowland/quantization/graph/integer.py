"""The deployed model: a list of typed steps on integer codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn

from lowland.coding.encodings import Encoding, encoding_of, plain_binary
from lowland.errors import LowlandError
from lowland.quantization.deployed_network import StoredTensor
from lowland.quantization.graph.dequantized import DequantizedNetwork
from lowland.quantization.graph.float_step import FloatStep
from lowland.quantization.graph.graph_spec import check_graph, graph_spec
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import INPUTS, CodeFormat, Step
from lowland.quantization.graph.steps import step_from_spec
from lowland.quantization.graph.storing_step import StoredCodes, StoringStep, check_codes
from lowland.quantization.graph.weighted_step import Weighted

FLOAT_BITS = 32


class IntegerNetwork(nn.Module):
    """A network as it is deployed: codes, scales and widths, and a graph of steps that compute with them.

    Its tensors are named after their steps (``0.weight``, ``0.bias``); what several steps use stands once, under the
    name of the first. Where a quantizer has a zero point, the integers between steps are codes minus zero point.
    Restore one with ``IntegerNetwork.from_spec(spec)`` and ``load_state_dict(state, assign=True)``.

    Args:
        steps: In order of computation; the last one's result is the output. Steps that are tied to others are bound to
            them here.

    Raises:
        LowlandError: A step that takes results or tensors of one that does not come before it.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        known: dict[str, Step] = {}
        for step in steps:
            missing = [source for source in (*step.inputs, step.tied_to) if source not in (*known, INPUTS, None)]
            if missing:
                raise LowlandError(
                    f"step {step.name!r} takes {', '.join(map(repr, missing))}; expected steps before it: "
                    f"{', '.join((INPUTS, *known))}"
                )
            if isinstance(step, Weighted) and step.tied_to is not None:
                step = step.bound_to(known[step.tied_to])
            known[step.name] = step
        self.steps = nn.ModuleDict(known)

    def _steps(self) -> Iterable[Step]:
        return self.steps.values()  # type: ignore[return-value]  # ModuleDict forgets what it was filled with

    def _stored(self) -> dict[str, StoredCodes]:
        return {
            f"{step.name}.{kind}": stored
            for step in self._steps()
            if isinstance(step, StoringStep)
            for kind, stored in step.stored.items()
        }

    @property
    def spec(self) -> dict[str, Any]:
        """The structure without its tensors, jsonable: the graph of steps that ``docs/deployed.md`` describes."""
        return graph_spec(self._steps())

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> IntegerNetwork:
        """A network of this structure whose buffers wait for ``load_state_dict(state, assign=True)``.

        Raises:
            LowlandError: A kind of step, a way of rounding or an order of tensors that this version does not have.
        """
        steps = [step_from_spec(step) for step in spec["steps"]]
        check_graph(spec, steps)
        return cls(steps)

    @property
    def codes(self) -> dict[str, Tensor]:
        """The stored integers by tensor name, in the smallest integer type of torch."""
        return {name: stored.codes for name, stored in self._stored().items()}

    @property
    def scales(self) -> dict[str, Tensor]:
        """Step size of each tensor in ``codes``, scalar or one per channel: its float value is code * scale."""
        return {
            f"{step.name}.{kind}": attrgetter(stored.scale)(step)
            for step in self._steps()
            if isinstance(step, StoringStep)
            for kind, stored in step.stored.items()
        }

    @property
    def bits(self) -> dict[str, int]:
        """Width of each tensor in ``codes``."""
        return {name: stored.bits for name, stored in self._stored().items()}

    def encodings(self, name: str = "twos_complement") -> dict[str, Encoding]:
        """How each tensor in ``codes`` is written in bits: tables in plain binary, all others as they are asked for.

        Args:
            name: A key of ``ENCODINGS``, for the words that are not plain binary.

        Raises:
            LowlandError: An unknown encoding.
        """
        asked = encoding_of(name)
        return {
            tensor: asked if stored.lowest is None else plain_binary(stored.lowest)
            for tensor, stored in self._stored().items()
        }

    @property
    def float_words(self) -> dict[str, Tensor]:
        """The float32 parameters of float steps by step and name (``norm.weight``): words of 32 bits."""
        return {
            f"{step.name}.{name}": value
            for step in self._steps()
            if isinstance(step, FloatStep)
            for name, value in step.float_words.items()
        }

    @property
    def activation_codes(self) -> dict[str, CodeFormat]:
        """What the codes are that each rounding step hands on, by step name (``input``, ``1``)."""
        return {name: codes for step in self._steps() for name, codes in step.rounding.items()}

    @property
    def words(self) -> dict[str, StoredTensor]:
        """The stored integers with their widths, see ``DeployedNetwork``."""
        bits = self.bits
        return {name: StoredTensor(codes, bits[name], "codes") for name, codes in self.codes.items()}

    @property
    def activation_bits(self) -> dict[str, int]:
        """Width of the codes that each rounding step hands on, by step name (``input``, ``1``)."""
        return {name: codes.bits for name, codes in self.activation_codes.items()}

    @property
    def activation_scales(self) -> dict[str, Tensor]:
        """Step size of the codes that each rounding step hands on, by step name."""
        return {name: codes.scale for name, codes in self.activation_codes.items()}

    @property
    def size(self) -> int:
        """Bits that store all codes, and 32 for each parameter of a float step; parts off the device do not count."""
        bits = self.bits
        floats = sum(value.numel() for value in self.float_words.values())
        return sum(codes.numel() * bits[name] for name, codes in self.codes.items()) + FLOAT_BITS * floats

    @property
    def output_scale(self) -> Tensor:
        """Step size of what ``forward_integer`` gives, in a shape that multiplies it; 1 behind a float island."""
        scales = {INPUTS: torch.ones(())}
        for step in self._steps():
            scales[step.name] = scale = step.result_scale(*(scales[name] for name in step.inputs))
        return scale

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs by Brevitas' own float operations on code * scale.

        Args:
            inputs: Floats [samples, ...].

        Returns:
            Floats [samples, ...].
        """
        *_, outputs = self.float_values(inputs).values()
        return outputs

    def float_values(self, inputs: Tensor) -> dict[str, Tensor]:
        """The floats after every step, by Brevitas' own operations.

        Args:
            inputs: Floats [samples, ...].

        Returns:
            Floats [samples, ...] by step name; of a scan's body [samples, places, ...] by both names (``lstm.c``).
        """
        return self._values("__call__", inputs)

    def integer_values(self, inputs: Tensor) -> dict[str, Tensor]:
        """The integers after every step, computed in integers only.

        Args:
            inputs: Floats [samples, ...]; the first step turns them into codes.

        Returns:
            int64 tensors [samples, ...] by step name: activation codes, accumulators after steps with weights;
            floats from a float island on.
        """
        return self._values("integer", inputs)

    def _values(self, way: str, inputs: Tensor) -> dict[str, Tensor]:
        """What every step gives, those of bodies included."""
        values = {INPUTS: inputs}
        for step in self._steps():
            operands = [values[name] for name in step.inputs]
            if isinstance(step, Scan):
                traces = step.traces(way, *operands)
                values |= {f"{step.name}.{name}": value for name, value in traces.items()}
                values[step.name] = traces[step.loop.shown]
            else:
                values[step.name] = getattr(step, way)(*operands)
        return {name: value for name, value in values.items() if name != INPUTS}

    def forward_integer(self, inputs: Tensor) -> Tensor:
        """Outputs in integers only: accumulators of the last layer, requantized by fixed-point multiplications between.

        It may differ from ``forward`` by one activation code where float rounding decides a tie.

        Args:
            inputs: Floats [samples, ...]; the first step turns them into codes.

        Returns:
            int64 [samples, ...], in units of ``output_scale``; floats behind a float island.
        """
        *_, outputs = self.integer_values(inputs).values()
        return outputs

    def deployed_outputs(self, inputs: Tensor) -> Tensor:
        """What the deployed arithmetic gives: ``forward_integer`` times ``output_scale``, at the speed of floats.

        Args:
            inputs: Floats [samples, ...].

        Returns:
            Floats [samples, ...].
        """
        values = {INPUTS: inputs}
        for step in self._steps():
            values[step.name] = result = step.carried(*(values[name] for name in step.inputs))
        return self.scaled(result)

    def scaled(self, outputs: Tensor) -> Tensor:
        """Whole numbers of the last step in the units of the outputs."""
        scale = self.output_scale
        return outputs.to(scale.dtype) * scale

    def with_codes(self, codes: Mapping[str, Tensor]) -> IntegerNetwork:
        """The same network with some tensors' codes replaced; everything else is shared, nothing copied.

        Args:
            codes: Integers by tensor name, each of the old shape and within its two's complement width.

        Raises:
            LowlandError: An unknown name, another shape, a float, or a code that its width cannot hold.
        """
        stored = self._stored()
        changed: dict[str, dict[str, Tensor]] = {}
        for name, new in codes.items():
            if name not in stored:
                raise LowlandError(f"codes name {name!r}; expected one of {', '.join(stored)}")
            check_codes(name, new, stored[name])
            step, _, kind = name.partition(".")
            changed.setdefault(step, {})[kind] = new.to(stored[name].codes.dtype)
        return IntegerNetwork(
            [
                step.with_codes(changed[step.name]) if isinstance(step, StoringStep) and step.name in changed else step
                for step in self._steps()
            ]
        )

    def with_float_words(self, words: Mapping[str, Tensor]) -> IntegerNetwork:
        """The same network with other parameters of its float steps.

        Args:
            words: float32 by the names of ``float_words``, in their shapes.
        """
        changed: dict[str, dict[str, Tensor]] = {}
        for name, value in words.items():
            step, _, rest = name.partition(".")
            changed.setdefault(step, {})[rest] = value
        return IntegerNetwork(
            [
                step.with_float_words(changed[step.name])
                if isinstance(step, FloatStep) and step.name in changed
                else step
                for step in self._steps()
            ]
        )

    def with_words(self, values: Mapping[str, Tensor]) -> IntegerNetwork:
        """As ``with_codes``: all its words are codes."""
        return self.with_codes(values)

    def dequantized(self) -> DequantizedNetwork:
        """The network as landscapes see it: float parameters code * scale, roundings straight-through.

        Its parameters carry the names of ``codes``; it is a copy (changing it leaves the codes alone).
        """
        return DequantizedNetwork(self._steps())
