"""Which upset changes the answer on which row: every upset, every row, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.certification.deployed.answered_rows import AnsweredRows
from lowland.certification.deployed.struck_activations import activation_upsets
from lowland.certification.deployed.upset_words import ACTIVATIONS, HitWords
from lowland.faults.float_flips import float_words, words_as_floats
from lowland.faults.layer_flips import Changes
from lowland.faults.misread_steps import MisreadOutput
from lowland.faults.scale_words import scale_words, with_scale_words
from lowland.faults.sensitivity import flip_outcomes
from lowland.faults.targets import named_steps
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.rounding_steps import Quantize, Requantize


@dataclass(frozen=True, eq=False)
class Changed:
    """Some upsets of one length in one tensor.

    Attributes:
        name: The tensor.
        length: Bits that each of them flips.
        elements: [upsets] flat index of the word.
        positions: [upsets] the lowest bit that flips, 0 the least significant.
        rows: [upsets, rows] whether the answer changes.
    """

    name: str
    length: int
    elements: Tensor
    positions: Tensor
    rows: Tensor


@torch.no_grad()
def changed_answers(answered: AnsweredRows, hit: HitWords) -> Iterator[Changed]:
    """What every upset does to a block of rows.

    Args:
        answered: The rows, so many as fit into memory with all results of the network.
        hit: The words.

    Raises:
        LowlandError: Codes that the encoding cannot hold.
    """
    network = answered.network
    codes, codings = network.codes, network.encodings(hit.upsets.encoding)
    for length in hit.upsets.lengths:
        asked: dict[str, Changes] = {}
        others: dict[str, int] = {}
        for name, (_, width) in hit.sizes.items():
            if name in codes:
                codings[name].check(codes[name], width, name=name)
                if width >= length:
                    asked[name] = Changes(codings[name].changes(codes[name], width, length=length), None)
            elif width >= length and not name.endswith(".activation"):
                others[name] = width
        for found in flip_outcomes(answered, asked):
            assert found.changed is not None
            yield Changed(found.name, length, found.elements, found.positions, found.changed)
        for name, width in others.items():
            yield _misread(answered, name, hit.sizes[name][0], width, length)
        if ACTIVATIONS in hit.upsets.words:
            for name, elements, positions, changed in activation_upsets(answered, length):
                yield Changed(name, length, elements, positions, changed)


def _misread(answered: AnsweredRows, name: str, size: int, width: int, length: int) -> Changed:
    """Upsets in words of scales and of float steps: the network from the step on that reads them, each time."""
    elements = torch.arange(size).repeat_interleave(width - length + 1)
    positions = torch.arange(width - length + 1).repeat(size)
    changed = torch.zeros(len(elements), len(answered), dtype=torch.bool)
    network = answered.network
    floats = network.float_words
    words = float_words(floats[name], name=name) if name in floats else scale_words(network)[name][0]
    for upset, (element, position) in enumerate(zip(elements.tolist(), positions.tolist(), strict=True)):
        new = words.flatten().clone()
        new[element] ^= (2**length - 1) << position
        new = new.reshape(words.shape)
        if name in floats:
            other = network.with_float_words({name: words_as_floats(new)})
        else:
            other = with_scale_words(network, {name: new})
        changed[upset] = _behind(answered, other)
    return Changed(name, length, elements, positions, changed)


def _behind(answered: AnsweredRows, other: IntegerNetwork) -> Tensor:
    """Whether answers change [rows] in a network of which one step is another."""
    prefix = answered.prefix
    hit = next((step for name, step in named_steps(other).items() if prefix.steps.get(name) is not step), None)
    if hit is None or (isinstance(hit, MisreadOutput) and hit.stored.numel() == 1):  # answers do not read one for all
        return torch.zeros(len(answered), dtype=torch.bool)
    if isinstance(hit, MisreadOutput):
        return answered.changed(prefix.outputs, torch.arange(len(answered)), other.output_scale)[:, 0] > 0
    clean = prefix.values[hit.name]
    operands = [prefix.values[source] for source in hit.inputs]
    if not isinstance(hit, Quantize) or isinstance(hit, Requantize):  # a converter takes what is no integer
        operands = [values.to(torch.int64) for values in operands]
    shown = hit.integer(*operands).to(clean.dtype)
    rows = (shown != clean).flatten(1).any(1).nonzero()[:, 0]
    changed = torch.zeros(len(answered), dtype=torch.bool)
    width = prefix.width_behind(hit.name)
    changed[rows] = (
        answered.after(
            lambda some, values: prefix.outputs_after(some, {hit.name: values}), rows, shown[rows], width=width
        )[:, 0]
        > 0
    )
    return changed
