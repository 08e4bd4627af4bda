"""Progressive bit search: the worst few flips that an adversary finds one after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.coding.encodings import Encoding, encoding_of
from lowland.errors import LowlandError
from lowland.faults.bit_flips import stored_sizes
from lowland.faults.flip_sets import Flips
from lowland.faults.targets import CODE_BITS, CodeBits
from lowland.landscape.curvature.capture import capture_curvature
from lowland.landscape.measures.matched import step_sizes
from lowland.landscape.problem.batches import checked_batches
from lowland.landscape.problem.linearity import obstacle_to_exactness
from lowland.landscape.problem.model import Batch, Batches, Loss
from lowland.quantization.graph.integer import IntegerNetwork

Site = tuple[str, int, int]
"""A stored bit: tensor, flat element, position from the least significant."""


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Flips in the order in which they were found.

    Attributes:
        order: Tensor name, flat element and bit (0 the least significant) of each flip.
        losses: Mean loss of the deployed arithmetic before any flip and after each, float64 [flips + 1]; infinite where
            outputs are no numbers.
        num_evaluations: How many flipped networks were run on all batches.
        second_order: Whether candidates were chosen with the exact diagonal of the Hessian, or by slopes alone because
            the network has none.
    """

    order: tuple[Site, ...]
    losses: Tensor
    num_evaluations: int
    second_order: bool

    def first(self, count: int) -> Flips:
        """The first flips as a set for ``apply_flips``; sets nest.

        Args:
            count: 0 to the number of flips found.

        Raises:
            LowlandError: More or fewer.
        """
        if not 0 <= count <= len(self.order):
            raise LowlandError(f"count is {count}; expected 0 to {len(self.order)}, the flips that were searched for")
        sites: dict[str, list[tuple[int, int]]] = {}
        for name, element, position in self.order[:count]:
            sites.setdefault(name, []).append((element, position))
        columns = {name: torch.tensor(pairs).T for name, pairs in sites.items()}
        return Flips({name: (elements, positions) for name, (elements, positions) in columns.items()})


def progressive_search(
    network: IntegerNetwork,
    loss: Loss,
    batches: Batches,
    *,
    count: int,
    candidates: int = 4,
    bits: CodeBits = CODE_BITS,
) -> SearchResult:
    r"""Greedy bit-flip attack: in every step the flip that raises the loss most among the most promising ones.

    Within each layer the bits with the highest :math:`g\delta + \frac12 H_{ii}\delta^2` are candidates, with gradient g
    and diagonal H at the codes as they are by now (the published attack ranks by the gradient alone); each candidate is
    flipped and run on all batches in the deployed arithmetic, and the worst over all layers is kept. No bit is flipped
    twice. The result is a lower bound of what the worst set of flips does.

    Args:
        network: Left as it came.
        loss: ``loss(outputs, targets)``, mean over samples.
        batches: Sequence of (inputs, targets): what the adversary knows.
        count: Number of flips, 1 to the number of bits.
        candidates: Of each layer in each step, at least 1; all bits of the layers make the search greedy without any
            prediction.
        bits: Which bits are attacked, and how codes are written in them. The search keeps words, so that a negative
            zero of sign-magnitude stays what it is.

    Returns:
        The flips with the loss after each of them.

    Raises:
        LowlandError: More flips than bits, an unknown target, layer or encoding, unusable batches.

    Source:
        Rakin, He and Fan, "Bit-flip attack: crushing neural network with progressive bit search", ICCV 2019, section 4.
    """
    for other in {"scales", "tables", "float32"} & set(bits.targets):
        raise LowlandError(f"targets name {other}; expected weights or biases: slopes in other words say nothing")
    sizes = stored_sizes(network, bits.targets, bits.layers)
    total = sum(size * width for size, width in sizes.values())
    if not 1 <= count <= total:
        raise LowlandError(f"count is {count}; expected 1 to {total}, the bits that can flip")
    if candidates < 1:
        raise LowlandError(f"candidates is {candidates}; expected at least 1 of each layer")
    dequantized = network.dequantized()
    pairs = checked_batches(batches, dequantized)
    curved = obstacle_to_exactness(dequantized, pairs) is None
    memory = _Memory(network, tuple(sizes), encoding_of(bits.encoding))
    losses, evaluations = [deployed_loss(network, loss, pairs)], 0
    for _ in range(count):
        worst: tuple[float, Site] | None = None
        for site in memory.promising(loss, pairs, curved, candidates):
            damage = deployed_loss(memory.flipped(site), loss, pairs)
            evaluations += 1
            if worst is None or damage > worst[0]:
                worst = damage, site
        assert worst is not None  # fewer flips than bits are asked for
        losses.append(worst[0])
        memory.flip(worst[1])
    return SearchResult(tuple(memory.order), torch.tensor(losses, dtype=torch.float64), evaluations, curved)


