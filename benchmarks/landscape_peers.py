"""What the peers of the landscape benchmark do, each on a copy of the model and with what it prints thrown away."""

from __future__ import annotations

import contextlib
import copy
import gc
import importlib.util
import math
import os
import time
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from landscape_subjects import Subject
from pyhessian import hessian
from torch import Tensor, nn

LOSS_LANDSCAPES = "loss-landscapes==3.0.6"
PYLANDSCAPE = "pylandscape==0.1.3"
clock = time.perf_counter  # what seconds are read from
FED_ROWS = 1000  # of a batch, where PyHessian is faster with a data loader than with one batch


def missing(requirement: str) -> str | None:
    """How to install a peer, ``None`` where it is there."""
    package = requirement.split("==")[0].replace("-", "_")
    return None if importlib.util.find_spec(package) else f"not installed: pip install --no-deps {requirement}"


class PyHessian:
    """PyHessian on one subject, fed as it is faster: one batch (it keeps that graph) or a list of smaller ones."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        blocks = list(zip(subject.inputs.split(FED_ROWS), subject.targets.split(FED_ROWS), strict=True))
        feeds: dict[str, dict[str, Any]] = {
            "one batch": {"data": (subject.inputs, subject.targets)},
            f"batches of {FED_ROWS}": {"dataloader": blocks},
        }
        seconds = {}
        for name, self._feed in feeds.items():
            self.trace(1, seed=0)  # kernels are chosen at the first call
            _, seconds[name], _ = self.trace(3, seed=0)
        self.feed = min(seconds, key=lambda name: seconds[name])
        self._feed = feeds[self.feed]

    def trace(self, num_probes: int, *, seed: int) -> tuple[float, float, Tensor]:
        """Seconds of preparation, seconds of all probes and the probes' values; its own stopping rule is off."""
        with self._session(seed) as (peer, preparation):
            start = clock()
            values = peer.trace(maxIter=num_probes, tol=0)
            return preparation, clock() - start, torch.tensor(values, dtype=torch.float64)

    def largest_eigenvalue(self, *, tolerance: float, seed: int) -> tuple[float, float]:
        """Seconds and value."""
        with self._session(seed) as (peer, preparation):
            start = clock()
            (value,), _ = peer.eigenvalues(maxIter=1000, tol=tolerance)
            return preparation + clock() - start, value

    def lanczos(self, num_steps: int, *, seed: int) -> tuple[float, float, Tensor, Tensor]:
        """Seconds of preparation, of one run of ``density()`` without its last step, nodes and weights.

        That step calls ``torch.eig``, which torch has no more; what it would decompose is taken from there.
        """
        found: list[Tensor] = []

        def taken(matrix: Tensor, eigenvectors: bool) -> tuple[Tensor, Tensor]:
            found.append(matrix)
            return torch.zeros(len(matrix), 2), matrix

        with self._session(seed) as (peer, preparation):
            torch.eig = taken
            try:
                start = clock()
                peer.density(iter=num_steps, n_v=1)
                seconds = clock() - start
            finally:
                del torch.eig
        nodes, vectors = torch.linalg.eigh(found[0].double())
        return preparation, seconds, nodes, vectors[0].square()

    @contextlib.contextmanager
    def _session(self, seed: int) -> Iterator[tuple[hessian, float]]:
        """PyHessian ready for use, and the seconds that took."""
        copied = copy.deepcopy(self._subject.model)
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Using backward\\(\\) with create_graph=True")
            torch.manual_seed(seed)
            start = clock()
            peer = hessian(copied, self._subject.loss, cuda=False, **self._feed)
            try:
                yield peer, clock() - start
            finally:
                copied.zero_grad()  # parameters and the graph of their gradients hold each other
                peer.gradsH = None
                gc.collect()


