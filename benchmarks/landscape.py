"""The measures of loss landscapes against their peers: seconds, values and memory, side by side in one process.

Two subjects, briefly trained: a 64-32-32 MLP on 20,000 rows and the ECON-T autoencoder on 5,000 wafers. All figures are
medians of calls that alternate between this package and its peer:

    pip install --no-deps pylandscape==0.1.3 loss-landscapes==3.0.6
    python benchmarks/landscape.py                             # half an hour on one core
    python benchmarks/landscape.py --quick                     # few rows, once: does it work?
    python benchmarks/landscape.py --only trace memory --models autoencoder

PyHessian comes with the package. A peer that is not installed is named in its row. Peak memory is read from
``/proc/self`` (Linux) and counts all that the process holds at the worst moment of a call over what it held before.
"""

from __future__ import annotations

import argparse
import copy
import gc
import math
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import landscape_peers as peers
import torch
from landscape_memory import measured_memory
from landscape_subjects import Subject, autoencoder_subject, mlp_subject
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from lowland import landscape
from lowland.landscape.curvature.products import HessianProducts
from lowland.randomness import generator

RELATIVE_ERROR = 0.01
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
TRUE_ERROR = 1e-6


@dataclass(frozen=True)
class Size:
    """How much is computed."""

    mlp_rows: int = 20_000
    wafers: int = 5_000
    repeats: int = 3
    probes: int = 40  # of PyHessian a repeat, to know its variance
    runs: int = 10  # of Lanczos, and steps in each
    steps: int = 30
    points: int = 41  # along each side of a surface
    peer_points: int = 11  # of them are enough to time the peers, which go from point to point
    epochs: int = 5  # of curve training
    batch_rows: int = 256  # in a step of it
    calls: int = 100  # that must not leave memory behind
    call_rows: int = 64  # in each of them


QUICK = Size(mlp_rows=2000, wafers=400, repeats=1, probes=20, runs=4, steps=20, points=11, epochs=2, calls=10)


@dataclass(frozen=True)
class Row:
    """One line of the table; the ratio must reach the target, or stay below it where ``at_most``."""

    measure: str
    model: str
    ours: float
    peer: str
    theirs: float | None
    target: float
    note: str
    unit: str = "s"
    at_most: bool = False
    sound: bool = True  # what else the target asks

    @property
    def ratio(self) -> float | None:
        """Theirs to ours of what should be small, ours to theirs of what is bounded."""
        if self.theirs is None:
            return None
        return self.ours / self.theirs if self.at_most else self.theirs / self.ours

    def cells(self) -> dict[str, str]:
        """As printed."""
        ratio = self.ratio
        met = ratio is not None and self.sound and (ratio <= self.target if self.at_most else ratio >= self.target)
        return {
            "measure": self.measure,
            "model": self.model,
            "ours": f"{self.ours:.3g} {self.unit}",
            "peer": self.peer,
            "theirs": "-" if self.theirs is None else f"{self.theirs:.3g} {self.unit}",
            "ratio": "-" if ratio is None else f"{ratio:.3g}×",
            "target": "-" if math.isnan(self.target) else f"{'≤' if self.at_most else '≥'} {self.target:g}×",
            "met": "?" if ratio is None or math.isnan(self.target) else "yes" if met else "NO",
            "values": self.note,
        }


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and what came back."""
    gc.collect()
    start = peers.clock()
    value = function()
    return peers.clock() - start, value


def trace(subject: Subject, size: Size) -> Iterator[Row]:
    """To a relative standard error of 1 %: one exact call against the probes that PyHessian's variance asks for."""
    peer = peers.PyHessian(subject)
    ours, preparations, per_probe, samples = [], [], [], []
    landscape.hessian_trace(subject.model, subject.loss, subject.batches())
    for repeat in range(size.repeats):
        seconds, found = timed(lambda: landscape.hessian_trace(subject.model, subject.loss, subject.batches()))
        ours.append(seconds)
        preparation, probing, values = peer.trace(size.probes, seed=repeat)
        preparations.append(preparation)
        per_probe.append(probing / size.probes)
        samples.append(values)
    pooled = torch.cat(samples)
    mean, error = float(pooled.mean()), float(pooled.std() / math.sqrt(len(pooled)))
    needed = math.ceil((float(pooled.std()) / (RELATIVE_ERROR * mean)) ** 2)
    theirs = statistics.median(preparations) + needed * statistics.median(per_probe)
    kind = "exact" if found.standard_error == 0 else f"± {found.standard_error:.2g}"
    note = (
        f"{found.value:.5g} ({kind}); theirs {mean:.5g} ± {error:.2g}; {needed} probes of "
        f"{statistics.median(per_probe) * 1000:.0f} ms ({peer.feed})"
    )
    yield Row("trace to 1 %", subject.name, statistics.median(ours), "PyHessian", theirs, 100, note)


