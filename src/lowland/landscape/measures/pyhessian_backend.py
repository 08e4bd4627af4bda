"""Trace and largest eigenvalue by PyHessian: the reference that the exact measures are compared with."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from pyhessian import hessian
from torch import Tensor

from lowland.estimate import Estimate
from lowland.landscape.curvature.products import hessian_products
from lowland.landscape.measures.eigenvalues import Eigenvalues
from lowland.landscape.problem.model import Batches, Loss
from lowland.landscape.problem.problem import Model, Problem, problem_of
from lowland.randomness import generator as keyed_generator

MAXIMUM_ITERATIONS = 100


def pyhessian_trace(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    num_probes: int = 100,
    generator: torch.Generator | None = None,
) -> Estimate:
    """Trace of the Hessian by PyHessian's Hutchinson estimator, with the standard error that it does not give itself.

    Its own stopping rule (two running means that agree) is switched off: it ends too early by chance.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came (a
            copy is used).
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        num_probes: Probes, at least 2.
        generator: CPU generator that seeds the probes; a fixed one without it.

    Returns:
        Mean over probes with standard error.

    Raises:
        LowlandError: Training mode, unusable batches, parameters without gradient, losses that are no means over rows.

    Source:
        Yao et al., "PyHessian", arXiv:1912.07145.
    """
    with _pyhessian(problem_of(model, loss, batches), generator) as reference:
        samples = reference.trace(maxIter=num_probes, tol=0)
    return Estimate.from_samples(torch.tensor(samples, dtype=torch.float64))


def pyhessian_eigenvalues(
    model: Model,
    loss: Loss | None = None,
    batches: Batches | None = None,
    *,
    count: int = 1,
    tolerance: float = 1e-3,
    generator: torch.Generator | None = None,
) -> Eigenvalues:
    """Eigenvalues of largest magnitude by PyHessian's power iteration, with the residuals that it does not give.

    Args:
        model: Module in evaluation mode, deployed network with ``dequantized()``, or ``Problem``; left as it came (a
            copy is used).
        loss: ``loss(outputs, targets)``, mean over rows.
        batches: Sequence of (inputs, targets).
        count: How many.
        tolerance: Relative change between two iterations at which PyHessian stops.
        generator: CPU generator that seeds the starting vectors; a fixed one without it.

    Returns:
        Values in the order found. ``converged`` where the residual is at most sqrt(tolerance) of the value; the error
        of a value is of the order of the squared residual. ``num_products`` counts the residuals' only.

    Raises:
        LowlandError: Training mode, unusable batches, parameters without gradient, losses that are no means over rows.

    Source:
        Yao et al., "PyHessian", arXiv:1912.07145.
    """
    problem = problem_of(model, loss, batches)
    with _pyhessian(problem, generator) as reference:
        values, vectors = reference.eigenvalues(maxIter=MAXIMUM_ITERATIONS, tol=tolerance, top_n=count)
    product = hessian_products(problem)
    found = torch.tensor(values, dtype=torch.float64)
    residuals = torch.stack([_residual(product, value, vector) for value, vector in zip(values, vectors, strict=True)])
    converged = bool((residuals <= tolerance**0.5 * found.abs()).all())
    return Eigenvalues(found, residuals, converged, count, product.num_rows)


def _residual(product: Callable[[Tensor], Tensor], value: float, vector: list[Tensor]) -> Tensor:
    flat = torch.cat([part.flatten() for part in vector])
    return (product(flat) - value * flat).norm().double()


@contextmanager
def _pyhessian(problem: Problem, generator: torch.Generator | None) -> Iterator[hessian]:
    """PyHessian on a copy of the model, its random numbers seeded and torch's own state restored afterwards."""
    _ = problem.parameters  # refuses what gets no gradient, which PyHessian would not tell
    copied = copy.deepcopy(problem.whole)
    copied.zero_grad()
    pairs = problem.batches
    data = {"data": pairs[0]} if len(pairs) == 1 else {"dataloader": pairs}
    seed = int(torch.randint(2**62, (1,), generator=generator or keyed_generator("pyhessian")))
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # Its gradients stay on the copy, and the reference cycle ends below.
        warnings.filterwarnings("ignore", message="Using backward\\(\\) with create_graph=True")
        torch.manual_seed(seed)
        try:
            yield hessian(copied, problem.whole_loss, cuda=False, **data)
        finally:
            copied.zero_grad()
