"""What the unchanged network computes, and what has to be computed again where one of its results is another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from lowland.faults.targets import named_steps
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.step import INPUTS, Step


@dataclass(frozen=True)
class Prefix:
    """A block of samples with the carried integers of the unchanged network after every step.

    Attributes:
        steps: By name, in order of computation.
        values: Carried integers [samples, ...] by step, and the network's inputs.
    """

    steps: Mapping[str, Step]
    values: Mapping[str, Tensor]
    _behind: dict[frozenset[str], tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, network: IntegerNetwork, inputs: Tensor) -> Prefix:
        """Runs the unchanged network once.

        Args:
            network: Deployed network.
            inputs: Floats [samples, ...].
        """
        steps = named_steps(network)
        values = {INPUTS: inputs}
        for name, step in steps.items():
            values[name] = step.carried(*(values[source] for source in step.inputs))
        return cls(steps, values)

    @property
    def outputs(self) -> Tensor:
        """Carried outputs of the unchanged network [samples, ...]."""
        return self.values[self.last]

    @property
    def last(self) -> str:
        """The step whose results are the outputs."""
        return list(self.steps)[-1]

    def only_consumer(self, name: str) -> Step | None:
        """The step that takes this result, if there is a single one and it takes nothing else."""
        consumers = [step for step in self.steps.values() if name in step.inputs]
        return consumers[0] if len(consumers) == 1 and consumers[0].inputs == (name,) else None

    def behind(self, changed: Collection[str]) -> tuple[str, ...]:
        """The steps that depend on one of these, in order, without themselves."""
        key = frozenset(changed)
        if key not in self._behind:
            reached = set(key)
            for name, step in self.steps.items():
                if not reached.isdisjoint(step.inputs):
                    reached.add(name)
            self._behind[key] = tuple(name for name in self.steps if name in reached and name not in key)
        return self._behind[key]

    def outputs_after(self, samples: Tensor, changed: Mapping[str, Tensor]) -> Tensor:
        """Carried outputs where the results of some steps are others; only what depends on them is computed.

        Args:
            samples: [items] which sample each item belongs to.
            changed: [items, ...] carried integers by step.

        Returns:
            [items, ...].
        """
        values = dict(changed)
        for name in self.behind(changed):
            step = self.steps[name]
            sources = [values[s] if s in values else self.values[s][samples] for s in step.inputs]
            values[name] = step.carried(*sources)
        return values[self.last] if self.last in values else self.outputs[samples]

    def width_behind(self, name: str) -> int:
        """The most numbers that a step behind this one has for a sample."""
        return max((self.values[step][0].numel() for step in (name, *self.behind((name,)))), default=1)
