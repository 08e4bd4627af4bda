"""What a policy is judged on: a network, rows, and what counts as harm."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.worst_case.policies import Chooser, rows_chooser, static_chooser
from lowland.worst_case.prefixes import ChangesInPlaceError, Prefixes
from lowland.worst_case.subject import PolicySubject


class Rows(NamedTuple):
    """Rows with what would be right.

    Attributes:
        inputs: [rows, ...].
        targets: [rows, ...].
    """

    inputs: Tensor
    targets: Tensor


Harm = Callable[[Tensor, Tensor], Tensor]
"""(Outputs [rows, ...], targets [rows, ...]) to the harm of every row [rows]; higher is worse."""


def wrong(outputs: Tensor, targets: Tensor) -> Tensor:
    """1 where the class is not the right one, so that harm is accuracy lost [rows]."""
    return (outputs.argmax(1) != targets).to(torch.float64)


class PolicyProblem:
    """A network on fixed rows: how much harm a policy does there.

    Args:
        subject: The network.
        inputs: [rows, ...].
        targets: [rows, ...]; ``None``: what the network answers without a policy, so that harm counts answers that
            change (``broken``), for which no label is needed.
        harm: Of every row; by default ``wrong``.

    Raises:
        LowlandError: No rows, or outputs that are not finite without any policy.
    """

    def __init__(self, subject: PolicySubject, inputs: Tensor, targets: Tensor | None, harm: Harm = wrong) -> None:
        if not len(inputs):
            raise LowlandError("inputs have no rows; expected one at least to judge a policy on")
        self.subject, self.inputs, self.harm = subject, inputs, harm
        with torch.no_grad():
            self.reference = subject(inputs)
        if not self.reference.isfinite().all():
            raise LowlandError("outputs without a policy are not finite; expected a network that computes")
        self._shares = True  # what policies have in common, until a step turns out to change what it reads
        self.targets = self.reference.argmax(1) if targets is None else targets
        self.clean = self.harm(self.reference, self.targets).double()

    @torch.no_grad()
    def outputs(self, widths: Sequence[int]) -> Tensor:
        """Outputs [rows, ...] of a static policy of these widths, one a layer.

        What policies asked for before have in common with this one is not computed again.
        """
        choose = static_chooser(tuple(widths))
        if self._shares and self._prefixes is not None:
            # A width that is not below a layer's own is its own.
            least = [min(width, own) for width, own in zip(widths, self.subject.own_bits, strict=True)]
            try:
                with self.subject.choosing(choose):
                    return self._prefixes.outputs(least)
            except ChangesInPlaceError:
                self._shares = False
        return self.under(choose)

    @cached_property
    def _prefixes(self) -> Prefixes | None:
        """Traced when the first policy is asked for: who wants the reference alone does not wait for it."""
        return self.subject.prefixes(self.inputs)

    def outputs_by_row(self, widths: Tensor) -> Tensor:
        """Outputs [rows, ...] with widths [rows, layers] of their own."""
        return self.under(rows_chooser(widths))

    @torch.no_grad()
    def under(self, choose: Chooser) -> Tensor:
        """Outputs [rows, ...] under any chooser."""
        outputs: Tensor = self.subject(self.inputs, choose)
        return outputs

    def harms(self, outputs: Tensor) -> Tensor:
        """Harm of every row beyond what it has without a policy, float64 [rows]."""
        return self.harm(outputs, self.targets).double() - self.clean

    def estimate(self, samples: Tensor) -> Estimate:
        """Mean of a number of every row [rows], and its standard error.

        Rows that are computed at once and share a scale depend on each other: then the error is that of whole batches.
        """
        together = self.subject.rows_together
        if together == 1:
            return Estimate.from_samples(samples)
        values = samples.double()
        batches = values.split(together)
        mean, count = values.mean(), len(batches)
        apart = torch.stack([(batch - mean).sum() for batch in batches])
        error = (apart.square().sum() * count / max(count - 1, 1)).sqrt() / len(values)
        return Estimate(float(mean), float(error) if count > 1 else math.nan, len(values))

    def drop(self, widths: Sequence[int]) -> float:
        """Mean harm of a static policy beyond none: for ``wrong`` the accuracy lost."""
        return float(self.harms(self.outputs(widths)).mean())
