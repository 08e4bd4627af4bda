"""Samples that lie in memory as the sets of a study: what a task of one's own needs of ``prepare``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lowland.errors import LowlandError
from lowland.tasks.groups import tied_rows
from lowland.tasks.split_sizes import least_rows
from lowland.tasks.splits import HeldOut, Samples, Splits, halved
from lowland.tasks.splitting import grouped_split, stratified_split


def split_samples(
    samples: Samples,
    sizes: Mapping[str, int],
    *,
    key: tuple[str | int, ...],
    groups: NDArray[np.int64] | None = None,
    shifted: Mapping[str, Samples] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Splits:
    """Disjoint sets of samples; equal inputs are never in two of them, and classes keep their shares.

    The place at which sensors measure nothing (``Splits.zero``) is 0 in every input.

    Args:
        samples: Inputs [n, ...] in float32 as the network gets them, and targets [n, ...]; classes as int64 [n].
        sizes: Rows wanted of ``train``, ``validation``, ``landscape`` and ``test`` (``SplitSizes.sizes``); all sets
            shrink in proportion where there are fewer samples. What is wanted of ``threshold`` and
            ``retraining`` comes from the rest.
        key: Keys the drawing, such as the task's name; equal keys divide equal samples in the same way.
        groups: A number for each sample's group [n], such as a patient or a discharge, which no two sets share.
        shifted: Samples of shifted sets by name.
        facts: What JSON can hold and deployed networks need to know: ``{"preprocessing": ...}``.

    Raises:
        LowlandError: A set gets too few samples.
    """
    tied = _tied(samples, groups)
    labels = _labels(samples)
    split = stratified_split if groups is None else grouped_split
    chosen = split(tied, labels, sizes, key=key)
    for name, rows in chosen.items():
        if len(rows) < least_rows(name):
            raise LowlandError(
                f"{len(tied)} samples leave {len(rows)} for {name}_rows; at least {least_rows(name)} are needed: use "
                "more samples, or smaller shares for the other sets"
            )
    sets = {name: Samples(samples.inputs[rows], samples.targets[rows]) for name, rows in chosen.items()}
    last = chosen["test"]
    held_out = halved(sets.pop("test"), key=(*key, "test"), tied=tied[last], labels=labels[last])
    return Splits(
        sets,
        held_out,
        zero=torch.zeros_like(samples.inputs[0]),
        shifted={name: _halved(name, rows, key) for name, rows in (shifted or {}).items()},
        facts=dict(facts or {}),
    )


def _halved(name: str, samples: Samples, key: tuple[str | int, ...]) -> HeldOut:
    return halved(samples, key=(*key, name), tied=_tied(samples, None), labels=_labels(samples))


def _tied(samples: Samples, groups: NDArray[np.int64] | None) -> NDArray[np.int64]:
    return tied_rows(samples.inputs.flatten(1).numpy(), groups)


def _labels(samples: Samples) -> NDArray[np.int64]:
    """Numbers of the classes; one class where targets are none."""
    targets = samples.targets
    whole = targets.ndim == 1 and targets.dtype == torch.int64
    return targets.numpy() if whole else np.zeros(len(targets), np.int64)
