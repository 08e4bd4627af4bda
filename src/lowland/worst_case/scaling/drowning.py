"""An attack that is constructed, not searched for: channels that drown the others in a range that all share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.calibration.equalization import Factors, rescaled
from lowland.worst_case.scaling.float_network import changed

FACTOR = 1024.0
"""Beyond what 8 bits can tell apart: what is scaled up drowns the rest, and is itself lost in the next weights."""


def drowned_network(network: nn.Module, sample: Tensor, *, factor: float = FACTOR, share: float = 0.5) -> nn.Module:
    r"""The same function with channels of little weight made so large that they drown all others in a common range.

    Between two layers the channels whose :math:`r^{(1)}_i r^{(2)}_i` is smallest, r the largest weight that writes or
    reads the channel, are multiplied by the factor in the first layer and divided by it in the second. Float outputs
    stay what they were. Where one scale serves all channels of a row, the others' codes then have a step that is larger
    by as much; and the weights that read the large channels lie below the step of the weights beside them.

    Args:
        network: In float, in evaluation mode; left as it came.
        sample: Inputs [rows, ...], which tell sizes.
        factor: At least 1; 1 leaves everything as it is.
        share: Of the channels that are made large, above 0 and below 1; one at least, and never all.

    Returns:
        A copy, batch-norm folded; with its ``spec`` where nothing had to be folded.

    Raises:
        LowlandError: A factor or share out of range, or a network that cannot be traced.

    Source:
        The freedom that equalization uses the other way round: Meller et al. 2019, arXiv:1902.01917; Nagel et al. 2019,
        arXiv:1906.04721.
    """
    if not factor >= 1:
        raise LowlandError(f"factor is {factor}; expected a number of at least 1")
    if not 0 < share < 1:
        raise LowlandError(f"share is {share}; expected a number above 0 and below 1")
    return changed(network, sample, lambda graph: rescaled(graph, drowning(factor, share)))


def drowning(factor: float, share: float) -> Factors:
    """Factors of channels, see ``drowned_network``."""

    def factors(written: Tensor, read: Tensor) -> Tensor:
        size = written * read
        used = int((size > 0).sum())
        count = min(max(1, round(share * used)), used - 1)
        result = torch.ones_like(size)
        if count > 0:
            result[size.where(size > 0, torch.inf).argsort(stable=True)[:count]] = factor
        return result

    return factors