def largest_eigenvalue(subject: Subject, size: Size) -> Iterator[Row]:
    """To a true relative error of 1e-6, each at its own loosest tolerance that reaches it, and by its own rule at 1e-3.

    The truth is that of the same weights in float64, to 1e-10.
    """
    peer = peers.PyHessian(subject)
    double = copy.deepcopy(subject.model).double()
    loss, ((inputs, targets),) = copy.deepcopy(subject.loss), subject.batches()
    if isinstance(loss, torch.nn.Module):
        loss = loss.double()
    exact = inputs.double(), targets.double() if targets.is_floating_point() else targets
    truth = landscape.hessian_eigenvalues(double, loss, [exact], tolerance=1e-10).largest.value

    def own(tolerance: float, seed: int) -> tuple[float, float]:
        draws = generator("benchmark", seed)
        seconds, found = timed(
            lambda: landscape.hessian_eigenvalues(
                subject.model, subject.loss, subject.batches(), tolerance=tolerance, generator=draws
            )
        )
        return seconds, found.largest.value

    def theirs(tolerance: float, seed: int) -> tuple[float, float]:
        return peer.largest_eigenvalue(tolerance=tolerance, seed=seed)

    measured = {}
    for name, run in (("ours", own), ("theirs", theirs)):
        for tolerance in TOLERANCES:
            runs = [run(tolerance, seed) for seed in range(size.repeats)]
            seconds = statistics.median(spent for spent, _ in runs)
            error = max(abs(value / truth - 1) for _, value in runs)
            measured[name, tolerance] = seconds, error
            if error <= TRUE_ERROR:
                break
    steps = {
        name: ", ".join(f"{t:.0e}: {s:.3g} s, {e:.0e}" for (who, t), (s, e) in measured.items() if who == name)
        for name in ("ours", "theirs")
    }
    target = 4 if subject.name == "MLP" else 1.5
    reached = {name: [value for (who, _), value in measured.items() if who == name][-1] for name in steps}
    note = (
        f"true {truth:.6g}; asked and true worst errors: ours {steps['ours']}; theirs {steps['theirs']} ({peer.feed})"
    )
    sound = reached["ours"][1] <= TRUE_ERROR
    peer_seconds = reached["theirs"][0]
    for name, (_, error) in reached.items():
        if error > TRUE_ERROR:
            note += f"; {name} never reaches it"
    measure = "largest eigenvalue, true error 1e-6"
    yield Row(measure, subject.name, reached["ours"][0], "PyHessian", peer_seconds, target, note, sound=sound)
    (seconds, error), (peer_seconds, peer_error) = measured["ours", TOLERANCES[0]], measured["theirs", TOLERANCES[0]]
    note = f"worst true errors {error:.1e} and {peer_error:.1e}"
    measure = "largest eigenvalue, asked for 1e-3"
    yield Row(measure, subject.name, seconds, "PyHessian", peer_seconds, math.nan, note, sound=error <= TOLERANCES[0])


