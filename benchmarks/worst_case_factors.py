"""Which architectures and arithmetics lose most to the worst policy: networks that differ in one thing at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from worst_case_subjects import DIGITS, JETS, samples_of

from lowland.quantization import Precision, quantize_dynamically
from lowland.quantization.precision import PER_BATCH
from lowland.randomness import generator
from lowland.tasks import Samples, Splits
from lowland.worst_case import Budget, PolicyProblem, subject_of
from lowland.worst_case.search import AGENTS, search_problem

CHOICES, MEAN_BITS, EVALUATIONS = (2, 4, 6, 8), 5.0, 120
BATCH = 100
"""Rows that are computed together where scales are of whole batches."""
SHAPES: dict[str, dict[str, Any]] = {"perceptron on jets": JETS, "convolutions on digits": DIGITS}


@dataclass(frozen=True)
class Shape:
    """What a network is made of.

    Attributes:
        kind: ``perceptron on jets`` or ``convolutions on digits``.
        depth: Hidden layers, or convolutions after the first.
        width: Units or channels of each.
        skips: Whether the input of each convolution is added to its output.
        batch_norm: Whether what each of these layers puts out is normalised.
        runtime: Whose arithmetic.
    """

    kind: str
    depth: int
    width: int
    skips: bool = False
    batch_norm: bool = False
    runtime: str = "litert"


class Block(nn.Module):
    """A layer, batch norm and the sum with what came in where they are asked for, and ReLU."""

    def __init__(self, layer: nn.Module, norm: nn.Module | None, *, skips: bool) -> None:
        super().__init__()
        self.layer, self.norm, self.skips = layer, nn.Identity() if norm is None else norm, skips

    def forward(self, values: Tensor) -> Tensor:
        """Results in the shape of the values."""
        found = self.norm(self.layer(values))
        return torch.relu(found + values if self.skips else found)


def built(shape: Shape, rows: Samples) -> nn.Module:
    """A network of this shape, with initial weights from torch's generator."""
    classes, width = int(rows.targets.max()) + 1, shape.width
    if shape.kind == "perceptron on jets":
        first = Block(nn.Linear(rows.inputs.shape[1], width), _norm(shape, flat=True), skips=False)
        blocks = [
            Block(nn.Linear(width, width), _norm(shape, flat=True), skips=shape.skips) for _ in range(shape.depth - 1)
        ]
        return nn.Sequential(first, *blocks, nn.Linear(width, classes))
    first = Block(nn.Conv2d(rows.inputs.shape[1], width, 3, padding=1), _norm(shape, flat=False), skips=False)
    blocks = [
        Block(nn.Conv2d(width, width, 3, padding=1), _norm(shape, flat=False), skips=shape.skips)
        for _ in range(shape.depth)
    ]
    return nn.Sequential(first, *blocks, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, classes))


def _norm(shape: Shape, *, flat: bool) -> nn.Module | None:
    if not shape.batch_norm:
        return None
    return nn.BatchNorm1d(shape.width) if flat else nn.BatchNorm2d(shape.width)


def trained(shape: Shape, rows: Samples, *, seed: int) -> nn.Module:
    """The network after 20 passes over jets or 40 over digits, with Adam."""
    torch.manual_seed(seed)
    network = built(shape, rows)
    passes, batch = (20, 512) if shape.kind == "perceptron on jets" else (40, 64)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, passes)
    for _ in range(passes):
        for index in torch.randperm(len(rows.inputs)).split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(rows.inputs[index]), rows.targets[index]).backward()
            optimizer.step()
        schedule.step()
    return network.eval()


def lost(network: nn.Module, shape: Shape, splits: Splits, *, seed: int) -> dict[str, float]:
    """Accuracy on test rows, and what the worst policy found on other rows takes from it."""
    searching = Samples(*(torch.cat(part) for part in zip(splits["validation"], splits["selection"], strict=True)))
    given = {"method": "dynamic", "weight_bits": 8, "activation_bits": 8, "runtime": shape.runtime}
    given |= {"batch_rows": BATCH} if shape.runtime in PER_BATCH else {}
    dynamic = quantize_dynamically(network, Precision.model_validate(given))
    subject = subject_of(dynamic, searching.inputs[:1])
    budget = Budget(CHOICES, MEAN_BITS, subject.elements)
    searched = PolicyProblem(subject, searching.inputs[:1000], searching.targets[:1000])
    draws = generator("factors", seed)
    agent = AGENTS["cross_entropy"]()
    found = search_problem(searched, budget, agent, evaluations=EVALUATIONS, generator=draws)
    judged = PolicyProblem(subject, *splits["test"])
    return {"accuracy": 1 - float(judged.clean.mean()), "policy_drop": judged.drop(found.policy.widths)}


def factors(seeds: int) -> Iterator[pd.DataFrame]:
    """Networks with one setting of one factor each, all else as in the first of their kind.

    Args:
        seeds: Networks of every setting.

    Yields:
        A row a network: ``factor``, ``setting``, ``seed``, ``accuracy``, ``policy_drop``.
    """
    perceptron = Shape("perceptron on jets", depth=3, width=32)
    convolutions = Shape("convolutions on digits", depth=3, width=8, batch_norm=True)
    runtimes = {
        "litert (rows, asymmetric)": "litert",
        "torchao (rows, symmetric)": "torchao",
        "onnxruntime (batches of 100, asymmetric)": "onnxruntime",
    }
    settings: list[tuple[str, str, Shape]] = []
    for base, depths, widths in ((perceptron, (1, 3, 6), (16, 32, 64)), (convolutions, (1, 3, 6), (4, 8, 16))):
        settings += [(f"{base.kind}: depth", str(n), replace(base, depth=n)) for n in depths]
        settings += [(f"{base.kind}: width", str(n), replace(base, width=n)) for n in widths]
        for name in ("skips", "batch_norm"):
            for value in (False, True):
                setting = "with" if value else "without"
                settings.append((f"{base.kind}: {name.replace('_', ' ')}", setting, replace(base, **{name: value})))
        known = {label: runtime for label, runtime in runtimes.items() if base is perceptron or runtime != "torchao"}
        settings += [(f"{base.kind}: arithmetic", label, replace(base, runtime=name)) for label, name in known.items()]
    rows = {kind: samples_of(options) for kind, options in SHAPES.items()}
    networks: dict[tuple[Shape, int], nn.Module] = {}
    for factor, setting, shape in settings:
        for seed in range(seeds):
            key = replace(shape, runtime="litert"), seed  # arithmetic changes nothing in training
            if key not in networks:
                networks[key] = trained(shape, rows[shape.kind]["train"], seed=seed)
            found = lost(networks[key], shape, rows[shape.kind], seed=seed)
            yield pd.DataFrame([{"factor": factor, "setting": setting, "seed": seed, **found}])
