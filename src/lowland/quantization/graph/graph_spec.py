"""The structure of a deployed network as its file describes it to readers that know nothing of lowland."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from lowland.errors import LowlandError
from lowland.quantization.graph.float_island import FloatIsland
from lowland.quantization.graph.pooling_steps import AvgPool2d, pair
from lowland.quantization.graph.rounding_steps import Quantize
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.weighted_step import Weighted

CONVENTIONS = {"rounding": "half_even", "overflow": "saturate", "encoding": "twos_complement"}
"""What all steps and words of a graph have in common."""

_SCALE_OF = {"weight": "weight_scale", "bias": "output_scale"}


def tensor_name(step: str, buffer: str) -> str:
    """The name of a step's tensor in the network's state and in its file."""
    return f"steps.{step}.{buffer}"


def graph_spec(steps: Iterable[Step]) -> dict[str, Any]:
    """Steps with the tensors that they read, words with width and scale, output, and what is not deployed; jsonable.

    Args:
        steps: In order of computation.
    """
    steps = list(steps)
    off_device = [step for step in steps if isinstance(step, FloatIsland)]
    return {
        "kind": "integer",
        "input": INPUTS,
        **CONVENTIONS,
        "steps": [{**step.spec(), "tensors": _tensors(step)} for step in steps],
        "words": _words(steps),
        "output": _output(steps, off_device[0].inputs[0] if off_device else steps[-1].name),
        "off_device": [step.name for step in off_device],
    }


def check_graph(spec: Mapping[str, Any], steps: Iterable[Step]) -> None:
    """Refuse a graph that says what these steps do not do.

    Args:
        spec: As ``graph_spec`` makes it; what it does not say is not checked.
        steps: Made from the steps of the spec.

    Raises:
        LowlandError: Other conventions, or a step that reads another step's tensors.
    """
    for convention, known in CONVENTIONS.items():
        if spec.get(convention, known) != known:
            raise LowlandError(f"{convention} of the network is {spec[convention]!r}; expected {known!r}")
    for entry, step in zip(spec["steps"], steps, strict=True):
        own = _tensors(step)
        if entry.get("tensors", own) != own:
            raise LowlandError(f"step {step.name!r} reads the tensors {entry['tensors']}; expected its own, {own}")


def _tensors(step: Step) -> dict[str, str]:
    """Names in the file by what the step uses them for."""
    return {buffer: tensor_name(step.name, buffer) for buffer in step.state_dict()}


def _words(steps: Iterable[Step]) -> dict[str, Any]:
    """Width and scale of every tensor of codes: what memory holds and radiation flips."""
    return {
        tensor_name(step.name, kind): {
            "bits": getattr(step, f"{kind}_bits"),
            "scale": tensor_name(step.name, _SCALE_OF[kind]),
        }
        for step in steps
        if isinstance(step, Weighted)
        for kind in step.code_names
        if getattr(step, kind) is not None
    }


def _output(steps: Iterable[Step], name: str) -> dict[str, Any]:
    """The step whose integers leave the device, and where the size of one of them stands."""
    found: dict[str, dict[str, Any]] = {INPUTS: {"scale": None, "scale_shape": [], "divided_by": []}}
    for step in steps:
        scale = found[step.inputs[0]]
        if isinstance(step, Quantize):
            scale = {"scale": tensor_name(step.name, "scale"), "scale_shape": [], "divided_by": []}
        elif isinstance(step, Weighted):
            shape = [-1, *[1] * (step.weight.ndim - 2)] if step.output_scale.ndim else []
            scale = {"scale": tensor_name(step.name, "output_scale"), "scale_shape": shape, "divided_by": []}
        elif isinstance(step, AvgPool2d):
            windows = [*scale["divided_by"], prod(pair(step.arguments["kernel_size"]))]
            scale = {**scale, "divided_by": windows}
        found[step.name] = scale
    return {"step": name, **found[name]}
