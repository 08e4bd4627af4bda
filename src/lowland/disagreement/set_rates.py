"""Rates on several sets that were made of the same rows, and their differences, with a bootstrap of these rows."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.disagreement.bootstrap import NUM_DRAWS, source_numbers
from lowland.errors import LowlandError
from lowland.estimate import Estimate


def rate_contrasts(
    marks: Tensor, set_numbers: Tensor, source_rows: Tensor, contrasts: Tensor, *, generator: torch.Generator
) -> list[Estimate]:
    """Linear combinations of rates on several sets, such as a mean over shifted sets less the rate on nominal rows.

    Sets that hold the same rows shifted, and networks that answer the same rows, are not independent: source rows are
    drawn with replacement, each with all that was made of it, for all sets and columns at once. What is held fixed are
    the networks: the error says nothing of other trainings.

    Args:
        marks: What is averaged [rows, columns], such as whether networks disagree, a column a network or a mean over
            some.
        set_numbers: Of which set each row is, from 0 [rows].
        source_rows: Number of the row that each row was made from [rows]; rows of other origin have other numbers.
        contrasts: Weights of the rates [combinations, sets, columns].
        generator: Draws the sources.

    Returns:
        One estimate a combination, its standard error over source rows; ``undefined`` where fewer than two sources
        enter, ``non_finite`` where a mark is not finite.

    Raises:
        LowlandError: Forms that do not fit together, or a set without rows.

    Source:
        Bootstrap of clusters: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8.
    """
    rows, columns = _checked(marks, set_numbers, contrasts)
    sources = torch.from_numpy(source_numbers(source_rows, rows))
    sets, count = contrasts.shape[1], int(sources.max()) + 1
    if count < 2:
        return [Estimate.missing("undefined")] * len(contrasts)
    values, weights = marks.double(), contrasts.double()
    if not bool(values.isfinite().all()):
        return [Estimate.missing("non_finite")] * len(contrasts)
    place = sources * sets + set_numbers
    totals = torch.zeros(count * sets, columns, dtype=torch.float64).index_add_(0, place, values)
    sizes = torch.zeros(count * sets, dtype=torch.float64).index_add_(0, place, torch.ones(rows, dtype=torch.float64))
    totals, sizes = totals.reshape(count, -1), sizes.reshape(count, sets)
    drawn = torch.randint(count, (NUM_DRAWS, count), generator=generator)
    times = torch.zeros(NUM_DRAWS, count, dtype=torch.float64)
    times.scatter_add_(1, drawn, torch.ones(NUM_DRAWS, count, dtype=torch.float64))
    once = torch.ones(1, count, dtype=torch.float64)

    def combined(times: Tensor) -> Tensor:
        sums = (times @ totals).reshape(len(times), sets, columns)
        rates = sums / (times @ sizes).clamp(min=1).unsqueeze(2)
        return torch.einsum("dsc,ksc->dk", rates, weights)

    middle, spread = combined(once)[0], combined(times).std(0)
    return [Estimate(float(value), float(error), rows) for value, error in zip(middle, spread, strict=True)]


def _checked(marks: Tensor, set_numbers: Tensor, contrasts: Tensor) -> tuple[int, int]:
    """Numbers of rows and of columns."""
    if marks.ndim != 2 or set_numbers.shape != marks.shape[:1] or set_numbers.is_floating_point() or not len(marks):
        raise LowlandError(
            f"marks and set_numbers: got shapes {tuple(marks.shape)} and {tuple(set_numbers.shape)}; expected "
            "[rows, columns] and one whole number a row"
        )
    if contrasts.ndim != 3 or contrasts.shape[2] != marks.shape[1]:
        raise LowlandError(
            f"contrasts: got shape {tuple(contrasts.shape)}; expected [combinations, sets, {marks.shape[1]} columns]"
        )
    known = set_numbers.unique().tolist()
    if known != list(range(contrasts.shape[1])):
        raise LowlandError(f"set_numbers: got the sets {known}; expected all of 0 to {contrasts.shape[1] - 1}")
    return len(marks), marks.shape[1]
