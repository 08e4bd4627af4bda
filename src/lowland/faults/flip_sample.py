"""A sample of single flips, stratified by tensor and bit: what stands for the map of a network with too many bits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.estimate import Estimate
from lowland.faults.flip_sets import Flips
from lowland.faults.targets import targeted
from lowland.quantization.deployed_network import DeployedNetwork
from lowland.randomness import Key
from lowland.randomness import generator as keyed_generator

Stratum = tuple[str, int]
"""Name of a tensor and a place of its bits, 0 the least significant."""


@dataclass(frozen=True, eq=False)
class FlipSample:
    """Single flips drawn without replacement within each stratum.

    Attributes:
        flips: The sample.
        sizes: Number of bits of each stratum, drawn or not.
    """

    flips: Flips
    sizes: Mapping[Stratum, int]

    @property
    def num_bits(self) -> int:
        """Number of bits that the sample stands for."""
        return sum(self.sizes.values())

    def mean(self, values: Mapping[str, Tensor]) -> Estimate:
        r"""The mean over all bits, :math:`\sum_h W_h \bar m_h` with the share W of each stratum: unbiased.

        Its variance is :math:`\sum_h W_h^2 (1 - n_h / N_h) s_h^2 / n_h`.

        Args:
            values: A number for each flip [flips] by tensor, in the order of the sample: ``flip_sensitivity``.

        Returns:
            With the standard error over samples of flips, 0 where all bits were drawn.

        Source:
            Cochran, "Sampling techniques", 3rd edition, 1977, chapter 5; for flips of stored bits: Ahmadilivani et al.,
            "DeepVigor+", arXiv:2410.15742.
        """
        total, mean, variance = self.num_bits, 0.0, 0.0
        for name, found in values.items():
            positions = self.flips.bits[name][1]
            for bit in positions.unique().tolist():
                drawn = found[positions == bit].double()
                size, number = self.sizes[name, bit], len(drawn)
                share = size / total
                mean += share * float(drawn.mean())
                if number < size:
                    variance += share**2 * (1 - number / size) * float(drawn.var()) / number
        return Estimate(mean, math.sqrt(variance), len(self.flips))


def stratified_flips(
    network: DeployedNetwork,
    count: int,
    *,
    targets: Sequence[str] = ("weights", "biases"),
    key: tuple[Key, ...] = ("stratified_flips",),
) -> FlipSample:
    """A sample of about so many single flips, from each tensor and place of its bits in proportion to its size.

    Of each stratum at least two flips are drawn, or the standard error could not be told; of a small one all.

    Args:
        network: Whose codes are hit.
        count: Number of flips, at least 2; all bits where there are no more.
        targets: Of ``weights``, ``biases`` and ``tables``.
        key: Names the draw: a larger sample holds a smaller one.

    Raises:
        LowlandError: Too few flips, or an unknown target.
    """
    if count < 2:
        raise LowlandError(f"count is {count}; expected at least 2 flips")
    coded = {name: stored for name, stored in network.words.items() if stored.encoding == "codes"}
    codes = targeted(coded, targets)
    sizes = {(name, bit): stored.values.numel() for name, stored in codes.items() for bit in range(stored.bits)}
    share = min(1.0, count / sum(sizes.values()))
    bits = {}
    for name, stored in codes.items():
        size, width = stored.values.numel(), stored.bits
        number = min(size, max(2, math.ceil(share * size)))
        draws = [torch.rand(size, generator=keyed_generator(*key, name, width - 1 - bit)) for bit in range(width)]
        elements = torch.stack([draw.argsort(stable=True)[:number] for draw in draws])
        bits[name] = (elements.flatten(), torch.arange(width).repeat_interleave(number))
    return FlipSample(Flips(bits), sizes)


def slope_of_sample(sample: FlipSample, merits: Mapping[str, Tensor], clean: float, drops: Estimate) -> Estimate:
    """Merit lost per unit of bit error rate from a sample of flips: its error is over flips and over samples."""
    mean = sample.mean(merits)
    over_rows = drops.standard_error * sample.num_bits / len(sample.flips)
    error = math.hypot(sample.num_bits * mean.standard_error, over_rows)
    return Estimate(sample.num_bits * (clean - mean.value), error, drops.num_samples, drops.status)


def rise_of_sample(sample: FlipSample, losses: Mapping[str, Tensor], clean: float, rise: Estimate) -> Estimate:
    """Loss risen per unit of bit error rate, likewise."""
    fallen = slope_of_sample(sample, losses, clean, rise)
    return replace(fallen, value=-fallen.value)
