"""The scan step: a body of steps that is repeated along a sequence and feeds its results back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Self

from torch import Tensor, nn

from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.loop import Loop, Place, computed_ahead, scanned
from lowland.quantization.graph.rounding_steps import Quantize
from lowland.quantization.graph.step import INPUTS, CodeFormat, Step
from lowland.quantization.graph.storing_step import StoredCodes, StoringStep
from lowland.quantization.graph.table_step import Table


class Scan(StoringStep):
    """A body of steps at every place of a sequence: [samples, places, features] -> [samples, places, states].

    The body takes one place of the sequence by the name ``inputs``, and its states by theirs; its tensors stand once,
    under the step's name and theirs (``lstm.hidden.weight``).

    Args:
        name: See ``Step``.
        inputs: See ``Step``: the sequence and, where places are padded, their marks [samples, places].
        body: Steps in order of computation; those that give states round to codes.
        loop: How they are repeated.
    """

    kind = "scan"

    def __init__(self, name: str, inputs: tuple[str, ...], *, body: Sequence[Step], loop: Loop) -> None:
        super().__init__(name, inputs)
        self.loop = loop
        self.body = tuple(step.name for step in body)
        for step in body:
            self.add_module(step.name, step)
        self.inputs_of = {step.name: step.inputs for step in body}
        # Others would mistake the places for rows or channels.
        anywhere = [step.name for step in body if isinstance(step, Linear | Quantize | Table)]
        self.ahead = computed_ahead(self.inputs_of, anywhere)

    @property
    def steps(self) -> dict[str, Step]:
        """The body's steps by name, in order of computation."""
        return {name: getattr(self, name) for name in self.body}

    @property
    def stored(self) -> dict[str, StoredCodes]:
        """The tensors of the body's steps (``hidden.weight``)."""
        return {
            f"{name}.{kind}": stored._replace(scale=f"{name}.{stored.scale}")
            for name, step in self.steps.items()
            if isinstance(step, StoringStep)
            for kind, stored in step.stored.items()
        }

    @property
    def rounding(self) -> dict[str, CodeFormat]:
        """The codes that the body rounds to, by the names of the step and of the body's (``lstm.c``)."""
        return {f"{self.name}.{inner}": codes for step in self.steps.values() for inner, codes in step.rounding.items()}

    def settings(self) -> dict[str, Any]:
        """The body, what it feeds back, and how it goes along the sequence."""
        loop = self.loop
        padding = {} if loop.padding is None else {"padding": loop.padding}
        return {
            "body": [step.spec() for step in self.steps.values()],
            "states": dict(loop.states),
            "result": loop.result,
            "size": loop.size,
            "reverse": loop.reverse,
            **padding,
        }

    @classmethod
    def empty(cls, name: str, inputs: tuple[str, ...], **settings: Any) -> Scan:
        """A scan with a body of steps that wait for their tensors."""
        body = settings.pop("body")
        return cls(name, inputs, body=body, loop=Loop(**settings))

    def with_codes(self, codes: Mapping[str, Tensor]) -> Self:
        """The same step with other codes by the names of ``stored``; everything else is shared."""
        changed: dict[str, dict[str, Tensor]] = {}
        for name, value in codes.items():
            inner, _, kind = name.partition(".")
            changed.setdefault(inner, {})[kind] = value
        body = [
            step.with_codes(changed[name]) if isinstance(step, StoringStep) and name in changed else step
            for name, step in self.steps.items()
        ]
        return type(self)(self.name, self.inputs, body=body, loop=self.loop)

    def traces(self, way: str, *values: Tensor) -> dict[str, Tensor]:
        """What every step of the body gives along the sequence.

        Args:
            way: ``__call__``, ``integer`` or ``carried``.
            values: As the step takes them.

        Returns:
            [samples, places, ...] by the body's names; states where padding has kept them.
        """
        return self.along(lambda step, given, place: getattr(step, way)(*given), values)

    def along(
        self,
        compute: Callable[[Step, list[Tensor], Place], Tensor],
        values: Sequence[Tensor],
        wanted: Collection[str] | None = None,
    ) -> dict[str, Tensor]:
        """``traces`` with results that somebody else computes.

        Args:
            compute: A step's result from the step, what it takes and at which place of the sequence.
            values: As the step takes them.
            wanted: The steps whose results are kept; all without it.
        """
        steps = self.steps
        return scanned(
            self.loop,
            self.inputs_of,
            lambda name, given, place: compute(steps[name], given, place),
            values,
            self.ahead,
            wanted,
        )

    def _shown(self, way: str, values: Sequence[Tensor]) -> Tensor:
        shown = self.loop.shown
        return self.along(lambda step, given, place: getattr(step, way)(*given), values, (shown,))[shown]

    def forward(self, *values: Tensor) -> Tensor:
        """The state at every place, in floats."""
        return self._shown("__call__", values)

    def integer(self, *codes: Tensor) -> Tensor:
        """The state's codes at every place."""
        return self._shown("integer", codes)

    def carried(self, *values: Tensor) -> Tensor:
        """The state's codes in floats."""
        return self._shown("carried", values)

    def result_scale(self, *scales: Tensor) -> Tensor:
        """The state's own step size, whatever came in."""
        return getattr(self, self.loop.shown).result_scale(*scales[:1])

    def scales_before(self, scale: Tensor) -> dict[str, Tensor]:
        """Step sizes of what the body takes by name: one place of the sequence, and the states.

        Args:
            scale: Of the sequence.
        """
        states = {state: getattr(self, source).scale for state, source in self.loop.states.items()}
        return {INPUTS: scale, **states}

    def dequantized(self) -> nn.Module:
        """The same loop over differentiable modules, named like the body's steps."""
        return DifferentiableScan(self)


class DifferentiableScan(nn.Module):
    """A scan with float parameters, differentiable through time, straight through the roundings.

    Args:
        scan: Its parameters are copied.
    """

    def __init__(self, scan: Scan) -> None:
        super().__init__()
        self.loop, self.inputs_of, self.ahead = scan.loop, scan.inputs_of, scan.ahead
        for name, step in scan.steps.items():
            self.add_module(name, step.dequantized())

    def forward(self, *values: Tensor) -> Tensor:
        """The state at every place."""

        def compute(name: str, given: list[Tensor], _: Place) -> Tensor:
            return getattr(self, name)(*given)

        shown = self.loop.shown
        return scanned(self.loop, self.inputs_of, compute, values, self.ahead, (shown,))[shown]