def density(subject: Subject, size: Size) -> Iterator[Row]:
    """At an equal number of products; one of PyHessian's equal runs is timed and counted as often as there are runs."""
    peer = peers.PyHessian(subject)

    def own(seed: int) -> landscape.SpectralDensity:
        return landscape.spectral_density(
            subject.model,
            subject.loss,
            subject.batches(),
            num_runs=size.runs,
            num_steps=size.steps,
            generator=generator("benchmark", seed),
        )

    ours, theirs, tops, peer_means = [], [], [], []
    for repeat in range(size.repeats):
        seconds, found = timed(lambda repeat=repeat: own(repeat))
        ours.append(seconds)
        preparation, run, nodes, weights = peer.lanczos(size.steps, seed=repeat)
        theirs.append(preparation + size.runs * run)
        tops.append((float(found.nodes.max()), float(nodes.max())))
        peer_means.append(float(nodes @ weights))
    means = (found.nodes * found.weights).sum(1).double()
    error = float(means.std() / math.sqrt(len(means)))
    note = (
        f"mean eigenvalue {float(means.mean()):.4g} ± {error:.1g} against {statistics.mean(peer_means):.4g} "
        f"({len(peer_means)} run); top node {tops[-1][0]:.5g} against {tops[-1][1]:.5g}; {size.runs} × {size.steps} "
        f"products, ours {found.num_products} ({peer.feed})"
    )
    measure = "spectral density, equal products"
    target = 1.5 if subject.name == "MLP" else 3
    yield Row(measure, subject.name, statistics.median(ours), "PyHessian", statistics.median(theirs), target, note)


def surface(subject: Subject, size: Size) -> Iterator[Row]:
    """On all rows, and to a standard error of 1 % at every point, which the peers reach by all rows alone.

    The peers, who go from point to point, are timed on a part of the grid and charged for all of it.
    """
    directions = landscape.filter_normalised_directions(subject.model, generator=generator("benchmark"))
    line, coarse = torch.linspace(-1, 1, size.points), torch.linspace(-1, 1, size.peer_points)
    share, every = (size.points / size.peer_points) ** 2, (size.points - 1) // (size.peer_points - 1)

    def own(relative_error: float | None) -> landscape.LossSurface:
        return landscape.loss_surface(
            subject.model,
            subject.loss,
            subject.batches(),
            directions=directions,
            coordinates=(line, line),
            relative_error=relative_error,
        )

    contestants = {
        name: function
        for name, function in (
            (peers.LOSS_LANDSCAPES, peers.loss_landscapes_surface),
            (peers.PYLANDSCAPE, peers.pylandscape_surface),
        )
        if peers.missing(name) is None
    }
    enough = _plain_rows(subject, directions, coarse)
    exact, sampled = [], []
    theirs: dict[str, list[float]] = {name: [] for name in contestants}
    on_enough: dict[str, list[float]] = {name: [] for name in contestants}
    grids: dict[str, Tensor] = {}
    for _ in range(size.repeats):
        seconds, full = timed(lambda: own(None))
        exact.append(seconds)
        for name, function in contestants.items():
            seconds, grids[name] = function(subject, directions, coarse)
            theirs[name].append(share * seconds)
        seconds, part = timed(lambda: own(RELATIVE_ERROR))
        sampled.append(seconds)
        for name, function in contestants.items():
            on_enough[name].append(share * function(subject, directions, coarse, enough)[0])

    grid = f"surface {size.points} × {size.points}"
    errors = float((part.standard_errors / part.losses).max())
    sampled_points = part.standard_errors > 0
    within = (part.losses - full.losses).abs()[sampled_points] <= 2 * part.standard_errors[sampled_points]
    accuracy = (
        f"worst error given {errors:.2%}, real {float((part.losses / full.losses - 1).abs().max()):.2%}, "
        f"{int(within.sum())} of {len(within)} sampled points within 2; "
        f"{float(part.num_rows.double().median()):.0f} rows a point"
    )
    for name in (peers.LOSS_LANDSCAPES, peers.PYLANDSCAPE):
        if name not in contestants:
            for measure, target in ((f"{grid}, same rows", 2), (f"{grid}, 1 % at every point", 10)):
                own_seconds = statistics.median(exact if target == 2 else sampled)
                yield Row(measure, subject.name, own_seconds, name, None, target, str(peers.missing(name)))
            continue
        same = full.losses[::every, ::every]
        apart = ((grids[name] - same).abs() / same).nan_to_num(0)
        extent = float(grids[name].nan_to_num(0).max() - grids[name].nan_to_num(torch.inf).min())
        values = f"largest relative difference {float(apart.max()):.1e}"
        if extent == 0:
            values = "theirs is flat: its parameters do not move (ours: "
            values += f"{float(full.losses.min()):.3g} to {float(full.losses.max()):.3g})"
        peer_seconds = statistics.median(theirs[name])
        yield Row(f"{grid}, same rows", subject.name, statistics.median(exact), name, peer_seconds, 2, values)
        by_hand = statistics.median(on_enough[name])
        values = f"{accuracy}; theirs on {enough} rows by hand {by_hand:.3g} s"
        own_seconds, met = statistics.median(sampled), errors <= RELATIVE_ERROR
        yield Row(f"{grid}, 1 % at every point", subject.name, own_seconds, name, peer_seconds, 10, values, sound=met)


