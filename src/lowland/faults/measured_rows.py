"""A block of samples that flips are measured on: the metric of the unchanged network, and that after changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.faults.prefix import Prefix
from lowland.quantization.graph.integer import IntegerNetwork

Metric = Callable[[Tensor, Tensor], Tensor]
"""Outputs and targets -> [samples] or [samples, metrics]."""

Answers = Callable[[Tensor], Tensor]
"""Outputs -> what they say of each sample, [samples] or [samples, ...]."""

ITEMS = 2**14  # changed samples that go through the rest of the network at once: what the cache holds
VALUES = 2**26  # numbers of one step that they may have together


@dataclass(frozen=True)
class Measure:
    """What is measured of outputs.

    Attributes:
        metric: Of every sample.
        answers: What a network says of every sample; whether a flip changes it is then a metric of its own, the last.
    """

    metric: Metric
    answers: Answers | None = None

    def __call__(self, outputs: Tensor, targets: Tensor, clean: Tensor | None) -> Tensor:
        """The metric in float64 [samples, ...].

        Args:
            outputs: [samples, ...].
            targets: [samples, ...].
            clean: The answers of the unchanged network [samples, ...].
        """
        values = checked(self.metric(outputs, targets), len(outputs))
        if self.answers is None or clean is None:
            return values
        changed = (self.answers(outputs) != clean).reshape(len(outputs), -1).any(1)
        return torch.cat([values.reshape(len(values), -1), changed[:, None].double()], 1)


@dataclass(frozen=True)
class MeasuredRows:
    """A block of samples: what the unchanged network makes of it, and the metric of its samples.

    Attributes:
        network: The unchanged network.
        measure: What is measured.
        targets: [samples, ...].
        prefix: All results of the unchanged network.
        clean: Its metric [samples, ...], float64.
        answers: What it says [samples, ...], if that is asked.
    """

    network: IntegerNetwork
    measure: Measure
    targets: Tensor
    prefix: Prefix
    clean: Tensor
    answers: Tensor | None

    @classmethod
    def of(cls, network: IntegerNetwork, measure: Measure, samples: Tensor, targets: Tensor) -> MeasuredRows:
        """Runs the unchanged network once.

        Raises:
            LowlandError: A metric that is not one of each sample.
        """
        with torch.no_grad():
            prefix = Prefix.of(network, samples)
            outputs = network.scaled(prefix.outputs)
            answers = None if measure.answers is None else measure.answers(outputs)
            clean = measure(outputs, targets, answers)
        return cls(network, measure, targets, prefix, clean, answers)

    def __len__(self) -> int:
        return len(self.clean)

    @property
    def only_answers(self) -> bool:
        """Whether nothing is measured but the answers."""
        return self.answers is not None and self.clean.shape[1:] == (1,)

    def after(
        self, outputs: Callable[[Tensor, Tensor], Tensor], samples: Tensor, shown: Tensor, *, width: int
    ) -> Tensor:
        """The metric [items, ...] of samples for which something is another.

        Args:
            outputs: Samples [items] and what is another there [items, ...] -> carried outputs [items, ...].
            samples: [items] which sample each item belongs to.
            shown: [items, ...] what is another.
            width: The most numbers that a step behind has for a sample.
        """
        if not len(samples):
            return self.clean[:0]
        size = min(ITEMS, max(1, VALUES // width))
        parts = [
            self.of_outputs(outputs(some, sight), some)
            for some, sight in zip(samples.split(size), shown.split(size), strict=True)
        ]
        return torch.cat(parts)

    def of_outputs(self, carried: Tensor, samples: Tensor) -> Tensor:
        """The metric [items, ...] of carried outputs [items, ...] of these samples [items]."""
        answers = None if self.answers is None else self.answers[samples]
        return self.measure(self.network.scaled(carried), self.targets[samples], answers)


@dataclass(frozen=True)
class Outcomes:
    """What some flips do.

    Attributes:
        name: The tensor.
        elements: [flips] flat index of each flip's element.
        positions: [flips] its bit, 0 the least significant.
        sums: [flips, ...] the metric summed over samples.
        by_row: [samples, ...] the metric summed over flips.
        changed: [flips, samples] whether a flip changes the answer of a sample; if that is asked.
    """

    name: str
    elements: Tensor
    positions: Tensor
    sums: Tensor
    by_row: Tensor
    changed: Tensor | None

    @classmethod
    def of(cls, name: str, elements: Tensor, positions: Tensor, found: Tensor, *, answers: bool) -> Outcomes:
        """From the metric [flips, samples, ...] after each flip."""
        changed = found[..., -1] > 0 if answers else None
        return cls(name, elements, positions, found.sum(1), found.sum(0), changed)


def first_changing(changed: Tensor) -> Tensor:
    """Which flip is the first that changes the answer of each sample, -1: none.

    Args:
        changed: [flips, samples].
    """
    if not len(changed):
        return torch.full(changed.shape[1:], -1)
    return torch.where(changed.any(0), changed.to(torch.uint8).argmax(0), -1)


def checked(values: Tensor, samples: int) -> Tensor:
    """A metric's values in float64.

    Raises:
        LowlandError: Not one of each sample, or [samples, metrics].
    """
    if values.ndim not in (1, 2) or len(values) != samples:
        raise LowlandError(
            f"metric: gave shape {tuple(values.shape)} for {samples} samples; expected one value a sample, or "
            "[samples, metrics]"
        )
    return values.detach().double()
