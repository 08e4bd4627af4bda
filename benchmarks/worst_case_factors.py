"""What the worst policy costs networks, and runtimes, that differ in one thing.

    python benchmarks/worst_case_factors.py --out /tmp/worst_case    # minutes
    python -m scripts.describe_worst_case STUDY --factors /tmp/worst_case/factors.parquet

Perceptrons on jets, LeNet-5 and ResNet-8 on digits: width, depth, batch-norm and skips change one at a time, and so do
range, zero point and weight scales of LiteRT's arithmetic. Networks of a seed are trained and judged on the same rows,
so that differences from the first setting of a factor are paired by seed. Standard errors are over seeds; what other
test rows would change (of digits there are about 250) is not in them. Where there are many layers, 120 evaluations find
a lower bound of the worst.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from worst_case_subjects import task_and_rows, trained

from lowland.architectures.resnet import ResidualBlock, ResNet8
from lowland.quantization.dynamic.arithmetic import arithmetic_of
from lowland.quantization.dynamic.conversion import Conversion, converted
from lowland.quantization.dynamic.network import DynamicNetwork
from lowland.randomness import generator, seed_of
from lowland.worst_case import Budget, PolicyProblem, PolicySubject
from lowland.worst_case.search import AGENTS, search_problem

CHOICES = (2, 4, 6, 8)
MEAN_BITS = 5.0
EVALUATIONS = 120
BITS = 8
BATCH = 100
"""Rows that are computed together where one range serves all of them."""
TASKS = {"jets": "jets, 4 layers", "digits": "digits, LeNet-5"}
"""Keys of ``NETWORKS``, of which the rows are taken."""
MEASURED = ("accuracy", "policy_drop", "uniform_drop", "first_drop", "first_share")


def perceptron(hidden: Sequence[int] = (64, 32, 32), *, norm: bool = False) -> nn.Module:
    """Jets: linear layers with ReLU, on request behind batch-norm."""
    layers: list[nn.Module] = []
    for before, after in pairwise((16, *hidden)):
        layers += [nn.Linear(before, after), *[nn.BatchNorm1d(after)] * norm, nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], 5))


def lenet(channels: Sequence[int] = (6, 16), hidden: Sequence[int] = (120, 84), *, norm: bool = False) -> nn.Module:
    """Digits of 8 x 8 pixels: LeNet-5 with other numbers of channels and units, on request with batch-norm."""
    layers: list[nn.Module] = []
    for before, after in pairwise((1, *channels)):
        layers += [nn.Conv2d(before, after, 5, padding=2), *[nn.BatchNorm2d(after)] * norm, nn.ReLU(), nn.MaxPool2d(2)]
    layers.append(nn.Flatten())
    for before, after in pairwise((4 * channels[-1], *hidden)):
        layers += [nn.Linear(before, after), *[nn.BatchNorm1d(after)] * norm, nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], 10))


class PlainBlock(ResidualBlock):
    """A residual block that adds nothing."""

    def __init__(self, before: int, channels: int, *, stride: int) -> None:
        super().__init__(before, channels, stride=stride)
        self.skip = nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """The way through the convolutions alone."""
        return self.relu2(self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(inputs))))))


def resnet(*, skips: bool = True, norm: bool = True, width: int = 8) -> nn.Module:
    """Digits: ResNet-8 with or without skips and batch-norm; what has no batch-norm has biases."""
    network = ResNet8(inputs=(1, 8, 8), outputs=10, width=width)
    if not skips:
        network.stage1 = PlainBlock(width, width, stride=1)
        network.stage2 = PlainBlock(width, 2 * width, stride=2)
        network.stage3 = PlainBlock(2 * width, 4 * width, stride=2)
    if not norm:
        for parent in list(network.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.BatchNorm2d):
                    setattr(parent, name, nn.Identity())
                elif isinstance(child, nn.Conv2d) and child.bias is None:
                    child.bias = nn.Parameter(torch.zeros(child.out_channels))
    return network


@dataclass(frozen=True)
class Setting:
    """One setting of one factor.

    Attributes:
        factor: What differs, and in which network.
        name: Of the setting; the first of a factor is what the others are compared with.
        task: A key of ``TASKS``.
        build: The untrained network; equal ones are trained once.
        coding: Fields of the runtime's ``ActivationCoding`` that differ.
        per_channel: Whether weights have a scale for each channel.
        runtime: Whose arithmetic.
    """

    factor: str
    name: str
    task: str
    build: Callable[[], nn.Module]
    coding: tuple[tuple[str, str], ...] = ()
    per_channel: bool = True
    runtime: str = "litert"


def _of(factor: str, task: str, settings: dict[str, Callable[[], nn.Module]]) -> list[Setting]:
    return [Setting(factor, name, task, build) for name, build in settings.items()]


_SCHEMES: dict[str, dict[str, Any]] = {
    "rows, asymmetric, channels": {},
    "rows, symmetric, channels": {"coding": (("zero_point", "none"),)},
    "batch, asymmetric, channels": {"coding": (("granularity", "batch"),)},
    "rows, asymmetric, whole tensors": {"per_channel": False},
}
SETTINGS = [
    *_of(
        "width, perceptron on jets",
        "jets",
        {
            "64-32-32": perceptron,
            "32-16-16": partial(perceptron, (32, 16, 16)),
            "128-64-64": partial(perceptron, (128, 64, 64)),
        },
    ),
    *_of(
        "depth, perceptron on jets",
        "jets",
        {
            "4 layers": perceptron,
            "3 layers": partial(perceptron, (64, 32)),
            "6 layers": partial(perceptron, (64, 32, 32, 32, 32)),
        },
    ),
    *_of("batch-norm, perceptron on jets", "jets", {"without": perceptron, "with": partial(perceptron, norm=True)}),
    *_of(
        "width, LeNet-5 on digits",
        "digits",
        {"1": lenet, "1/2": partial(lenet, (3, 8), (60, 42)), "2": partial(lenet, (12, 32), (240, 168))},
    ),
    *_of(
        "depth, LeNet-5 on digits",
        "digits",
        {
            "5 layers": lenet,
            "4 layers": partial(lenet, (6, 16), (120,)),
            "6 layers": partial(lenet, (6, 16), (120, 84, 84)),
        },
    ),
    *_of("batch-norm, LeNet-5 on digits", "digits", {"without": lenet, "with": partial(lenet, norm=True)}),
    *_of("skips, ResNet-8 on digits", "digits", {"with": resnet, "without": partial(resnet, skips=False)}),
    *_of("batch-norm, ResNet-8 on digits", "digits", {"with": resnet, "without": partial(resnet, norm=False)}),
    *(
        Setting(f"scheme, {label}", name, task, build, **scheme)
        for label, task, build in (
            ("perceptron on jets", "jets", perceptron),
            ("LeNet-5 on digits", "digits", lenet),
            ("ResNet-8 on digits", "digits", resnet),
        )
        for name, scheme in _SCHEMES.items()
    ),
    *(
        Setting("runtime, perceptron on jets", name, "jets", perceptron, runtime=name)
        for name in ("litert", "torchao", "onnxruntime")
    ),
]


@cache
def network_of(name: str, build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """The network of a setting, trained without a recipe."""
    key = (name, "factors", seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(*key, "initialisation"))
        start = build()
    return trained(start, TASKS[name], key=key)


def policy_subject(setting: Setting, network: nn.Module, sample: Tensor) -> PolicySubject:
    """The network in the setting's arithmetic, with a choice of width before every layer."""
    arithmetic = arithmetic_of(setting.runtime)
    assert arithmetic.activations is not None  # of all runtimes
    coding = arithmetic.activations.model_copy(update=dict(setting.coding))
    how = Conversion(
        arithmetic=arithmetic.model_copy(update={"activations": coding}),
        weight_bits=BITS,
        activation_bits=BITS,
        per_channel=setting.per_channel,
        batch_rows=BATCH if coding.granularity == "batch" else None,
    )
    return PolicySubject(DynamicNetwork(converted(network, how), how, None), sample)


