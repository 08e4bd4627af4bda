"""Bit flips in the IEEE-754 words of float networks: a condition of its own beside the codes of deployed ones."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.faults.flip_sets import FlipDraw, Flips, draw_bits, draw_key
from lowland.faults.targets import targeted
from lowland.quantization.parameter_codes import coded_parameters
from lowland.randomness import Key

FLOAT_BITS = 32


def draw_float_flips(
    network: nn.Module,
    *,
    targets: Sequence[str] = ("weights", "biases"),
    generator: torch.Generator | None = None,
    key: tuple[Key, ...] | None = None,
    float_from: str | None = None,
) -> FlipDraw:
    """One draw of the flips of a float network's IEEE-754 words, for any number of levels.

    Only what a quantized network of the same layers stores in codes is hit, so that both lose the same tensors to
    upsets.

    Args:
        network: Its parameters are float32.
        targets: Of ``weights`` and ``biases``.
        generator: Names the draw by its next number, or
        key: names it.
        float_from: Layer from which on nothing is deployed, as in ``build_quantized``.

    Raises:
        LowlandError: An unknown or no target, parameters that are not float32, or an unknown layer.
    """
    chosen = targeted(_words(coded_parameters(network, float_from)), targets)
    sizes = {name: (words.numel(), FLOAT_BITS) for name, words in chosen.items()}
    return draw_bits(sizes, draw_key(key, generator, default="random_float_flips"))


def random_float_flips(
    network: nn.Module,
    *,
    count: int | None = None,
    bit_error_rate: float | None = None,
    targets: Sequence[str] = ("weights", "biases"),
    generator: torch.Generator | None = None,
    key: tuple[Key, ...] | None = None,
) -> Flips:
    """Random flips of a float network's words at one level, as ``random_flips``."""
    return draw_float_flips(network, targets=targets, generator=generator, key=key).level(count, bit_error_rate)


def apply_float_flips(network: nn.Module, flips: Flips) -> nn.Module:
    """A copy of a float network with exactly these bits of its IEEE-754 words flipped.

    Args:
        network: Its parameters are float32; left as it came.
        flips: From a network with the same parameters.

    Raises:
        LowlandError: A parameter, element or bit that the network does not have.
    """
    flipped = copy.deepcopy(network)
    words = _words(dict(flipped.named_parameters()))
    for name in flips.bits:
        if name not in words:
            raise LowlandError(f"flips name tensor {name!r}; expected one of {', '.join(words)}")
        elements, masks = flips.words(name, words[name].numel(), FLOAT_BITS)
        flat = words[name].flatten()  # row by row, whatever their order in memory (channels last, transposed)
        flat[elements] ^= _signed_words(masks).to(flat.device)
        words[name].copy_(flat.view(words[name].shape))
    return flipped


def float_words(values: Tensor, *, name: str) -> Tensor:
    """The IEEE-754 words of a float32 tensor as numbers from 0 to 2^32 - 1, int64.

    Raises:
        LowlandError: Another type.
    """
    return _view(values, name).to(torch.int64) & (2**FLOAT_BITS - 1)


def words_as_floats(words: Tensor) -> Tensor:
    """The float32 numbers of such words."""
    return _signed_words(words).view(torch.float32)


def _signed_words(words: Tensor) -> Tensor:
    """Words from 0 to 2^32 - 1 in the integer type of their size."""
    half = 2 ** (FLOAT_BITS - 1)
    return ((words ^ half) - half).to(torch.int32)


def _words(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Their IEEE-754 words as int32 tensors that share their memory."""
    return {name: _view(parameter, name) for name, parameter in parameters.items()}


def _view(values: Tensor, name: str) -> Tensor:
    if values.dtype != torch.float32:
        raise LowlandError(f"{name} is {values.dtype}; expected torch.float32 to flip its bits")
    return values.detach().view(torch.int32)
