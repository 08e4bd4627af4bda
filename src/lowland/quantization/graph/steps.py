"""The kinds of steps that an integer network can be made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lowland.errors import LowlandError
from lowland.quantization.graph.affine_step import AffineStep
from lowland.quantization.graph.convolution_steps import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from lowland.quantization.graph.embedding_step import Embedding
from lowland.quantization.graph.float_island import FloatIsland
from lowland.quantization.graph.float_step import FloatStep
from lowland.quantization.graph.joining_steps import Add, Concat, Multiply
from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.moving_steps import Pad, Permute, Reshape, Slice, Upsample
from lowland.quantization.graph.pooling_steps import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from lowland.quantization.graph.reshaping_steps import Flatten, Unflatten
from lowland.quantization.graph.rounding_steps import Quantize, Requantize
from lowland.quantization.graph.scaling_steps import Mean, Rescale
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import Step
from lowland.quantization.graph.table_step import Table

STEPS: dict[str, type[Step]] = {
    step.kind: step
    for step in (
        Quantize,
        Requantize,
        Linear,
        Conv1d,
        Conv2d,
        ConvTranspose1d,
        ConvTranspose2d,
        AffineStep,
        Embedding,
        Table,
        Add,
        Concat,
        Multiply,
        Rescale,
        Mean,
        MaxPool1d,
        MaxPool2d,
        AvgPool1d,
        AvgPool2d,
        Flatten,
        Unflatten,
        Reshape,
        Permute,
        Slice,
        Pad,
        Upsample,
        Scan,
        FloatStep,
        FloatIsland,
    )
}


def step_from_spec(spec: Mapping[str, Any]) -> Step:
    """The step that ``Step.spec`` described, its buffers waiting for ``load_state_dict``.

    Raises:
        LowlandError: A kind of step that does not exist.
    """
    settings = {key: value for key, value in spec.items() if key not in ("kind", "name", "inputs", "tensors")}
    if spec["kind"] not in STEPS:
        raise LowlandError(f"step kind is {spec['kind']!r}; expected one of {', '.join(STEPS)}")
    if "body" in settings:
        settings["body"] = [step_from_spec(part) for part in settings["body"]]
    return STEPS[spec["kind"]].empty(spec["name"], tuple(spec["inputs"]), **settings)