def measured(setting: Setting, seed: int) -> dict[str, Any]:
    """What a network of a setting loses on test rows: a row of the table."""
    _, splits = task_and_rows(TASKS[setting.task])
    network = network_of(setting.task, setting.build, seed)
    searching = [torch.cat(part) for part in zip(splits["validation"], splits["selection"], strict=True)]
    subject = policy_subject(setting, network, searching[0][:1])
    budget = Budget(CHOICES, MEAN_BITS, subject.elements)
    draws = generator("benchmark", "factors", seed)
    found = search_problem(
        PolicyProblem(subject, *searching), budget, AGENTS["cross_entropy"](), evaluations=EVALUATIONS, generator=draws
    )
    judged, layers = PolicyProblem(subject, *splits["test"]), len(subject.layers)
    return {
        "factor": setting.factor,
        "setting": setting.name,
        "seed": seed,
        "layers": layers,
        "accuracy": 1 - float(judged.clean.mean()),
        "policy_drop": judged.drop(found.policy.widths),
        "uniform_drop": judged.drop([4] * layers),
        "first_drop": judged.drop([CHOICES[0], *[BITS] * (layers - 1)]),
        "first_share": subject.elements[0] / sum(subject.elements),
    }


def summary(networks: pd.DataFrame) -> pd.DataFrame:
    """Means with standard errors over seeds, and what the drop differs from the first setting's, paired by seed.

    Args:
        networks: A row a network, as ``measured`` makes it.
    """
    rows = []
    for factor, group in networks.groupby("factor", sort=False):
        wide = group.pivot(index="seed", columns="setting", values="policy_drop")
        first = group.setting.iloc[0]
        for setting, here in group.groupby("setting", sort=False):
            row: dict[str, Any] = {"factor": factor, "setting": setting, "layers": here.layers.iloc[0]}
            row |= {name: _in_points(100 * here[name]) for name in MEASURED}
            row["beyond first"] = "" if setting == first else _in_points(100 * (wide[setting] - wide[first]))
            rows.append(row)
    return pd.DataFrame(rows)


def _in_points(values: pd.Series) -> str:
    mean = f"{values.mean():.1f}"
    return mean if len(values) < 2 else f"{mean} ± {values.sem():.1f}"


def main() -> None:
    """Prints and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="trained networks of every setting")
    parser.add_argument("--out", type=Path, help="folder for factors.parquet")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    networks = pd.DataFrame([measured(each, seed) for each in SETTINGS for seed in range(arguments.seeds)])
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        networks.to_parquet(arguments.out / "factors.parquet")
    print(summary(networks).to_markdown(index=False))


if __name__ == "__main__":
    main()
