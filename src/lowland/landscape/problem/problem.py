"""A landscape problem: a model, a loss and rows of data, checked once before anything is measured."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.landscape.problem.adapted import (
    in_single_precision,
    on_own_inputs,
    single_precision,
    twice_differentiable,
    with_tensor_outputs,
)
from lowland.landscape.problem.batches import checked_batches, first_rows, spread_rows
from lowland.landscape.problem.checks import (
    require_every_part,
    require_independent_rows,
    require_loss_of_outputs,
    require_repeatable,
    require_second_derivatives,
)
from lowland.landscape.problem.linearity import bends
from lowland.landscape.problem.model import Batches, Dequantizable, Loss, differentiable, trainable, version_of
from lowland.landscape.problem.output_activation import Activation, without_output_activation
from lowland.landscape.problem.row_mean import require_row_mean
from lowland.landscape.problem.targets import on_own_outputs, with_usable_targets

Kept = TypeVar("Kept")
PROBE_ROWS = 16


class Problem:
    """The loss of a model as a function of its parameters, on given rows.

    Refused are models in training mode, of which two calls differ or which mix rows, and losses that are no means over
    rows or read the parameters themselves. Adapted, so that they have second derivatives: half precision is
    differentiated in float32, attention and compiled parts by their formulas, outputs of several tensors side by side.
    A smooth activation of the outputs is taken for a part of the loss, so that what is left is piecewise linear.

    Every public function of ``lowland.landscape`` takes a problem in place of model, loss and batches; what several of
    them need is then checked and computed once.

    Args:
        model: Module in evaluation mode, or a deployed network with ``dequantized()``; left as it came.
        loss: ``loss(outputs, targets)``, mean over rows; ``None`` for measures that need none.
        batches: Sequence of (inputs, targets), rows first; their sizes do not matter.

    Attributes:
        network: The model as it was given.
        whole: The module with its own outputs.
        has_several_outputs: Whether these are several tensors side by side, or one number a row.
        model: What is differentiated: without the activation of the outputs.
        batches: The checked rows.

    Raises:
        LowlandError: For unusable models, losses or batches, in one line.

    Example:
        >>> import torch
        >>> from lowland.landscape import Problem, hessian_eigenvalues, hessian_trace
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3)).eval()
        >>> rows = torch.ones(8, 4), torch.zeros(8, dtype=torch.int64)
        >>> problem = Problem(model, torch.nn.functional.cross_entropy, [rows])
        >>> bool(hessian_trace(problem).value > hessian_eigenvalues(problem).largest.value)
        True
    """

    def __init__(self, model: nn.Module | Dequantizable, loss: Loss | None, batches: Batches) -> None:
        self.network = model
        given = differentiable(model)
        module, pairs = in_single_precision(given, checked_batches(batches, given))
        module = on_own_inputs(module, pairs)
        module = twice_differentiable(module, pairs)
        inner = module
        module, loss = with_tensor_outputs(module, loss, pairs)
        self.has_several_outputs = module is not inner
        require_repeatable(module, pairs)
        require_independent_rows(module, pairs)
        if loss is not None:
            pairs = with_usable_targets(module, loss, pairs)
            inputs, targets = spread_rows(pairs, PROBE_ROWS)
            with torch.no_grad():
                outputs = module(inputs)
            loss = on_own_outputs(loss, outputs, targets)
            own = {name: p for name, p in given.named_parameters() if p.requires_grad}
            require_loss_of_outputs(loss, outputs, targets, own)
            require_row_mean(module, loss, pairs)
        self.whole, self._loss, self.batches = module, loss, pairs
        self.model, self._activations = without_output_activation(module, pairs)
        own_tensors = (*given.parameters(), *given.buffers())
        self._num_tensors = len(own_tensors)
        self._given = (*own_tensors, *chain.from_iterable(pairs))
        self._versions = [*map(version_of, self._given)]
        self._kept: dict[str, Any] = {}

    def require_unchanged(self) -> None:
        """Refuses a problem whose parameters or data were changed in place: what it has kept is of the old ones.

        Raises:
            LowlandError: If they were.
        """
        if [*map(version_of, self._given)] != self._versions:
            raise LowlandError(
                "problem: parameters or data have changed since it was made; expected the same: make a new "
                "Problem(model, loss, batches)"
            )

    @property
    def loss(self) -> Loss:
        """Of the outputs of ``model`` and the targets, mean over rows."""
        return partial(_of_activated, self.whole_loss, self._activations) if self._activations else self.whole_loss

    @property
    def whole_loss(self) -> Loss:
        """The loss as it was given, of the outputs of ``whole``."""
        if self._loss is None:
            raise TypeError("this problem was made without a loss; expected Problem(model, loss, batches)")
        return self._loss

    @property
    def num_rows(self) -> int:
        """Rows of all batches."""
        return sum(len(inputs) for inputs, _ in self.batches)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """The trainable parameters by name.

        Raises:
            LowlandError: If there is none, or one does not take part in the loss (in the outputs, without a loss).
        """
        return self.once("parameters", self._every_parameter)

    def _every_parameter(self) -> dict[str, nn.Parameter]:
        found = trainable(self.model)
        value_of = self.loss if self._loss is not None else lambda outputs, _targets: outputs.sum()
        require_every_part(self.model, value_of, self.batches, found)
        return found

    @property
    def bends(self) -> dict[str, str]:
        """The parameters in which the outputs are not piecewise linear, each with the reason."""
        return self.once("bends", lambda: bends(self.model, self.batches))

    @property
    def obstacle(self) -> str | None:
        """Why the diagonal of the Hessian cannot be had exactly; ``None`` where it can."""
        return next(iter(self.bends.values()), None)

    def require_second_derivatives(self) -> None:
        """Refuses, once, a loss or model that torch cannot differentiate twice."""
        self.once(
            "second derivatives",
            lambda: require_second_derivatives(
                self.model, self.loss, spread_rows(self.batches, PROBE_ROWS), self.parameters
            ),
        )

    def require_differentiable_inputs(self) -> None:
        """Refuses inputs in which there is no derivative."""
        for index, (inputs, _) in enumerate(self.batches):
            if not inputs.is_floating_point():
                raise LowlandError(
                    f"batches[{index}]: inputs are {inputs.dtype}; expected floating point, or there is no derivative "
                    "in them: give the first differentiable layer's inputs (embeddings for tokens)"
                )

    def outputs(self) -> Tensor:
        """The model's own outputs [rows, ...] on all rows."""
        with torch.no_grad():
            return torch.cat([self.whole(inputs) for inputs, _ in self.batches])

    def on(self, batches: Batches) -> Problem:
        """The same model and loss, not checked again, on other rows.

        Args:
            batches: Pairs (inputs, targets).
        """
        other = copy.copy(self)
        kind = self.batches[0][1].dtype
        other.batches = tuple(
            (single_precision(inputs), aims.long() if kind == torch.int64 else single_precision(aims))
            for inputs, aims in checked_batches(batches, self.model)
        )
        other._given = (*self._given[: self._num_tensors], *chain.from_iterable(other.batches))
        other._versions = [*map(version_of, other._given)]
        other._kept = self._only("parameters")
        return other

    def first(self, count: int) -> Problem:
        """The same on the first rows."""
        return self.on(first_rows(self.batches, count))

    def with_loss(self, loss: Loss) -> Problem:
        """The same model with another loss of its own outputs, which is not checked.

        Args:
            loss: ``loss(outputs, targets)`` of the outputs of ``whole``, mean over rows.
        """
        other = copy.copy(self)
        other._loss, other._kept = loss, self._only("parameters", "bends")
        return other

    def _only(self, *names: str) -> dict[str, Any]:
        """What has been found of the model, whatever the rows or the loss."""
        return {name: self._kept[name] for name in names if name in self._kept}

    def kept(self, name: str) -> Any:
        """What ``once`` has kept under this name; ``None`` if nothing yet."""
        return self._kept.get(name)

    def once(self, name: str, build: Callable[[], Kept]) -> Kept:
        """What several measures share.

        Args:
            name: Of what is kept.
            build: Computes it.
        """
        if name not in self._kept:
            self._kept[name] = build()
        found: Kept = self._kept[name]
        return found


Model = nn.Module | Dequantizable | Problem
"""What public functions take: a module, a deployed network, or a problem that brings its own loss and batches."""


def _of_activated(loss: Loss, activations: tuple[Activation, ...], outputs: Tensor, targets: Tensor) -> Tensor:
    for activation in activations:
        outputs = activation(outputs)
    return loss(outputs, targets)


def problem_of(model: Model, loss: Loss | None = None, batches: Batches | None = None) -> Problem:
    """The problem itself, or the one of a model, a loss and batches.

    Raises:
        LowlandError: As ``Problem``.
        TypeError: A problem with a loss or batches beside it, or a model without batches.
    """
    if isinstance(model, Problem):
        if loss is not None or batches is not None:
            raise TypeError("got a Problem and a loss or batches beside it; expected the problem alone")
        model.require_unchanged()
        return model
    if batches is None:
        raise TypeError("got a model without batches; expected (model, loss, batches) or a Problem")
    return Problem(model, loss, batches)


def module_of(model: Model) -> nn.Module:
    """What is differentiated in a model or problem."""
    return model.model if isinstance(model, Problem) else differentiable(model)
