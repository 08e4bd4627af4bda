"""The recipe ``bit_errors``: training while random bits of the stored weights are flipped."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from lowland.coding.codes import code_range, signed_width
from lowland.coding.encodings import encoding_of
from lowland.quantization.fake_quantized.grid import Grid, codes_on
from lowland.quantization.fake_quantized.network import QuantizedNetwork, Stored
from lowland.quantization.parameter_codes import coded_parameters, stored_weights
from lowland.quantization.precision import FEWEST_BITS, MOST_BITS
from lowland.training.at_parameters import at_parameters
from lowland.training.recipe_base import Model, Objective, RecipeBase, Value, Weight
from lowland.training.regularizers import clip_weights

ENCODING = encoding_of("twos_complement")
"""How codes are written in bits while training flips them, whatever ``encoding`` faults are measured in."""


class BitErrors(RecipeBase):
    """Minimises the mean of two losses, of the weights as they are and of weights with random bit errors.

    ½·L(w) + ½·L(w̃), the codes of w̃ being those of w with every bit flipped with probability ``rate``, drawn anew in
    every step; derivatives pass straight through. Biases are stored too, and flip as well.

    In quantization-aware training the codes, scales and widths are the network's own, as they would be deployed. A
    float network gets those changes that flips would make in codes of ``bits`` bits with a symmetric scale of each
    tensor: its weights are not rounded, so that rate 0 is plain training. Its biases have scales of their own, for
    want of an accumulator's: their most significant bit weighs as much, within a factor of two, as in the deployed
    word. Batch-norm parameters are not stored (they are folded into weights) and do not flip, and neither do frozen
    tensors (``requires_grad=False``): training could not answer.

    Attributes:
        rate: Bit error rate, 0 to 1.
        bits: Width of the codes in float training, 2 to 16.
        limit: Weights (not biases) are clipped to ± this after every step: a smaller range makes smaller flips. By
            default they are not.

    Source:
        Stutz et al. 2021, arXiv 2006.13977, algorithm 1 (RandBET).
    """

    kind: Literal["bit_errors"]
    rate: Annotated[float, Field(ge=0, le=1)]
    bits: Annotated[int, Field(ge=FEWEST_BITS, le=MOST_BITS)]
    limit: Weight | None = None

    def gradients(
        self, network: nn.Module, objective: Objective, generator: torch.Generator, *, float_from: str | None = None
    ) -> Value:
        """The mean of the gradients without and with bit errors, on the same batch."""
        clean = objective(network)
        (clean.total / 2).backward()
        if not clean.total.isfinite():
            return clean  # diverged: there are no codes to flip
        hit = objective(self.struck(network, generator, float_from=float_from))
        (hit.total / 2).backward()
        return Value((clean.total + hit.total) / 2, clean.penalty)

    def struck(self, network: nn.Module, generator: torch.Generator, *, float_from: str | None = None) -> Model:
        """The network under one draw of bit errors.

        Args:
            network: Left as it came.
            generator: Draws the flips.
            float_from: See ``TrainingData``; fake-quantized models know it themselves.
        """
        if isinstance(network, QuantizedNetwork):
            return lambda inputs: network(inputs, lambda tensor: self._read(tensor, generator))
        list(stored_weights(network))  # refuses what is not stored
        coded = coded_parameters(network, float_from)
        parameters = {name: parameter for name, parameter in coded.items() if parameter.requires_grad}
        return at_parameters(network, {name: self._hit(p, generator) for name, p in parameters.items()})

    def after_step(self, network: nn.Module, *, float_from: str | None = None) -> None:
        """Clips the weights that will be stored in codes, if they have a limit."""
        if self.limit is not None:
            clip_weights(network, self.limit, float_from=float_from)

    def _read(self, tensor: Stored, generator: torch.Generator) -> Tensor:
        """What a layer of a fake-quantized model reads: the value of the flipped code, to the last bit."""
        if not tensor.parameter.requires_grad:
            return tensor.values
        codes = codes_on(tensor.parameter, tensor.grid)
        flipped = with_bit_errors(codes, tensor.bits or signed_width(codes), rate=self.rate, generator=generator)
        changed = tensor.values + tensor.grid.scale * (flipped - codes)
        exact = flipped.to(tensor.values.dtype) * tensor.grid.scale.detach()
        return exact + (changed - changed.detach())  # exactly zero, and carries the derivative

    def _hit(self, parameter: Tensor, generator: torch.Generator) -> Tensor:
        """A float tensor plus the changes of its flipped codes."""
        lowest, highest = code_range(self.bits, signed=True)
        largest = parameter.detach().abs().amax()
        grid = Grid(largest.where(largest > 0, 1.0) / highest, lowest + 1, highest)
        codes = codes_on(parameter, grid)
        flipped = with_bit_errors(codes, self.bits, rate=self.rate, generator=generator)
        return parameter + grid.scale * (flipped - codes)


def with_bit_errors(codes: Tensor, bits: int, *, rate: float, generator: torch.Generator) -> Tensor:
    """Codes whose every bit is flipped with a probability, independently.

    Args:
        codes: Two's complement, int64, any shape.
        bits: Their width.
        rate: Probability, 0 to 1.
        generator: Draws one uniform number a bit.

    Returns:
        int64 of the same shape, -2^(bits-1) to 2^(bits-1) - 1.
    """
    hits = (torch.rand(codes.numel() * bits, generator=generator) < rate).nonzero().flatten()
    places = torch.ones((), dtype=torch.int64) << hits % bits
    masks = torch.zeros(codes.numel(), dtype=torch.int64).index_add_(0, hits // bits, places)  # few bits are hit
    return ENCODING.flipped(codes, masks.reshape(codes.shape).to(codes.device), bits)
