"""Peak memory of every measure and what repeated calls leave behind, as the operating system sees it (Linux)."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from landscape_subjects import Subject
from torch import Tensor

from lowland import landscape
from lowland.randomness import generator

PROCESS = Path("/proc/self")


def measured_memory(subject: Subject, calls: int, call_rows: int) -> Iterator[tuple[str, float, float, float, int]]:
    """For every measure: its name, peak in MB, that of a forward-backward pass, MB and tensors that calls leave.

    Args:
        subject: Model and rows.
        calls: Calls that must leave nothing behind.
        call_rows: Rows in each of them; the peak is taken on all.
    """
    if not (PROCESS / "clear_refs").exists():
        print(f"memory: no {PROCESS / 'clear_refs'} here", file=sys.stderr)
        return
    library = ctypes.CDLL(None)
    library.mallopt(-3, 2**16)  # blocks of 64 KiB and more go back to the system at once, so that they can be counted
    parameters = list(subject.model.parameters())

    def both_passes() -> None:
        ((inputs, targets),) = subject.batches()
        torch.autograd.grad(subject.loss(subject.model(inputs), targets), parameters)

    reference = _peak(both_passes, library)
    for name, measure in _measures(subject).items():
        peak = _peak(lambda measure=measure: measure(None), library)
        yield name, peak, reference, *_left_behind(lambda measure=measure: measure(call_rows), calls, library)


def _measures(subject: Subject) -> dict[str, Callable[[int | None], Any]]:
    """Every measure of a float network, on so many rows."""
    model, loss, rows = subject.model, subject.loss, subject.batches
    directions = landscape.filter_normalised_directions(model, generator=generator("benchmark"))
    few = torch.linspace(-1, 1, 5)
    grid = {"directions": directions, "coordinates": (few, few)}
    curve = {"num_epochs": 1, "num_points": 5}
    variance = subject.inputs.var(0)
    return {
        "trace, exact": lambda n: landscape.hessian_trace(model, loss, rows(n), method="exact"),
        "trace, Hutchinson": lambda n: landscape.hessian_trace(
            model, loss, rows(n), method="hutchinson", num_probes=10
        ),
        "trace, Hutch++": lambda n: landscape.hessian_trace(model, loss, rows(n), method="hutch++", num_probes=12),
        "trace by layer": lambda n: landscape.hessian_trace_by_layer(model, loss, rows(n)),
        "largest eigenvalue": lambda n: landscape.hessian_eigenvalues(model, loss, rows(n)),
        "spectral density": lambda n: landscape.spectral_density(model, loss, rows(n), num_runs=4, num_steps=10),
        "gradient norms": lambda n: landscape.gradient_norms(model, loss, rows(n)),
        "input curvature": lambda n: landscape.input_curvature(model, loss, rows(n), covariance=variance),
        "input Jacobian": lambda n: landscape.input_jacobian_norm(model, rows(n)),
        "expected sharpness": lambda n: landscape.expected_sharpness(
            model, loss, rows(n), relative_size=0.05, num_draws=4
        ),
        "adaptive sharpness": lambda n: landscape.adaptive_sharpness(model, loss, rows(n), radius=0.5, num_steps=4),
        "surface": lambda n: landscape.loss_surface(model, loss, rows(n), **grid),
        "surface to 1 %": lambda n: landscape.loss_surface(
            model, loss, rows(n), **grid, rows_per_point=40, relative_error=0.01
        ),
        "mode connectivity": lambda n: landscape.mode_connectivity(
            model, subject.other, loss, rows(n), rows(n), **curve
        ),
        "CKA by layer": lambda n: landscape.layer_cka(model, subject.other, rows(n)),
    }


def _peak(function: Callable[[], Any], library: ctypes.CDLL) -> float:
    """Megabytes at the worst moment of a call over those before it, after a first call that loads what it needs."""
    function()
    gc.collect()
    library.malloc_trim(0)
    (PROCESS / "clear_refs").write_text("5")  # the peak so far is forgotten
    before = _held("VmRSS")
    function()
    return _held("VmHWM") - before


def _left_behind(function: Callable[[], Any], calls: int, library: ctypes.CDLL) -> tuple[float, int]:
    """Megabytes and tensors that repeated calls leave, after some that fill what is kept for the next."""

    def state() -> tuple[float, int]:
        gc.collect()
        library.malloc_trim(0)
        return _held("VmRSS"), sum(issubclass(type(item), Tensor) for item in gc.get_objects())

    for _ in range(5):
        function()
    megabytes, tensors = state()
    for _ in range(calls):
        function()
    after, left = state()
    return after - megabytes, left - tensors


def _held(field: str) -> float:
    """Megabytes that the process holds (``VmRSS``) or held at most (``VmHWM``)."""
    lines = (PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024
