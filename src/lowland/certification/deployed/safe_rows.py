"""Rows whose answer no upset changes, in the arithmetic that is deployed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lowland.certification.deployed.answered_rows import AnsweredRows
from lowland.certification.deployed.changed_answers import changed_answers
from lowland.certification.deployed.share import Share
from lowland.certification.deployed.unsafe_pairs import UnsafeBits, UnsafeCollector
from lowland.certification.deployed.upset_words import HitWords, Upsets
from lowland.errors import LowlandError
from lowland.faults.flip_sets import Flips
from lowland.faults.measured_rows import first_changing
from lowland.faults.upsets import adjacent_flips
from lowland.quantization.deployed_network import DeployedNetwork
from lowland.quantization.graph.integer import IntegerNetwork

BLOCK_ROWS = 1024


class Upset(NamedTuple):
    """Adjacent bits of one word that flip together.

    Attributes:
        name: The tensor (``0.weight``), or the codes that a rounding step hands on (``1.activation``).
        element: Flat index of the word.
        position: The lowest bit that flips, 0 the least significant.
        length: How many do.
    """

    name: str
    element: int
    position: int
    length: int

    @property
    def flips(self) -> Flips:
        """The bits, as ``apply_flips`` takes them; those of activations are no stored words."""
        place = Flips({self.name: (torch.tensor([self.element]), torch.tensor([self.position]))})
        return adjacent_flips(place, length=self.length)


@dataclass(frozen=True, eq=False)
class UpsetSafety:
    """Which rows keep their answer whatever single upset of a set happens.

    A row is safe if no upset alone changes the arg-max of ``forward_integer``, ties going to the lowest index. Of a
    network with one output the answer is whether it is above 0; outputs with step sizes of their own are compared in
    these.

    Attributes:
        hit: The words, with encoding and widths.
        answers: [rows] of the undisturbed network.
        num_unsafe: [rows] number of upsets that change the answer.
        examples: [rows, 4] one of them: position of its tensor in ``hit.sizes``, element, lowest bit, length; -1 where
            there is none.
    """

    hit: HitWords
    answers: Tensor
    num_unsafe: Tensor
    examples: Tensor

    def __len__(self) -> int:
        return len(self.num_unsafe)

    @property
    def safe(self) -> Tensor:
        """[rows] bool."""
        return self.num_unsafe == 0

    def example(self, row: int) -> Upset | None:
        """An upset that changes the answer of a row; ``None`` if the row is safe."""
        tensor, element, position, length = self.examples[row].tolist()
        return None if tensor < 0 else Upset(list(self.hit.sizes)[tensor], element, position, length)

    def share(self, confidence: float = 0.95) -> Share:
        """Share of safe rows, with the interval for rows that were not seen: drawn as these were."""
        return Share.of(int(self.safe.sum()), len(self), confidence=confidence)

    def settings(self) -> dict[str, Any]:
        """What the statement is about, jsonable: words, encoding, widths, ties, number of bits and of upsets."""
        return {**self.hit.settings(), "rows": len(self), "safe_rows": int(self.safe.sum())}


def upset_safe_rows(
    network: DeployedNetwork,
    inputs: Tensor,
    *,
    words: Sequence[str] = ("weights", "biases"),
    encoding: str = "twos_complement",
    lengths: int | Sequence[int] = (1,),
) -> UpsetSafety:
    """The rows whose answer no single upset of the words changes: exhaustive and exact in ``forward_integer``.

    Args:
        network: Deployed network in integers.
        inputs: Floats [rows, ...].
        words: See ``Upsets``.
        encoding: How codes of weights and biases are written in bits, a key of ``ENCODINGS``.
        lengths: Bits that one upset flips: 1, or several (adjacent bits of one word), each by itself.

    Raises:
        LowlandError: A network without integer arithmetic, no rows, an unknown kind of words or encoding, words that
            the network does not have, outputs that are no answers.
    """
    safety, _ = _examined(network, inputs, Upsets(words, encoding, _lengths(lengths)), None)
    return safety


def unsafe_bits(
    network: DeployedNetwork,
    inputs: Tensor,
    *,
    words: Sequence[str] = ("weights", "biases"),
    encoding: str = "twos_complement",
) -> tuple[UpsetSafety, UnsafeBits]:
    """The same with the set of all bits of each row whose flip alone changes its answer; arguments and errors too."""
    upsets = Upsets(words, encoding)
    collector = UnsafeCollector()
    safety, hit = _examined(network, inputs, upsets, collector)
    return safety, collector.collected(hit, len(inputs))


def _lengths(lengths: int | Sequence[int]) -> tuple[int, ...]:
    return (lengths,) if isinstance(lengths, int) else tuple(lengths)


def _examined(
    network: DeployedNetwork, inputs: Tensor, upsets: Upsets, collector: UnsafeCollector | None
) -> tuple[UpsetSafety, HitWords]:
    """Every upset on every row; what is unsafe goes to the collector as well."""
    if not isinstance(network, IntegerNetwork):
        raise LowlandError(
            f"network is a {type(network).__name__}; expected an IntegerNetwork: other arithmetic has float "
            "activations or scales that follow the inputs, so that nothing exact can be said of its rows"
        )
    if not len(inputs):
        raise LowlandError("inputs has no rows; expected at least one")
    hit = HitWords.of(network, upsets, inputs)
    answers, counts, examples = [], [], []
    tensors = list(hit.sizes)
    for number, block in enumerate(inputs.split(BLOCK_ROWS)):
        count = torch.zeros(len(block), dtype=torch.int64)
        example = torch.full((len(block), 4), -1)
        answered = AnsweredRows.on(network, block)
        assert answered.answers is not None
        for found in changed_answers(answered, hit):
            own = found.rows.sum(0)
            first = first_changing(found.rows)
            fresh = (first >= 0) & (example[:, 0] < 0)
            place = first[fresh]
            same = torch.full_like(place, tensors.index(found.name)), torch.full_like(place, found.length)
            example[fresh] = torch.stack([same[0], found.elements[place], found.positions[place], same[1]], 1)
            count += own
            if collector is not None:
                collector.add(hit.numbers(found.name, found.elements, found.positions), found.rows, number * BLOCK_ROWS)
        counts.append(count)
        examples.append(example)
        answers.append(answered.answers)
    return UpsetSafety(hit, torch.cat(answers), torch.cat(counts), torch.cat(examples)), hit