def deployed_loss(network: IntegerNetwork, loss: Loss, batches: Sequence[Batch]) -> float:
    """Mean loss over all samples in the deployed arithmetic; infinite where it is no number.

    Args:
        network: Deployed network.
        loss: ``loss(outputs, targets)``, mean over samples.
        batches: At least one pair (inputs, targets).
    """
    samples = sum(len(inputs) for inputs, _ in batches)
    with torch.no_grad():
        mean = sum(float(loss(network.deployed_outputs(x), y)) * len(x) for x, y in batches) / samples
    return math.inf if math.isnan(mean) else mean


class _Memory:
    """The words of the attacked tensors, and which of their bits have been flipped."""

    def __init__(self, network: IntegerNetwork, names: Sequence[str], coding: Encoding) -> None:
        self._clean, self._coding, self.order = network, coding, list[Site]()
        self._bits = {name: network.bits[name] for name in names}
        codes = {name: network.codes[name].contiguous() for name in names}
        for name, tensor in codes.items():
            coding.check(tensor, self._bits[name], name=name)
        self._words = {name: coding.encode(tensor.to(torch.int64), self._bits[name]) for name, tensor in codes.items()}
        self._fresh = {
            name: torch.ones(*tensor.shape, self._bits[name], dtype=torch.bool, device=tensor.device)
            for name, tensor in codes.items()
        }
        self._network = network

    def flipped(self, site: Site) -> IntegerNetwork:
        """The network as it is by now with one more flip."""
        name, element, position = site
        words = self._words[name].clone()
        words.view(-1)[element] ^= 1 << position
        return self._network.with_codes({name: self._decoded(name, words)})

    def flip(self, site: Site) -> None:
        """Keeps a flip."""
        name, element, position = site
        self._network = self.flipped(site)
        self._words[name].view(-1)[element] ^= 1 << position
        self._fresh[name].view(-1, self._bits[name])[element, position] = False
        self.order.append(site)

    def promising(self, loss: Loss, batches: Sequence[Batch], curved: bool, candidates: int) -> list[Site]:
        """The bits with the highest predicted rises in each layer."""
        found = capture_curvature(self._network, loss, batches, parameters=curved, inputs=False)
        scores: dict[str, dict[str, Tensor]] = {}
        for name, words in self._words.items():
            places = torch.ones_like(words[..., None]) << torch.arange(self._bits[name], device=words.device)
            codes = self._coding.decode(words, self._bits[name])
            changes = self._coding.decode(words[..., None] ^ places, self._bits[name]) - codes[..., None]
            moves = changes * step_sizes(self._clean.scales[name], words)[..., None]
            rises = found.gradient[name][..., None] * moves
            if curved:
                rises = rises + found.diagonal[name][..., None] * moves.square() / 2
            rises = torch.where(rises.isfinite(), rises, moves.square())  # a broken network has no slopes
            layer = scores.setdefault(name.rpartition(".")[0], {})
            layer[name] = rises.masked_fill(~self._fresh[name], -math.inf)
        return [site for layer in scores.values() for site in self._highest(layer, candidates)]

    def _highest(self, scores: dict[str, Tensor], candidates: int) -> list[Site]:
        """The bits of a layer with the highest scores, none that has been flipped."""
        flat = torch.cat([values.flatten() for values in scores.values()])
        order = flat.argsort(descending=True, stable=True)[:candidates]
        sites: list[Site] = []
        for index in order[flat[order] > -math.inf].tolist():
            for name, values in scores.items():
                if index < values.numel():
                    sites.append((name, *divmod(index, self._bits[name])))
                    break
                index -= values.numel()
        return sites

    def _decoded(self, name: str, words: Tensor) -> Tensor:
        return self._coding.decode(words, self._bits[name]).to(self._clean.codes[name].dtype)
