"""Which stored tensors a fault can hit, by kind and by layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeVar

import torch

from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.step import Step
from lowland.randomness import Key

TARGET_OF = {
    "weight": "weights",
    "bias": "biases",
    "scale": "scales",
    "multiplier": "scales",
    "shift": "scales",
    "output_scale": "scales",
    "table": "tables",
}
"""Kinds of stored tensors by the last part of their names."""

KINDS = (*dict.fromkeys(TARGET_OF.values()), "float32")

Stored = TypeVar("Stored")


class DrawOptions(TypedDict, total=False):
    """Which stored bits are drawn from, and what names the draw; ``draw_flips`` describes them."""

    targets: Sequence[str]
    layers: Sequence[str] | None
    generator: torch.Generator | None
    key: tuple[Key, ...] | None


@dataclass(frozen=True, slots=True)
class CodeBits:
    """Which bits of a network's codes are ranked or searched, and how codes are written in bits.

    Attributes:
        targets: Of ``weights`` and ``biases`` (and, where nothing needs slopes, ``tables``).
        layers: Names of steps; all without it.
        encoding: A key of ``ENCODINGS``.
    """

    targets: Sequence[str] = ("weights", "biases")
    layers: Sequence[str] | None = None
    encoding: str = "twos_complement"


CODE_BITS = CodeBits()
"""All weights and biases in two's complement."""


def target_of(name: str) -> str | None:
    """The kind of a stored tensor by its name; ``None`` for those whose names do not tell."""
    kind = name.rpartition(".")[2]
    return "scales" if kind.startswith("input_scale_") else TARGET_OF.get(kind)


def named_steps(network: IntegerNetwork) -> dict[str, Step]:
    """The steps of a network by name, in their order."""
    return dict(network.steps.items())  # type: ignore[arg-type]  # ModuleDict forgets what it was filled with


def targeted(
    tensors: Mapping[str, Stored], targets: Sequence[str], *, kinds: Mapping[str, str] | None = None
) -> dict[str, Stored]:
    """The tensors of these kinds, by the last part of their names.

    Args:
        tensors: By name.
        targets: One or more of ``weights``, ``biases``, ``scales``, ``tables``, ``float32``.
        kinds: By name, of tensors whose names do not tell: those of float steps.

    Raises:
        LowlandError: An unknown kind or none, or no tensor of that kind.
    """
    if isinstance(targets, str):
        raise LowlandError(f"targets are {targets!r}; expected a sequence of names: ({targets!r},)")
    if "activations" in targets:
        raise LowlandError(
            "targets name activations; expected stored tensors: activations are computed anew for every inference, so "
            "their flips are drawn there, use TransientFlips"
        )
    if not targets or not set(targets) <= set(KINDS):
        raise LowlandError(f"targets are {list(targets)}; expected one or more of {', '.join(KINDS)}")
    own = kinds or {}
    kind_of = {name: own.get(name, target_of(name)) for name in tensors}
    chosen = {name: tensor for name, tensor in tensors.items() if kind_of[name] in targets}
    if not chosen:
        raise LowlandError(f"targets are {list(targets)}; none of the tensors {', '.join(tensors)} is of that kind")
    return chosen


def within(tensors: Mapping[str, Stored], layers: Sequence[str] | None, *, steps: Collection[str]) -> dict[str, Stored]:
    """The tensors of some steps.

    Args:
        tensors: By name, ``step.kind``.
        layers: Names of steps; all without it.
        steps: All steps of the network.

    Raises:
        LowlandError: A step that the network does not have, or none that stores such a tensor.
    """
    if layers is None:
        return dict(tensors)
    unknown = [layer for layer in layers if layer not in steps]
    if unknown or not layers or isinstance(layers, str):
        raise LowlandError(f"layers are {layers!r}; expected names of steps of the network: {', '.join(steps)}")
    chosen = {name: tensor for name, tensor in tensors.items() if name.partition(".")[0] in layers}
    if not chosen:
        raise LowlandError(f"layers are {list(layers)}; none of them stores one of the tensors {', '.join(tensors)}")
    return chosen