def connectivity(subject: Subject, size: Size) -> Iterator[Row]:
    """Seconds an epoch of training the bend: the difference between a longer and a shorter call of ours."""
    learning_rate, longer = 1e-2, 1 + size.epochs

    def own(epochs: int) -> landscape.ModeConnectivity:
        return landscape.mode_connectivity(
            subject.model,
            subject.other,
            subject.loss,
            subject.batches(),
            subject.batches(),
            num_epochs=epochs,
            learning_rate=learning_rate,
            batch_size=size.batch_rows,
            num_points=3,
        )

    def other(batches: Any, seed: int) -> tuple[float, float]:
        return peers.pylandscape_curve(subject, batches, num_epochs=longer, learning_rate=learning_rate, seed=seed)

    absent = peers.missing(peers.PYLANDSCAPE)
    rows = peers.ShuffledBatches(subject, size.batch_rows)
    loader = DataLoader(TensorDataset(subject.inputs, subject.targets), size.batch_rows, shuffle=True)
    ours, theirs, loaded, moved = [], [], [], math.nan
    own(1)
    for repeat in range(size.repeats):
        short, _ = timed(lambda: own(1))
        long, found = timed(lambda: own(longer))
        ours.append((long - short) / size.epochs)
        if absent is None:
            seconds, moved = other(rows, repeat)
            theirs.append(seconds)
            loaded.append(other(loader, repeat)[0])
    note = absent or (
        f"{longer} epochs of {len(rows)} steps moved the bend by {found.bend:.3g}, theirs by {moved:.3g} of half the "
        f"models' distance; theirs with a DataLoader {statistics.median(loaded):.3g} s"
    )
    peer_seconds = statistics.median(theirs) if theirs else None
    measure, seconds = "mode connectivity, an epoch", statistics.median(ours)
    yield Row(measure, subject.name, seconds, peers.PYLANDSCAPE, peer_seconds, 1.5, note, sound=found.bend > 0)


def _plain_rows(subject: Subject, directions: list[dict[str, Tensor]], line: Tensor) -> int:
    """Rows drawn without replacement that give 1 % at every point by plain means, all if need be."""
    ((inputs, targets),) = subject.batches(1000)
    origin = {name: parameter.detach() for name, parameter in subject.model.named_parameters()}
    worst = 0.0
    with torch.no_grad():
        for x in line.tolist():
            for y in line.tolist():
                point = {name: p + x * directions[0][name] + y * directions[1][name] for name, p in origin.items()}
                outputs = torch.func.functional_call(subject.model, point, (inputs,))
                losses = torch.func.vmap(lambda z, t: subject.loss(z[None], t[None]))(outputs, targets)
                worst = max(worst, float(losses.var() / losses.mean().square()))
    return min(len(subject.inputs), math.ceil(1 / (RELATIVE_ERROR**2 / worst + 1 / len(subject.inputs))))


def memory(subject: Subject, size: Size) -> Iterator[Row]:
    """Peak over that of a forward-backward pass on the same rows, and what many calls leave behind."""
    for name, peak, reference, left, tensors in measured_memory(subject, size.calls, size.call_rows):
        note = f"{size.calls} calls leave {left:+.1f} MB, {tensors:+d} tensors"
        measure, flat = f"memory: {name}", left < 1 and tensors <= 0
        yield Row(measure, subject.name, peak, "one pass", reference, 2, note, "MB", at_most=True, sound=flat)


