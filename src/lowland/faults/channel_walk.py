"""What a change in one channel of one layer does to the outputs: only what it reaches is computed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from lowland.quantization.graph.pooling_steps import AvgPool2d, MaxPool2d
from lowland.quantization.graph.reshaping_steps import Flatten
from lowland.quantization.graph.rounding_steps import Requantize
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.weighted_step import Weighted


@dataclass(frozen=True)
class Prefix:
    """A block of samples with the carried integers of the unchanged network after every step.

    Attributes:
        inputs: Floats [samples, ...].
        values: [samples, ...] by the steps' order.
    """

    inputs: Tensor
    values: tuple[Tensor, ...]

    @classmethod
    def of(cls, steps: Sequence[Step], inputs: Tensor) -> Prefix:
        """Runs the unchanged network once."""
        values: list[Tensor] = []
        for step in steps:
            values.append(step.carried(values[-1] if values else inputs))
        return cls(inputs, tuple(values))

    def before(self, index: int) -> Tensor:
        """What the step of this index takes."""
        return self.values[index - 1] if index else self.inputs


class ChannelWalk:
    """The way from the accumulators of one channel to the outputs of a chain of steps.

    Steps that work channel by channel (roundings, pooling, flattening) see the changed channel alone; the next layer
    with weights adds what the change is worth to its own accumulators; only from there on everything is computed, for
    those samples alone where something changed.

    Args:
        steps: The chain.
        index: The layer whose accumulators change.
        channel: Which of its output channels.
        prefix: The unchanged network on these samples.
    """

    def __init__(self, steps: Sequence[Step], index: int, channel: int, prefix: Prefix) -> None:
        self._steps, self._prefix = steps, prefix
        self._own: list[Step] = []
        self._block = slice(channel, channel + 1)
        self._next = index + 1
        for step in steps[index + 1 :]:
            if isinstance(step, Requantize):
                step = step.channel(channel)
            elif type(step) is Flatten and step.arguments.get("start_dim", 1) == 1:
                end = step.arguments.get("end_dim", -1)
                width = prefix.values[self._next - 1].shape[2 : None if end == -1 else end + 1].numel()
                self._block = slice(self._block.start * width, self._block.stop * width)
            elif not isinstance(step, MaxPool2d | AvgPool2d):
                break
            self._own.append(step)
            self._next += 1
        self.unchanged = prefix.values[self._next - 1][:, self._block]

    @property
    def codes(self) -> tuple[int, int] | None:
        """Lowest code and number of codes that the channel can show, if it ends in one code a sample."""
        last = self._own[-1] if self._own else None
        if not isinstance(last, Requantize) or self.unchanged[0].numel() > 1:
            return None
        return last.lowest, last.highest - last.lowest + 1

    def shown(self, accumulators: Tensor) -> Tensor:
        """What the rest of the network sees of the channel.

        Args:
            accumulators: [items, 1, ...] of the channel.

        Returns:
            [items, block, ...].
        """
        for step in self._own:
            accumulators = step.carried(accumulators)
        return accumulators

    def outputs(self, samples: Tensor, shown: Tensor) -> Tensor:
        """Carried outputs for changed sights of the channel.

        Args:
            samples: [items] which sample each item belongs to.
            shown: [items, block, ...] what the rest of the network sees there.

        Returns:
            [items, ...].
        """
        rest = self._steps[self._next :]
        if rest and isinstance(rest[0], Weighted) and rest[0].sizes.get("groups", 1) == 1:
            layer, rest = rest[0], rest[1:]
            values = self._prefix.values[self._next][samples]
            values += layer.carried_change(shown - self.unchanged[samples], self._block).to(values.dtype)
        else:
            values = self._prefix.values[self._next - 1][samples]
            values[:, self._block] = shown.to(values.dtype)
        for step in rest:
            values = step.carried(values)
        return values
