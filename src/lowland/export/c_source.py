"""An integer network as C99: a header to include, and a program that checks it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.export.c_program import (
    FLOAT,
    TEMPLATES,
    Buffer,
    CProgram,
    array,
    check_name,
    layout,
    literal,
)
from lowland.export.c_rules import tell_steps
from lowland.export.files import check_absent, write_folder
from lowland.export.flips import Flip, flipped
from lowland.export.results import Deployed, check_finite, deployed
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.step import INPUTS


def export_c(
    network: IntegerNetwork,
    vectors: Tensor,
    folder: str | Path,
    *,
    name: str = "network",
    flips: Sequence[Flip] = (),
) -> Path:
    """Write a deployed network as C99 whose outputs equal ``forward_integer``, bit for bit.

    The folder gets ``<name>.h``, all of the network, and ``<name>_check.c``, whose ``main`` runs the test vectors, or
    rows of a file. Integers only (floats become codes in one small function), no allocation, no library.

    Args:
        network: Frozen. A float part behind it (``off_device`` of its spec) is left off: the output is what it reads.
        vectors: Inputs [rows, ...] that stand in the check with the outputs that they must give; 16 rows are enough.
        folder: That does not exist yet.
        name: Of the header, and what all its names begin with.
        flips: Bits under which the check runs the vectors as well.

    Returns:
        The folder.

    Raises:
        LowlandError: The folder exists, a name that C cannot write, vectors that are not finite, a bit that the network
            does not store, or another kind of network.
        MistakesError: Steps that C cannot say, one line each.
    """
    folder = Path(folder)
    check_absent(folder)
    check_name(name)
    part = deployed(network, vectors)
    check_finite(vectors)
    changed = flipped(network, flips)
    header = c_header(part, name)
    check = _check(part, name, vectors, flips, deployed(changed, vectors))
    write_folder(folder, {f"{name}.h": header, f"{name}_check.c": check})
    return folder


def c_header(part: Deployed, name: str) -> str:
    """The header of the deployed part of a network.

    Args:
        part: Of ``deployed``.
        name: Of the header.

    Raises:
        MistakesError: Steps that C cannot say, one line each.
    """
    program = CProgram.of(part, name)
    buffers = {INPUTS: Buffer(FLOAT, part.inputs.size, "values")}
    tell_steps(part.sites, program, buffers)
    output = buffers[part.output]
    if output.argument:
        raise LowlandError(f"the network ends with {part.output!r}, which only rounds; expected a step that computes")
    places = layout(program, {**{codes: codes.argument for codes, _ in program.entries}, output: "outputs"})
    return TEMPLATES.get_template("network.h.j2").render(
        prefix=name,
        macro=name.upper(),
        inputs=part.inputs.size,
        output=output,
        worth=_worth(part.scale),
        words=list(program.words.values()),
        tables=program.tables,
        functions=program.functions,
        calls=program.calls,
        entries=program.entries,
        slots=places.slots,
        names=places.names,
    )


def _worth(scale: Tensor) -> str:
    """The step size of the outputs in words."""
    if scale.numel() == 1:
        return f"{float(scale):.9g}"
    return f"a number of its own a channel: {', '.join(f'{value:.9g}' for value in scale.flatten().tolist())}"


def _check(part: Deployed, name: str, vectors: Tensor, flips: Sequence[Flip], changed: Deployed) -> str:
    """The program with test vectors."""
    tensors = list(part.network.codes)
    return TEMPLATES.get_template("check.c.j2").render(
        prefix=name,
        macro=name.upper(),
        vectors=len(vectors),
        inputs=array([f"{value.hex()}f" for value in vectors.to(torch.float32).flatten().tolist()]),
        expected=_expected(part, vectors),
        flips=flips,
        flips_body=array([f"{{{tensors.index(flip.tensor)}u, {flip.element}u, {flip.bit}u}}" for flip in flips]),
        expected_flipped=_expected(changed, vectors),
    )


def _expected(part: Deployed, vectors: Tensor) -> str:
    """What a network must give, as C reads it."""
    return array([literal(value) for value in part.integers(vectors).flatten().tolist()])
