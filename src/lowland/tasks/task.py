"""What every task supplies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from lowland.estimate import Estimate
from lowland.scores import sign
from lowland.tasks.description import CorruptedSet, InputKind, Provenance, Readings, ShiftedSet, TaskDescription
from lowland.tasks.splits import Samples, Splits
from lowland.vocabulary.planned import Planned

NOMINAL = "nominal"
"""The rows of a raw table, by its column ``set``, that are split; those of other names are shifted sets."""


class Task(ABC):
    """What networks are trained and deployed for: data, network, loss and headline score.

    Attributes:
        score_name: The headline score, one of ``lowland.vocabulary.measures.SCORES``.
        description: A sentence on data and network for people who read the report.
        shifted_sets: The naturally shifted sets that its data hold, and the corrupted ones.
        corrupted_sets: Those that corruptions make of its held-out images or texts; ``prepare`` leaves them to its
            caller.
        is_classifier: Whether outputs are [samples, classes] and the highest one is what counts.
        readings: What its sensors deliver.
        input_kind: What its inputs are; an ``image`` can be blurred and rotated.
        has_vocabulary: Whether ``prepare`` records the words behind its tokens as
            ``facts["preprocessing"]["vocabulary"]``; only such a task can meet typing errors.
        sensor_dims: Dimensions of the inputs that distinguish sensors.
        float_from: Layer of the network from which on it stays float when it is deployed; None: all is quantized.
        detail_measures: What ``details`` measures of its samples.
        obtained_from: Where to get the sources where they are missing.
    """

    score_name: str
    is_classifier: bool
    description: str
    shifted_sets: tuple[ShiftedSet, ...] = ()
    corrupted_sets: tuple[CorruptedSet, ...] = ()
    readings: Readings = Readings()
    input_kind: InputKind = "features"
    has_vocabulary: bool = False
    sensor_dims: tuple[int, ...] = (1,)
    float_from: str | None = None
    detail_measures: tuple[str, ...] = ()
    obtained_from: str = "see docs/data"

    @property
    def higher_is_better(self) -> bool:
        """Direction of the headline score."""
        return sign(self.score_name) > 0

    @property
    def about(self) -> TaskDescription:
        """What the study needs to know of it without its data."""
        return TaskDescription(
            text=self.description,
            score=self.score_name,
            input_kind=self.input_kind,
            readings=self.readings,
            shifted_sets=self.shifted_sets,
            provenance=self.provenance,
        )

    def planned(self) -> Iterator[Planned]:
        """What is measured of every cell without disturbing it, and on every shifted set."""
        always = ("loss", "gain_over_guess", "deployment_mismatch", "integer_mismatch_rate")
        decided = ("integer_decision_rate",) if self.is_classifier else ()
        clean = (self.score_name, *always, *decided, *self.detail_measures)
        yield Planned(family="performance", measures=clean)
        yield Planned(family="cost", measures=("size", "bit_operations", "parameters"))
        if self.is_classifier:
            yield Planned(family="disagreement", measures=("calibration_error", "brier_score"))
        for shifted in self.shifted_sets:
            yield Planned(family="shift", condition=shifted.name)

    @property
    def provenance(self) -> Provenance:
        """Where the raw table comes from; what is not shipped, ``fetch`` gets."""
        return "made"

    @property
    def sources(self) -> tuple[Path, ...]:
        """Files outside the project that ``fetch`` reads, relative to it or absolute."""
        return ()

    def fetch(self) -> pd.DataFrame:
        """The raw table from where it comes.

        Raises:
            LowlandError: It cannot be had, with what to do.
        """
        # Not abstract: a task that ships its table never fetches.
        raise NotImplementedError(f"{type(self).__name__} ships its raw table")

    @abstractmethod
    def check(self, raw: pd.DataFrame, origin: str) -> None:
        """Refuse a raw table that the task cannot be prepared from.

        Args:
            raw: The table as it was read.
            origin: File or source named in the message.

        Raises:
            LowlandError: With the first defect found.
        """

    @abstractmethod
    def prepare(self, raw: pd.DataFrame) -> Splits:
        """Split and standardise a checked table."""

    @abstractmethod
    def network_spec(self) -> dict[str, Any]:
        """The recipe from which ``build_network`` makes the float network."""

    def network_spec_for(self, samples: Samples) -> dict[str, Any]:
        """The same, where it takes the prepared samples to know how wide they are."""
        return self.network_spec()

    @property
    @abstractmethod
    def num_outputs(self) -> int:
        """Outputs of the network a sample."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over the samples: a differentiable scalar."""

    @abstractmethod
    def sample_losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of every sample [n]; their mean is ``loss``."""

    @abstractmethod
    def sample_scores(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Headline score of every sample [n] in float; their mean is the metric. Non-finite outputs score worst."""

    def details(self, outputs: Tensor, targets: Tensor) -> dict[str, Estimate]:
        """Further numbers about these samples, by measure of the long table."""
        return {}

    @abstractmethod
    def guess_score(self, targets: Tensor) -> float:
        """The metric on these samples of the best constant prediction."""

    @abstractmethod
    def guess_outputs(self, training: Tensor, count: int) -> Tensor:
        """What a network would put out that always guesses: the best constant prediction.

        Args:
            training: Targets of the training samples [n, ...], from which the guess is made.
            count: Number of samples, with targets like these.

        Returns:
            The same outputs in every sample [count, outputs].
        """

    def plain_targets(self, targets: Tensor) -> Tensor | None:
        """What models of other libraries are fitted to: numbers of classes (int64) or numbers [n].

        None where the inputs are no flat features, or the outputs more than a class or a number.
        """
        return None

    def scored_outputs(self, outputs: Tensor) -> Tensor:
        """The outputs [n, ...] that loss, score and decisions use; the others have no meaning."""
        return outputs

    @abstractmethod
    def decisions(self, outputs: Tensor) -> Tensor:
        """What a deployed system acts on, per sample [n]: what is decided alike is equal here."""


def majority_share(targets: Tensor) -> float:
    """Share of the most frequent class: the accuracy of always naming it."""
    return float(targets.bincount().max()) / len(targets)


def classification_scores(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 where the highest output is the target's, else 0; a sample with a non-finite output counts as wrong."""
    right = (outputs.argmax(dim=1) == targets) & outputs.isfinite().all(dim=1)
    return right.to(torch.float32)
