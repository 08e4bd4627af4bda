"""What is disturbed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor, nn

from lowland.perturbation import FeatureRanges
from lowland.randomness import Key
from lowland.robustness.half_life import HalfLifeOptions
from lowland.tasks import Samples, Splits, Task
from lowland.tasks.evaluation import Evaluation, evaluate


@dataclass(frozen=True)
class Subject:
    """A deployed network with the task that it is evaluated by.

    Attributes:
        task: Supplies loss, score and decisions.
        network: Deployed network.
        splits: The task's samples; it is evaluated on those held out, rankings of bits see ``landscape``.
        ranges: Statistics of the training samples that noise and broken sensors are measured in; None where inputs are
            tokens.
        key: Begins the key of every draw, the same for all networks of a task.
        half_life: What counts as lost.
    """

    task: Task
    network: nn.Module
    splits: Splits
    ranges: FeatureRanges | None
    key: tuple[Key, ...]
    half_life: HalfLifeOptions

    @property
    def readings(self) -> FeatureRanges:
        """The statistics that noise and broken sensors are measured in.

        Raises:
            ValueError: Inputs are tokens, which meet neither.
        """
        if self.ranges is None:
            raise ValueError("inputs are tokens; expected readings, which noise and broken sensors act on")
        return self.ranges

    @property
    def samples(self) -> Samples:
        """What it is evaluated on."""
        return self.splits.held_out.samples

    @cached_property
    def clean(self) -> Evaluation:
        """The network undisturbed."""
        return evaluate(self.task, self.network, self.samples)

    def floor(self, clean: Evaluation, targets: Tensor) -> float:
        """The score that must be left of a clean evaluation of samples with these targets [n, ...]."""
        return self.half_life.of(float(clean.scores.mean()), self.task.guess_score(targets))
