"""The disjoint sets of a task, by name; what is held out lies in two halves: one chooses, the other is reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lowland.randomness import Key, generator

Half = Literal["selection", "test"]
"""Of held-out samples: what is chosen is chosen on the first and reported on the second; values of ``split``."""

OF_THE_REST = ("threshold", "retraining")
"""Sets that are drawn from what the others leave, one after the other, where a task asks for them: no row changes its
set for them."""

OF_SINGLE_ROWS = ("threshold",)
"""Of these, one row of each group: what is proved on them takes rows as independent."""

LEAST_HELD_OUT = 4
"""Samples that a set to be halved needs, so that the means of both halves have standard errors."""


class Samples(NamedTuple):
    """Model inputs [n, ...] and their targets [n, ...]."""

    inputs: Tensor
    targets: Tensor

    def head(self, count: int) -> Samples:
        """The first ``count`` samples (all, where there are fewer)."""
        return Samples(self.inputs[:count], self.targets[:count])

    def at(self, mask: Tensor) -> Samples:
        """The samples that a mask [n] marks, in their order."""
        return Samples(self.inputs[mask], self.targets[mask])

    def to(self, device: str) -> Samples:
        """The samples on another device."""
        return Samples(self.inputs.to(device), self.targets.to(device))

    def batches(self, size: int) -> list[Samples]:
        """The samples in their order, ``size`` at a time; the last batch may be smaller."""
        return [Samples(*pair) for pair in zip(self.inputs.split(size), self.targets.split(size), strict=True)]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Samples that no training sees: one half of them chooses, on the other half the chosen is reported.

    A network is evaluated once, on all samples, and its evaluation is then cut by half.

    Attributes:
        samples: All of them.
        selects: Which of them choose [n]; the others are reported.
    """

    samples: Samples
    selects: Tensor

    @property
    def halves(self) -> dict[Half, Tensor]:
        """A mask [n] of the samples of each half, by its name in the long table."""
        return {"selection": self.selects, "test": ~self.selects}

    def half(self, name: Half) -> Samples:
        """The samples of one half, in their order."""
        return self.samples.at(self.halves[name])


def halved(
    samples: Samples,
    *,
    key: tuple[Key, ...],
    tied: NDArray[np.int64] | None = None,
    labels: NDArray[np.int64] | None = None,
) -> HeldOut:
    """Held-out samples in two halves of equal size and equal class shares, as far as groups allow; no group is divided.

    The groups, the largest first and equal ones in an order that the key draws, each go to the half that has less of
    their classes, or, where both have as much, fewer samples.

    Args:
        samples: At least two.
        key: Names the set; equal keys halve equal samples in the same way.
        tied: A number for each sample's group [n]; None: every sample is one. A single group is divided sample by
            sample.
        labels: Numbers of the classes from 0 [n]; None: there is one class.

    Raises:
        ValueError: Fewer than two samples.
    """
    count = len(samples.inputs)
    if count < 2:
        raise ValueError(f"{count} samples cannot be halved; expected at least 2")
    groups = np.arange(count) if tied is None else np.unique(tied, return_inverse=True)[1].reshape(-1)
    if groups.max() == 0:
        groups = np.arange(count)
    classes = np.zeros(count, np.int64) if labels is None else labels
    sizes = np.zeros((int(groups.max()) + 1, int(classes.max()) + 1))
    np.add.at(sizes, (groups, classes), 1)
    drawn = torch.randperm(len(sizes), generator=generator(*key, "halves")).numpy()
    shares = sizes / sizes.sum(axis=0).clip(min=1)
    lead, rows_ahead = np.zeros(sizes.shape[1]), 0.0  # of the half that chooses
    selects = np.zeros(len(sizes), bool)
    for group in drawn[np.argsort(-sizes.sum(axis=1)[drawn], kind="stable")]:
        ahead = float(lead @ shares[group])
        selects[group] = ahead < 0 or (ahead == 0 and rows_ahead < 0)
        sign = 1 if selects[group] else -1
        lead += sign * sizes[group]
        rows_ahead += sign * sizes[group].sum()
    return HeldOut(samples, torch.from_numpy(selects[groups]))


@dataclass(frozen=True, eq=False)
class Splits(Mapping[str, Samples]):
    """The disjoint sets of a task by name, standardised with the training set's statistics.

    ``train`` is what weights are fitted to, ``validation`` chooses the best epoch and the seed to deploy, on
    ``landscape`` the loss landscape is measured, ``selection`` chooses between configurations, and ``test`` is what is
    reported. Where a task asks for it, on ``threshold`` thresholds of abstention are proved, and nothing else is done;
    networks are retrained on disagreements of ``retraining``. No sample is in two of them.

    Attributes:
        sets: Samples by name, those of the held-out halves aside.
        held_out: The samples of ``selection`` and ``test`` in one order, on which performance and robustness are
            measured.
        zero: Inputs at which the sensors measure nothing [features ...], in the units of the inputs.
        shifted: Shifted sets, natural and corrupted, by name, in halves as what is held out.
        facts: What JSON can hold and people or deployed networks need to know: ``preprocessing``, a record of
            ``lowland.tasks.PREPROCESSINGS``.
    """

    sets: dict[str, Samples]
    held_out: HeldOut
    zero: Tensor
    shifted: dict[str, HeldOut] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Samples:
        return self.held_out.half(name) if name in self.held_out.halves else self.sets[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self.sets, *self.held_out.halves))

    def __len__(self) -> int:
        return len(self.sets) + len(self.held_out.halves)

    @property
    def evaluated(self) -> dict[str, HeldOut]:
        """What networks are evaluated on: the held-out rows (an empty name) and every shifted set by name."""
        return {"": self.held_out, **self.shifted}

    def to_tensors(self) -> dict[str, Tensor]:
        """Flat names and tensors, as a dataset stores them; undone by ``from_tensors``."""
        halved_sets = {
            "held_out": self.held_out,
            **{f"shifted/{name}": samples for name, samples in self.shifted.items()},
        }
        samples = self.sets | {name: held_out.samples for name, held_out in halved_sets.items()}
        tensors = {
            f"{name}/{part}": getattr(known, part) for name, known in samples.items() for part in Samples._fields
        }
        return tensors | {f"{name}/selects": found.selects for name, found in halved_sets.items()} | {"zero": self.zero}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any] | None = None) -> Splits:
        """The inverse of ``to_tensors``, with the facts that were stored beside them."""
        names = dict.fromkeys(key.rpartition("/")[0] for key in tensors if key != "zero")
        samples = {name: Samples(*(tensors[f"{name}/{part}"] for part in Samples._fields)) for name in names}
        held = {n: HeldOut(samples.pop(n), tensors[f"{n}/selects"]) for n in names if f"{n}/selects" in tensors}
        held_out = held.pop("held_out")
        shifted = {name.removeprefix("shifted/"): found for name, found in held.items()}
        return cls(samples, held_out, tensors["zero"], shifted, dict(facts or {}))
