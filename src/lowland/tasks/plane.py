"""Two classes of points in the plane: networks small enough that everything about them can be proved.

Moons and circles are scikit-learn's; ``separable`` are two Gaussian clouds with an empty strip between them, as in the
study of networks under parameter quantization (arXiv 1903.10672); ``banana`` are two interlocked arcs of uneven width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field

from lowland.architectures.mlp import Activation
from lowland.randomness import generator
from lowland.tasks.classifier import Classifier
from lowland.tasks.groups import tied_rows
from lowland.tasks.preprocessing import DIMENSIONLESS, Classes
from lowland.tasks.split_sizes import Count, SplitSizes
from lowland.tasks.splits import Splits, halved
from lowland.tasks.splitting import stratified_split
from lowland.tasks.standardisation import standardisation
from lowland.tasks.table_checks import check_table
from lowland.tasks.task import NOMINAL

FEATURES = ("x", "y")
CLASSES = ("first", "second")
Points = tuple[NDArray[np.float64], NDArray[np.int64]]
GAP = 0.5
"""Width of the empty strip between the two separable clouds."""


class PlaneOptions(SplitSizes):
    """Which points, and which perceptron tells them apart.

    Attributes:
        points: ``moons``, ``circles``, ``separable`` (a straight line does it) or ``banana``.
        spread: Standard deviation of the noise around the curves; the classes of ``separable`` never meet.
        hidden: Units of each hidden layer.
        activation: Between the layers; ``linear`` has none: the network is a linear function.
    """

    kind: Literal["plane"]
    points: Literal["moons", "circles", "separable", "banana"]
    spread: Annotated[float, Field(gt=0, le=1)] = 0.15
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 16)
    activation: Activation = "relu"


class Plane(Classifier):
    """Points in the plane with cross-entropy and accuracy."""

    def __init__(self, options: PlaneOptions) -> None:
        self.options = options
        widths = "-".join(map(str, options.hidden))
        self.description = (
            f"The task: points in the plane ({options.points}), two classes; the network has {widths} hidden units "
            f"with {ACTIVATION_LABELS[options.activation]}."
        )

    def fetch(self) -> pd.DataFrame:
        """As many points as all sets together have, half of them of each class."""
        options = self.options
        count = sum(options.sizes.values())
        places, labels = POINTS[options.points](count, options.spread, generator("plane", options.points))
        names = np.array(CLASSES)[labels]
        return pd.DataFrame(places.astype(np.float32), columns=FEATURES).assign(label=names, set=NOMINAL)

    def check(self, raw: pd.DataFrame, origin: str) -> None:
        """Columns, finite places, known classes and enough rows."""
        check_table(raw, features=FEATURES, label="label", classes=CLASSES, origin=origin)
        self.options.check_share(len(raw), least=len(CLASSES), why=f"one a class ({len(CLASSES)})", origin=origin)

    def prepare(self, raw: pd.DataFrame) -> Splits:
        """Stratified, standardised sets."""
        places = raw[list(FEATURES)].to_numpy(np.float64)
        labels = pd.Categorical(raw["label"], categories=list(CLASSES)).codes.astype(np.int64)
        tied = tied_rows(places.astype(np.float32))
        chosen = stratified_split(tied, labels, self.options.sizes, key=(self.options.kind, self.options.points))
        preprocessing = standardisation(
            places[chosen["train"]], dict.fromkeys(FEATURES, DIMENSIONLESS), Classes(names=CLASSES)
        )
        last = chosen.pop("test")
        held_out = halved(
            preprocessing.samples(places[last], labels[last]),
            key=(self.options.kind, "test"),
            tied=tied_rows(places[last].astype(np.float32)),
            labels=labels[last],
        )
        return Splits(
            {part: preprocessing.samples(places[rows], labels[rows]) for part, rows in chosen.items()},
            held_out,
            zero=preprocessing.zero,
            facts={"preprocessing": preprocessing.model_dump(mode="json")},
        )

    def network_spec(self) -> dict[str, Any]:
        """A perceptron with one output a class."""
        spec: dict[str, Any] = {"kind": "mlp", "inputs": len(FEATURES), "hidden": list(self.options.hidden)}
        activation = {} if self.options.activation == "relu" else {"activation": self.options.activation}
        return spec | {"outputs": len(CLASSES)} | activation

    @property
    def num_outputs(self) -> int:
        """One a class."""
        return len(CLASSES)


ACTIVATION_LABELS = {
    "relu": "ReLU",
    "linear": "nothing between the layers",
    "leaky_relu": "leaky ReLU",
    "hardtanh": "hard tanh",
}


def _halves(count: int) -> NDArray[np.int64]:
    """Classes of so many points, in turn."""
    return np.arange(count, dtype=np.int64) % len(CLASSES)


def _uniform(count: int, draw: torch.Generator) -> NDArray[np.float64]:
    return torch.rand(count, generator=draw, dtype=torch.float64).numpy()


def _normal(count: int, draw: torch.Generator) -> NDArray[np.float64]:
    return torch.randn(count, 2, generator=draw, dtype=torch.float64).numpy()


def _arc(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def moons(count: int, spread: float, draw: torch.Generator) -> Points:
    """Two half circles that reach into each other.

    Args:
        count: Of points.
        spread: Standard deviation of the noise on each coordinate.
        draw: Where the random numbers come from.

    Returns:
        Places [count, 2] and classes [count].
    """
    labels = _halves(count)
    upper = _arc(math.pi * _uniform(count, draw))
    places = np.where(labels[:, None] == 0, upper, np.array([1.0, 0.5]) - upper)
    return places + spread * _normal(count, draw), labels


def circles(count: int, spread: float, draw: torch.Generator) -> Points:
    """A circle within another of twice its radius; arguments and results as of ``moons``."""
    labels = _halves(count)
    places = _arc(2 * math.pi * _uniform(count, draw)) * np.where(labels == 0, 1.0, 0.5)[:, None]
    return places + spread * _normal(count, draw), labels


def separable(count: int, spread: float, draw: torch.Generator) -> Points:
    """Two clouds on either side of an empty strip along the line x + y = 0; arguments and results as of ``moons``.

    What noise would carry into the strip is mirrored out of it.
    """
    labels = _halves(count)
    along = 2 * _uniform(count, draw) - 1
    noise = np.abs(spread * _normal(count, draw)[:, 0]) + GAP / 2
    across = np.where(labels == 0, -noise, noise)
    return np.stack([along + across, across - along], axis=1) / math.sqrt(2), labels


def banana(count: int, spread: float, draw: torch.Generator) -> Points:
    """Two arcs of three quarters of a half circle, of a width that grows along them; otherwise as ``moons``."""
    labels = _halves(count)
    along = _uniform(count, draw)
    arcs = _arc(math.pi * (0.125 + 0.75 * along)) * np.array([1.0, 1.4])
    places = np.where(labels[:, None] == 0, arcs, np.array([0.8, 1.4]) - arcs)
    return places + spread * (0.5 + along)[:, None] * _normal(count, draw), labels


POINTS: dict[str, Callable[[int, float, torch.Generator], Points]] = {
    "moons": moons,
    "circles": circles,
    "separable": separable,
    "banana": banana,
}
