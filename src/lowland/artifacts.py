"""What nodes hand to each other besides tables: networks and tensors, each with what is needed to read it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from lowland.estimate import Status


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A network and whether it can be trusted.

    Attributes:
        network: Any network with a ``spec`` that rebuilds it (``spec["kind"]`` says which).
        status: ``ok``, or why the network must not be used as it stands (training diverged: ``non_finite``).
        preprocessing: What stands between raw readings and the network's inputs, and between its outputs and a
            prediction (a record that ``lowland.tasks.preprocessing_from`` reads); empty where it is not known.
        identity: Task, recipe, seed and precision that it was made from; empty for a network in training.
        score: On test rows: ``measure``, ``value``, ``standard_error``, ``rows``; empty where it was not measured.
    """

    network: nn.Module
    status: Status = "ok"
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, str] = field(default_factory=dict)
    score: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredTensors:
    """Named tensors and the facts that belong to them.

    Attributes:
        tensors: Name to tensor, any shapes and types.
        facts: Whatever JSON can hold: names of features, means, how the tensors came about.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any] = field(default_factory=dict)
