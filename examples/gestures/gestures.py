"""Gestures told apart by a wrist's accelerometer: a task and a network of one's own in one file.

Copy it to ``src/gestures.py`` and the parameters to ``conf/gestures``; docs/own.md says how to go on.
"""

import math

import numpy as np
import pandas as pd
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.own_code import custom_spec
from lowland.tasks import Classifier, Readings, Samples, SplitSizes, split_samples

GESTURES = ("rest", "shake", "turn", "tap")
AXES, STEPS = 3, 24
COLUMNS = [f"{axis}{step}" for axis in "xyz" for step in range(STEPS)]


class Options(SplitSizes):
    """What ``options`` of the parameters may say, beside the rows of every set.

    Attributes:
        recordings: Of each gesture.
        noise: Standard deviation of the sensor's noise, in units of gravity.
        channels: Of the convolutions.
    """

    recordings: int = 400
    noise: float = 0.3
    channels: int = 6


class Network(nn.Module):
    """Two convolutions over time with batch-norm, with a shortcut around the second one, then a linear layer."""

    def __init__(self, inputs: tuple[int, ...], outputs: int, channels: int) -> None:
        super().__init__()
        self.first = _convolution(inputs[0], channels)
        self.second = _convolution(channels, channels)
        self.pool = nn.MaxPool1d(4)
        self.last = nn.Linear(channels * inputs[1] // 4, outputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scores of the gestures [n, outputs]."""
        seen = torch.relu(self.first(inputs))
        seen = torch.relu(seen + self.second(seen))
        return self.last(self.pool(seen).flatten(1))


def _convolution(channels: int, filters: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm1d(filters))


class Gestures(Classifier):
    """Cross-entropy, accuracy and decisions come from ``Classifier``; data and network are ours."""

    Options = Options
    description = "The task: gestures told apart by 24 readings of a wrist's accelerometer; a residual network."
    readings = Readings(unit=1.0, extremes=(-4.0, 4.0), limits=(-4.0, 4.0))  # in units of gravity

    def __init__(self, options: Options) -> None:
        self.options = options

    def fetch(self) -> pd.DataFrame:
        """Where data are read or, as here, made: any table, kept as Parquet."""
        rng = np.random.default_rng(0)
        time = np.arange(STEPS) / STEPS
        rows, labels = [], []
        for label in range(len(GESTURES)):
            for _ in range(self.options.recordings):
                phase, pace = rng.uniform(0, 2 * math.pi), rng.uniform(1.5, 3.0)
                wave = np.sin(2 * math.pi * pace * time + phase)
                moved = np.zeros((AXES, STEPS))
                moved[2] = 1.0  # gravity
                if label == 1:
                    moved[0] += wave
                elif label == 2:
                    moved[1], moved[2] = wave, np.cos(2 * math.pi * pace * time + phase)
                elif label == 3:
                    moved[2] += 1.5 * np.exp(-(((time - rng.uniform(0.2, 0.8)) / 0.05) ** 2))
                rows.append((moved + self.options.noise * rng.normal(size=moved.shape)).clip(-4, 4).ravel())
                labels.append(label)
        return pd.DataFrame(np.array(rows), columns=COLUMNS).assign(label=labels)

    def check(self, raw: pd.DataFrame, origin: str) -> None:
        """Refuses a table that is not what ``prepare`` expects."""
        if absent := [column for column in [*COLUMNS, "label"] if column not in raw]:
            raise LowlandError(f"{origin}: column {absent[0]!r} is missing; expected {AXES} axes of {STEPS} readings")

    def prepare(self, raw: pd.DataFrame):
        """Tensors as the network gets them, divided into the study's sets."""
        inputs = torch.tensor(raw[COLUMNS].to_numpy("float32")).reshape(-1, AXES, STEPS)
        targets = torch.tensor(raw["label"].to_numpy("int64"))
        return split_samples(Samples(inputs, targets), self.options.sizes, key=("gestures",))

    @property
    def num_outputs(self) -> int:
        """One a gesture."""
        return len(GESTURES)

    def network_spec(self):
        """Which network, with which arguments: ``Network(inputs, outputs, channels=...)``."""
        return custom_spec(Network, inputs=(AXES, STEPS), outputs=self.num_outputs, channels=self.options.channels)