def loss_landscapes_surface(
    subject: Subject, directions: list[dict[str, Tensor]], coordinates: Tensor, rows: int | None = None
) -> tuple[float, Tensor]:
    """Seconds and losses [n, n] of loss-landscapes over a plane; NaN where its grid leaves ours.

    It starts beside the corner and goes back and forth without turning at the edge: columns are off by one by turns.
    """
    from loss_landscapes import planar_interpolation
    from loss_landscapes.metrics import Loss

    ((inputs, targets),) = subject.batches(rows)
    count, (low, high) = len(coordinates), (float(coordinates[0]), float(coordinates[-1]))
    reach = (high - low) * count / (count - 1)  # it takes as many steps as points
    corner = _moved(subject.model, directions, (low, low))
    ends = [_moved(corner, [direction], (reach,)) for direction in directions]
    start = clock()
    found = planar_interpolation(corner, *ends, Loss(subject.loss, inputs, targets), steps=count)
    seconds = clock() - start
    losses = torch.full((count, count), torch.nan, dtype=torch.float64)
    losses[0::2, 1:] = torch.from_numpy(found)[0::2, :-1]
    losses[1::2] = torch.from_numpy(found)[1::2]
    return seconds, losses


def pylandscape_surface(
    subject: Subject, directions: list[dict[str, Tensor]], coordinates: Tensor, rows: int | None = None
) -> tuple[float, Tensor]:
    """Seconds and losses [n, n] of PyLandscape over a plane, through what all its planes go through."""
    from pylandscape import Surface

    model = copy.deepcopy(subject.model)
    surface = Surface(model, subject.loss, subject.batches(rows))
    moves = [[direction[name].clone() for name, _ in model.named_parameters()] for direction in directions]
    start = clock()
    losses = surface._compute_hyperplane(moves, coordinates.tolist())
    return clock() - start, torch.from_numpy(losses)


class ShuffledBatches:
    """What PyLandscape iterates over: the rows in a new order each time, without a data loader's cost for every row."""

    def __init__(self, subject: Subject, batch_rows: int) -> None:
        self._rows, self._batch_rows = (subject.inputs, subject.targets), batch_rows

    def __len__(self) -> int:
        return math.ceil(len(self._rows[0]) / self._batch_rows)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for chosen in torch.randperm(len(self._rows[0])).split(self._batch_rows):
            yield self._rows[0][chosen], self._rows[1][chosen]


def pylandscape_curve(
    subject: Subject, batches: Any, *, num_epochs: int, learning_rate: float, seed: int
) -> tuple[float, float]:
    """Seconds an epoch of training a Bezier curve, and how far the bend moved over half the models' distance.

    Args:
        subject: The two models.
        batches: ``ShuffledBatches`` or torch's ``DataLoader``.
        num_epochs: Epochs.
        learning_rate: Of Adam, at the start.
        seed: Of the order of the rows and the places on the curve.
    """
    from pylandscape.mc_utils import Interpolate, curves

    ends = copy.deepcopy(subject.model), copy.deepcopy(subject.other)
    with torch.random.fork_rng(devices=[]), open(os.devnull, "w") as nowhere:
        torch.manual_seed(seed)
        path = Interpolate(curves.Bezier, *ends, subject.loss, learning_rate)
        before = _flat(path.model._get_model_by_index(1).values())
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            start = clock()
            path.train_curve(batches, num_epochs)
            seconds = clock() - start
    moved = _flat(path.model._get_model_by_index(1).values()) - before
    apart = _flat(subject.model.parameters()) - _flat(subject.other.parameters())
    return seconds / num_epochs, float(moved.norm() / (apart.norm() / 2))


def _moved(model: nn.Module, directions: list[dict[str, Tensor]], steps: tuple[float, ...]) -> nn.Module:
    """A copy of the model at another point."""
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for direction, step in zip(directions, steps, strict=True):
            for name, parameter in copied.named_parameters():
                parameter += step * direction[name]
    return copied


def _flat(tensors: Any) -> Tensor:
    return torch.cat([tensor.detach().flatten() for tensor in tensors])
