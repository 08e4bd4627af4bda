"""The structure of a deployed network as its file describes it to readers that know nothing of lowland."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lowland.errors import LowlandError
from lowland.quantization.graph.affine_step import AffineStep
from lowland.quantization.graph.embedding_step import Embedding
from lowland.quantization.graph.float_island import FloatIsland
from lowland.quantization.graph.float_step import FloatStep
from lowland.quantization.graph.joining_steps import Multiply
from lowland.quantization.graph.pooling_steps import AvgPool1d, AvgPool2d
from lowland.quantization.graph.rounding_steps import Quantize
from lowland.quantization.graph.scaling_steps import Mean, Rescale
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.storing_step import StoringStep
from lowland.quantization.graph.table_step import Table
from lowland.quantization.graph.weighted_step import Weighted

CONVENTIONS = {"rounding": "half_even", "overflow": "saturate", "encoding": "twos_complement"}
"""What all steps and words of a graph have in common."""


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
        LowlandError: Other conventions, or a step that reads tensors of a step that it is not tied to.
    """
    for convention, known in CONVENTIONS.items():
        if spec.get(convention, known) != known:
            raise LowlandError(f"{convention} of the network is {spec[convention]!r}; expected {known!r}")
    for entry, step in zip(spec["steps"], steps, strict=True):
        own = _tensors(step)
        if entry.get("tensors", own) != own:
            raise LowlandError(f"step {step.name!r} reads the tensors {entry['tensors']}; expected its own, {own}")


def _tensors(step: Step) -> dict[str, str]:
    """Names in the file by what the step uses them for: those of the step that it is tied to, and its own."""
    borrowed = step.borrowed if isinstance(step, Weighted) and step.tied_to is not None else ()
    shared = {buffer: tensor_name(str(step.tied_to), buffer) for buffer in borrowed}
    return shared | {buffer: tensor_name(step.name, buffer) for buffer in step.state_dict()}


def _words(steps: Iterable[Step]) -> dict[str, Any]:
    """Width and scale of every tensor of codes or of float32 words: what memory holds and radiation flips."""
    found: dict[str, Any] = {}
    for step in steps:
        if isinstance(step, StoringStep):
            for kind, stored in step.stored.items():
                moved = {} if stored.lowest is None else {"lowest": stored.lowest}
                scale = tensor_name(step.name, stored.scale)
                if step.tied_to is not None and stored.scale not in step.state_dict():
                    scale = tensor_name(step.tied_to, stored.scale)
                found[tensor_name(step.name, kind)] = {"bits": stored.bits, "scale": scale, **moved}
        elif isinstance(step, FloatStep):
            names = (tensor_name(step.name, f"layer.{name}") for name in step.float_words)
            found |= {name: {"bits": 32, "scale": None, "encoding": "float32"} for name in names}
    return found


def _output(steps: Iterable[Step], name: str) -> dict[str, Any]:
    """The step whose integers leave the device, and where the size of one of them stands."""
    nothing: dict[str, Any] = {"scale": None, "scale_shape": [], "divided_by": []}
    found: dict[str, dict[str, Any]] = {INPUTS: nothing}
    for step in steps:
        scale = found[step.inputs[0]]
        if isinstance(step, Quantize | Table):
            scale = {"scale": tensor_name(step.name, "scale"), "scale_shape": [], "divided_by": []}
        elif isinstance(step, Embedding):
            shape = [-1] if step.weight_scale.ndim else []
            scale = {"scale": tensor_name(step.name, "weight_scale"), "scale_shape": shape, "divided_by": []}
        elif isinstance(step, Scan):
            scale = {"scale": tensor_name(step.name, f"{step.loop.shown}.scale"), "scale_shape": [], "divided_by": []}
        elif isinstance(step, Weighted):
            behind = -1 - step.sizes["dim"] if isinstance(step, AffineStep) else step.weight.ndim - 2
            shape = [-1, *[1] * behind] if step.output_scale.ndim else []
            scale = {"scale": _tensors(step)["output_scale"], "scale_shape": shape, "divided_by": []}
        elif isinstance(step, AvgPool1d | AvgPool2d):
            scale = _then(scale, "divide", step.window)
        elif isinstance(step, Mean):
            shape = step.reduced(scale["scale_shape"]) if scale["scale_shape"] else []
            scale = _then({**scale, "scale_shape": shape}, "divide", step.count)
        elif isinstance(step, Rescale):
            scale = _then(scale, "multiply", abs(step.factor))
        elif isinstance(step, Multiply):
            scale = _then(scale, "multiply", found[step.inputs[1]])
        elif isinstance(step, FloatStep | FloatIsland):
            scale = nothing
        found[step.name] = scale
    return {"step": name, **found[name]}


def _then(scale: Mapping[str, Any], operation: str, operand: Any) -> dict[str, Any]:
    """A scale with one more operation; divisions that come first stand in a list of their own."""
    if operation == "divide" and "then" not in scale:
        return {**scale, "divided_by": [*scale["divided_by"], operand]}
    return {**scale, "then": [*scale.get("then", []), [operation, operand]]}
