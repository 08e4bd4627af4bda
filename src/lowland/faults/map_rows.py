"""On how many rows single flips are measured: as many as the error of their mean asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lowland.estimate import Estimate
from lowland.faults.sensitivity import SingleFlips

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class MappedRows:
    """The maps of the rows that were looked at, and how well their mean is known.

    Attributes:
        parts: What flips do to each batch.
        batches: Those batches.
        rise: Rise of the loss per unit of bit error rate while errors are few, its standard error over the rows;
            ``not_converged`` where rows ran out before the error was small enough. ``None`` where no error is asked.
    """

    parts: Sequence[SingleFlips]
    batches: Sequence[Batch]
    rise: Estimate | None = None

    @property
    def compared(self) -> list[dict[str, Tensor]]:
        """Maps that are held against each other: of every batch, or of either half of them where blocks were added."""
        if self.rise is None or len(self.parts) < 2:
            return [part.metric for part in self.parts]
        return [mean_map(self.parts[0::2]), mean_map(self.parts[1::2])]


def mean_map(parts: Sequence[SingleFlips]) -> dict[str, Tensor]:
    """The map of all rows from those of parts of them, by tensor name."""
    sizes = torch.tensor([len(part.sample_drops) for part in parts], dtype=torch.float64)
    shares, names = sizes / sizes.sum(), parts[0].metric
    return {name: torch.tensordot(shares, torch.stack([part.metric[name] for part in parts]), 1) for name in names}


def mapped_rows(
    single: Callable[[Batch], SingleFlips],
    batches: Sequence[Batch],
    *,
    loss: int = 0,
    standard_error: float | None = None,
) -> MappedRows:
    """Maps of single flips on one block of rows after another, until the mean rise of the loss is known well enough.

    A block is two batches, so that rows fall into two halves that can be compared. The rise of a row is that of all
    flips together; its mean over rows is the slope of the expected loss in the bit error rate at 0. Flips that change
    few rows, and these much, make the error itself uncertain: blocks of less than some hundred rows may end too soon.

    Args:
        single: What flips do to a batch; its metrics have a dimension of their own.
        batches: Of rows in random order.
        loss: Place of the loss among the metrics.
        standard_error: What the standard error may be at most, relative to the mean; all batches without it.

    Raises:
        ValueError: A standard error that is not above 0.
    """
    if standard_error is None:
        return MappedRows([single(batch) for batch in batches], batches)
    if not standard_error > 0:
        raise ValueError(f"standard_error is {standard_error}; expected a number above 0")
    parts: list[SingleFlips] = []
    rise = Estimate.missing("undefined")
    for start in range(0, len(batches), 2):
        parts += [single(batch) for batch in batches[start : start + 2]]
        rise = Estimate.from_samples(torch.cat([-part.sample_drops[:, loss] for part in parts]))
        if rise.status == "ok" and rise.standard_error <= standard_error * abs(rise.value):
            break
    else:
        if rise.status == "ok":
            rise = replace(rise, status="not_converged")
    return MappedRows(parts, batches[: len(parts)], rise)
