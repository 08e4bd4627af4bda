"""What a change in one channel of one layer does to the outputs: only what it reaches is computed again."""

from __future__ import annotations

from torch import Tensor

from lowland.faults.prefix import Prefix
from lowland.quantization.graph.moving_steps import Upsample
from lowland.quantization.graph.pooling_steps import AvgPool1d, AvgPool2d, MaxPool2d
from lowland.quantization.graph.reshaping_steps import Flatten
from lowland.quantization.graph.rounding_steps import Requantize
from lowland.quantization.graph.scaling_steps import Mean, Rescale
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.table_step import Table
from lowland.quantization.graph.weighted_step import Weighted


class ChannelWalk:
    """The way from the results of one channel to the outputs of a network.

    Steps that work channel by channel (roundings, tables, pooling, flattening) see the changed channel alone, as long
    as nobody else takes what they take; the next layer with weights adds what the change is worth to its own
    accumulators; only from there on everything that depends on it is computed, for those samples alone where something
    changed.

    Args:
        prefix: The unchanged network on these samples.
        name: The layer whose accumulators change.
        channel: Which of its output channels.
        dim: The dimension of its channels, counted from the rows.
    """

    def __init__(self, prefix: Prefix, name: str, channel: int, dim: int) -> None:
        self._prefix, self._dim, self._channel = prefix, dim, channel
        self._own: list[Step] = []
        self._block = slice(channel, channel + 1)
        self._at = name
        self._next = prefix.only_consumer(name)
        while self._next is not None and (own := self._alone(self._next)) is not None:
            self._own.append(own)
            self._at = self._next.name
            self._next = prefix.only_consumer(self._at)
        self.unchanged = prefix.values[self._at][self._places]
        changed = self._next.name if self._next is not None and self._adds(self._next) else self._at
        self.width = prefix.width_behind(changed)

    @property
    def _places(self) -> tuple[slice, ...]:
        return (*[slice(None)] * self._dim, self._block)

    def _alone(self, step: Step) -> Step | None:
        """The step for the changed channel alone, if it works channel by channel; moves the block along."""
        if isinstance(step, Requantize):
            return step.channel(self._channel)
        if isinstance(step, Table | Rescale):
            return step
        if self._dim != 1:
            return None
        shape = self._prefix.values[self._at].shape
        if type(step) is Flatten and step.arguments.get("start_dim", 1) == 1:
            end = step.arguments.get("end_dim", -1)
            width = shape[2 : None if end == -1 else end + 1].numel()
            self._block = slice(self._block.start * width, self._block.stop * width)
            return step
        if isinstance(step, Mean):
            return step if min(dim % len(shape) for dim in step.arguments["dims"]) > 1 else None
        if isinstance(step, Upsample):
            return step if len(step.arguments["factors"]) <= len(shape) - 2 else None
        return step if isinstance(step, MaxPool2d | AvgPool1d | AvgPool2d) else None

    def _adds(self, step: Step) -> bool:
        """Whether a layer's accumulators are a sum over channels, of which only one part changes."""
        if not isinstance(step, Weighted) or step.kind == "affine" or step.sizes.get("groups", 1) != 1:
            return False
        dims = self._prefix.values[self._at].ndim
        return self._dim == (dims - 1 if step.kind == "linear" else 1)

    @property
    def codes(self) -> tuple[int, int] | None:
        """Lowest code and number of codes that the channel can show, if it ends in one code a sample."""
        found = self._own[-1].result_codes if self._own else None
        if found is None or self.unchanged[0].numel() > 1:
            return None
        return found.lowest, 2**found.bits

    def shown(self, accumulators: Tensor) -> Tensor:
        """What the rest of the network sees of the channel.

        Args:
            accumulators: [items, ...] of the channel, 1 along its dimension.

        Returns:
            [items, ...], the block along its dimension.
        """
        for step in self._own:
            accumulators = step.carried(accumulators)
        return accumulators

    def outputs(self, samples: Tensor, shown: Tensor) -> Tensor:
        """Carried outputs for changed sights of the channel.

        Args:
            samples: [items] which sample each item belongs to.
            shown: [items, ...] what the rest of the network sees there.

        Returns:
            [items, ...].
        """
        step = self._next
        if isinstance(step, Weighted) and self._adds(step):
            values = self._prefix.values[step.name][samples]
            values += step.carried_change(shown - self.unchanged[samples], self._block).to(values.dtype)
            return self._prefix.outputs_after(samples, {step.name: values})
        values = self._prefix.values[self._at][samples]
        values[self._places] = shown.to(values.dtype)
        return self._prefix.outputs_after(samples, {self._at: values})