def product(subject: Subject, size: Size) -> Iterator[Row]:
    """What the R-operator of chains gains over ``jvp`` of ``grad`` and over autograd's double backward pass."""
    problem = landscape.Problem(subject.model, subject.loss, subject.batches())
    chain = HessianProducts(problem)
    plain = HessianProducts(problem, chains=False)
    vectors = torch.randn(4, chain.size, generator=generator("benchmark"))
    names, sizes = list(problem.parameters), [p.numel() for p in problem.parameters.values()]
    values = {name: p.detach() for name, p in problem.parameters.items()}
    ((inputs, targets),) = problem.batches

    def value(parameters: dict[str, Tensor]) -> Tensor:
        return problem.loss(torch.func.functional_call(problem.model, parameters, (inputs,)), targets)

    def forward_over_reverse(vector: Tensor) -> Tensor:
        parts = zip(names, vector.split(sizes), strict=True)
        direction = {name: part.view(values[name].shape) for name, part in parts}
        _, found = torch.func.jvp(torch.func.grad(value), (values,), (direction,))
        return torch.cat([found[name].flatten() for name in names])

    contestants: dict[str, Callable[[], Tensor]] = {
        "jvp of grad": lambda: torch.stack([forward_over_reverse(vector) for vector in vectors]),
        "double backward": lambda: plain.block(vectors),
    }
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(3 * size.repeats):
        seconds, truth = timed(lambda: chain.block(vectors))
        ours.append(seconds)
        for name, function in contestants.items():
            seconds, found = timed(function)
            theirs[name].append(seconds)
            apart = float((found - truth).norm() / truth.norm())
    for name in contestants:
        note = f"four vectors at once, all {len(inputs)} rows; relative difference {apart:.0e}"
        yield Row(
            "Hessian product",
            subject.name,
            statistics.median(ours),
            name,
            statistics.median(theirs[name]),
            math.nan,
            note,
        )


COMPARISONS: dict[str, Callable[[Subject, Size], Iterator[Row]]] = {
    "product": product,
    "trace": trace,
    "eigenvalue": largest_eigenvalue,
    "density": density,
    "surface": surface,
    "connectivity": connectivity,
    "memory": memory,  # last: it changes how memory is handed out
}
SUBJECTS = {
    "mlp": lambda size: mlp_subject(size.mlp_rows),
    "autoencoder": lambda size: autoencoder_subject(size.wafers),
}


def table(lines: list[dict[str, str]]) -> str:
    """Text with aligned columns."""
    lines = [{name: name for name in lines[0]}, *lines]
    widths = {name: max(len(line[name]) for line in lines) for name in lines[0]}
    return "\n".join("  ".join(text.ljust(widths[name]) for name, text in line.items()).rstrip() for line in lines)


def main() -> None:
    """Runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows and one repeat: a try, no figures")
    parser.add_argument("--repeats", type=int, help="of every timing; 3 without it, 1 with --quick")
    parser.add_argument("--threads", type=int, default=1, help="of torch, for both sides")
    parser.add_argument("--cpu", action="store_true", help="CPU seconds, where others use the machine; one thread only")
    parser.add_argument("--only", nargs="+", choices=list(COMPARISONS), default=list(COMPARISONS))
    parser.add_argument("--models", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.cpu:
        peers.clock = time.process_time
    size = QUICK if arguments.quick else Size()
    size = replace(size, repeats=arguments.repeats or size.repeats)
    load = os.getloadavg()[0]
    subjects = [SUBJECTS[name](size) for name in arguments.models]
    rows: list[Row] = []
    for name, compare in COMPARISONS.items():
        for subject in subjects if name in arguments.only else []:
            found = []
            try:
                for row in compare(subject, size):
                    found.append(row)
                    print(" | ".join(row.cells().values()), file=sys.stderr, flush=True)
            except Exception as error:  # the rest is worth having
                traceback.print_exc()
                found.append(Row(name, subject.name, math.nan, "", None, math.nan, f"failed: {error}"))
            rows += found
    scale = "QUICK, no figures" if arguments.quick else f"medians of {size.repeats}"
    clock = "CPU" if arguments.cpu else "wall"
    print(
        f"{scale}, {clock} seconds; {arguments.threads} thread(s), load {load:.1f} at the start, "
        f"torch {torch.__version__}\n"
    )
    print(table([row.cells() for row in rows]))


if __name__ == "__main__":
    main()
