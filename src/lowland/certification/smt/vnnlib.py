"""A question as VNN-LIB text beside an ONNX file, for other verifiers."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from lowland.certification.smt.goals import Region
from lowland.certification.smt.onnx_network import moving_parts, onnx_network
from lowland.certification.smt.questions import Question
from lowland.certification.smt.rationals import float_above, float_below
from lowland.export.files import check_absent, write_file
from lowland.quantization.graph.step import INPUTS


def write_vnnlib(question: Question, path: str | Path) -> tuple[Path, Path]:
    """Write a question as ``<path>.vnnlib`` and its network as ``<path>.onnx``; ``sat`` is a counterexample.

    VNN-LIB has boxes around the inputs of one network and nothing that moves in it. So the file's input ``X`` is the
    row, then the change of every weight and bias that the box moves, then the movement of every quantized activation;
    the network adds the changes to its float32 weights, and products of two inputs arise: a verifier has to know these
    (those that take only constant weights do not). Its output ``Y_0`` is the margin; of a global question about the
    confidence ``Y_1`` is the float network's. Comparisons are never strict there, and ends are rounded outward: what is
    proved holds for the question, a counterexample has to be computed again.

    Args:
        question: Local or global.
        path: Of two files that do not exist yet, without their endings.

    Returns:
        The paths of the text and of the network.

    Raises:
        LowlandError: A file exists, or the package onnx is missing.
    """
    text_path, network_path = (Path(f"{path}{ending}") for ending in (".vnnlib", ".onnx"))
    for file in (text_path, network_path):
        check_absent(file)
    with_float = question.goal.compares and not question.query.inputs.is_fixed
    model = onnx_network(question, with_float=with_float)
    write_file(network_path, model.SerializeToString(deterministic=True))
    write_file(text_path, vnnlib_text(question).encode("ascii"))
    return text_path, network_path


def vnnlib_text(question: Question) -> str:
    """The text alone.

    Args:
        question: Local or global.
    """
    lines: list[str] = []
    ends: list[tuple[Fraction, Fraction]] = []
    for name, part in moving_parts(question).items():
        lines.append(f"; X_{part.start} to X_{part.stop - 1}: {name}")
        if name == INPUTS:
            ends += question.inputs
        elif name in question.radii:
            ends += [(-radius, radius) for radius in question.radii[name]]
        else:
            half = question.network.operations[name.rpartition(".")[0]].half_step
            ends += [(-half, half)] * (part.stop - part.start)
    with_float = question.goal.compares and not question.query.inputs.is_fixed
    outputs = ["Y_0", "Y_1"] if with_float else ["Y_0"]
    lines += [f"(declare-const X_{place} Real)" for place in range(len(ends))]
    lines += [f"(declare-const {name} Real)" for name in outputs]
    for place, (low, high) in enumerate(ends):
        lines.append(f"(assert (>= X_{place} {_number(float_below(low))}))")
        lines.append(f"(assert (<= X_{place} {_number(float_above(high))}))")
    regions = [
        f"(and {' '.join(_comparisons(region, with_float))})" for region in question.goal.regions(question.reference)
    ] or ["(and (>= Y_0 1.0) (<= Y_0 -1.0))"]  # nothing is a counterexample
    lines += ["(assert (or", *(f"    {region}" for region in regions), "))", ""]
    return "\n".join(lines)


def _comparisons(region: Region, with_float: bool) -> Iterator[str]:
    if with_float and region.at_least is not None:
        yield f"(>= Y_1 {_number(float_below(region.at_least))})"
    if with_float and region.at_most is not None:
        yield f"(<= Y_1 {_number(float_above(region.at_most))})"
    if region.above is not None:
        yield f"(>= Y_0 {_number(float_below(region.above))})"
    if region.below is not None:
        yield f"(<= Y_0 {_number(float_above(region.below))})"


def _number(value: float) -> str:
    """All digits of a float, without an exponent: some readers know none."""
    text = f"{Decimal(repr(value)):f}"
    return text if "." in text else f"{text}.0"
