"""Scans spelt out place by place, for solvers and formats that know no loops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.joining_steps import Concat
from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.moving_steps import Reshape, Slice
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.steps import step_from_spec


def unrolled(network: IntegerNetwork, inputs: Tensor) -> IntegerNetwork:
    """The same integers without scans: a copy of each body for every place, its layers tied to those of the first one.

    It is no network to deploy: tables stand once a place, and its size is another.

    Args:
        network: Deployed network.
        inputs: Some samples [samples, ...], whose sequences are as long as those to come.

    Raises:
        LowlandError: A scan whose places can be padded.
    """
    values = {INPUTS: inputs[:1], **network.integer_values(inputs[:1])}
    steps: list[Step] = []
    for step in network.steps.values():
        if isinstance(step, Scan):
            steps += _spelt_out(step, values[step.inputs[0]])
        else:
            assert isinstance(step, Step)  # ModuleDict forgets what it was filled with
            steps.append(step)
    return IntegerNetwork(steps)


def _spelt_out(scan: Scan, sequence: Tensor) -> Iterator[Step]:
    """The steps that do what a scan does.

    Args:
        scan: Without marks of padded places.
        sequence: One that it takes [samples, places, features].
    """
    if len(scan.inputs) > 1:
        raise LowlandError(
            f"step {scan.name!r} keeps its states where the inputs are {scan.loop.padding}; expected a scan without "
            "padding, which alone can be spelt out place by place"
        )
    name, loop, (_, places, features) = scan.name, scan.loop, sequence.shape
    scales = scan.scales_before(torch.ones(()))
    order = list(reversed(range(places)) if loop.reverse else range(places))
    for place in order:
        yield Slice(f"{name}_{INPUTS}_{place}", scan.inputs, dim=1, index=place)
    states = {}
    for state in loop.states:
        states[state] = f"{name}_{state}_{order[0]}"
        yield _zeros(states[state], f"{name}_{INPUTS}_{order[0]}", (loop.size, features), scales[state])
    for place in order:
        at = {INPUTS: f"{name}_{INPUTS}_{place}", **states}
        for inner, step in scan.steps.items():
            at[inner] = f"{name}_{inner}_{place}"
            first = f"{name}_{inner}_{order[0]}"
            yield _renamed(step, at[inner], [at[source] for source in step.inputs], first)
        states = {state: at[source] for state, source in loop.states.items()}
        yield Reshape(f"{name}_result_{place}", (states[loop.result],), shape=[1, loop.size])
    yield Concat(name, tuple(f"{name}_result_{place}" for place in range(places)), dim=1)


def _zeros(name: str, source: str, shape: tuple[int, int], scale: Tensor) -> Step:
    """Zeros as a layer without weights makes them."""
    weight = torch.zeros(shape, dtype=torch.int8)
    return Linear(
        name,
        (source,),
        weight=weight,
        weight_bits=2,
        weight_scale=scale.clone(),
        bias=None,
        bias_bits=0,
        output_scale=scale.clone(),
        accumulator_bits=2,
    )


def _renamed(step: Step, name: str, inputs: Iterable[str], first: str) -> Step:
    """A step of a body under another name; a layer with weights is tied to that of the first place."""
    spec = {**step.spec(), "name": name, "inputs": list(inputs)}
    if isinstance(step, Linear) and name != first:
        return step_from_spec({**spec, "tied_to": first, "own": {}})
    copy = step_from_spec(spec)
    copy.load_state_dict(step.state_dict(), assign=True)
    return copy
