"""Random bit flips in what a deployed network stores: the words of its weights and biases, and its scales."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, Unpack

import torch
from torch import Tensor

from lowland.coding.encodings import encoding_of
from lowland.errors import LowlandError
from lowland.faults.flip_sets import FlipDraw, Flips, draw_bits, draw_key
from lowland.faults.float_flips import FLOAT_BITS, float_words, words_as_floats
from lowland.faults.scale_words import scale_words, with_scale_words
from lowland.faults.targets import DrawOptions, targeted, within
from lowland.quantization.deployed_network import StoredTensor
from lowland.quantization.dynamic.network import DynamicNetwork
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.randomness import Key

Deployed = IntegerNetwork | DynamicNetwork
SomeDeployed = TypeVar("SomeDeployed", IntegerNetwork, DynamicNetwork)


def stored_sizes(
    network: Deployed, targets: Sequence[str], layers: Sequence[str] | None = None
) -> dict[str, tuple[int, int]]:
    """Number of words and bits of each by name of the stored tensors, see ``scale_words`` for those of scales.

    A dynamic network stores the scales of its weights, those of activations follow the inputs.

    Args:
        network: Deployed network.
        targets: Of ``weights``, ``biases``, ``tables``, ``scales`` and ``float32`` (parameters of float steps).
        layers: Names of steps, of a dynamic network of layers; all without it.

    Raises:
        LowlandError: An unknown or no target or layer, or none of its tensors.
    """
    sizes = {name: (stored.values.numel(), stored.bits) for name, stored in network.words.items()}
    if isinstance(network, DynamicNetwork):
        steps = tuple(dict.fromkeys(name.rpartition(".")[0] for name in sizes))
        return within(targeted(sizes, targets), layers, steps=steps)
    if "scales" in targets:
        sizes |= {name: (words.numel(), width) for name, (words, width) in scale_words(network).items()}
    floats = network.float_words if "float32" in targets else {}
    kinds = dict.fromkeys(floats, "float32")
    sizes |= {name: (value.numel(), FLOAT_BITS) for name, value in floats.items()}
    return within(targeted(sizes, targets, kinds=kinds), layers, steps=network.steps.keys())


def draw_flips(
    network: Deployed,
    *,
    targets: Sequence[str] = ("weights", "biases"),
    layers: Sequence[str] | None = None,
    generator: torch.Generator | None = None,
    key: tuple[Key, ...] | None = None,
) -> FlipDraw:
    """One draw of the flips of a deployed network, for any number of levels.

    Every bit gets a uniform number keyed by tensor, element and position counted from the most significant bit, so
    flip sets nest in count and in rate and are shared across precisions.

    Args:
        network: Whose stored words are hit.
        targets: As in ``stored_sizes``. Flips of activations are drawn for every inference anew:
            ``TransientFlips``.
        layers: Names of the steps that are hit; all without it.
        generator: Names the draw by its next number (it moves on), or
        key: names it, such as (task, condition, draw); a fixed draw without either.

    Raises:
        LowlandError: An unknown or no target or layer, or both key and generator.
    """
    sizes = stored_sizes(network, targets, layers)
    return draw_bits(sizes, draw_key(key, generator, default="random_flips"))


def random_flips(
    network: Deployed,
    *,
    count: int | None = None,
    bit_error_rate: float | None = None,
    **draw: Unpack[DrawOptions],
) -> Flips:
    """Random flips of a deployed network at one level, without replacement; ``draw_flips`` serves several levels.

    Args:
        network: Whose stored words are hit.
        count: Number of flips, 0 to the number of bits, or
        bit_error_rate: probability of each bit, 0 to 1: give one of the two.
        draw: ``targets``, ``layers`` and ``generator`` or ``key``, as in ``draw_flips``.

    Raises:
        LowlandError: Neither or both of count and rate, a level out of range, an unknown target or layer, or both key
            and generator.
    """
    return draw_flips(network, **draw).level(count, bit_error_rate)


def apply_flips(network: SomeDeployed, flips: Flips, *, encoding: str = "twos_complement") -> SomeDeployed:
    """The network with exactly these bits of its stored words flipped; the rest is shared, nothing is derived anew.

    All flips of a word happen at once, on the word. In two's complement and offset binary codes and words are one to
    one, so that flipping twice restores the network. Sign-magnitude has two words for 0: a flip can lead to negative
    zero, which computes as 0 and, once it is a code, is written as positive zero; ``flips ^ flips`` composes on words.

    Args:
        network: Left as it came.
        flips: From a network with the same tensors and widths.
        encoding: How codes of weights and biases are written in bits, a key of ``ENCODINGS``; those of tables are plain
            binary, scales have words of their own, see ``scale_words``, and float32 numbers are IEEE-754.

    Returns:
        A network whose outputs may be non-finite after flips of scales.

    Raises:
        LowlandError: A tensor, element or bit that the network does not have, a bit named twice, an unknown encoding,
            or codes that it cannot hold (-2^(bits-1) in sign-magnitude).
    """
    return rewritten(network, flips, encoding, lambda words, masks: words ^ masks)


def rewritten(
    network: SomeDeployed, sites: Flips, encoding: str, write: Callable[[Tensor, Tensor], Tensor]
) -> SomeDeployed:
    """The network with some stored words written anew.

    Args:
        network: Left as it came.
        sites: The bits that are touched.
        encoding: Of the codes, a key of ``ENCODINGS``.
        write: Words and masks of their touched bits (int64) -> new words.

    Raises:
        LowlandError: As ``apply_flips``.
    """
    if isinstance(network, IntegerNetwork):
        return _integers_rewritten(network, sites, encoding, write)
    stored = network.words
    new: dict[str, Tensor] = {}
    for name in sites.bits:
        if name not in stored:
            raise LowlandError(f"flips name tensor {name!r}; expected one of {', '.join(stored)}")
        new[name] = _written(name, stored[name], sites, encoding, write)
    return network.with_words(new)


def _integers_rewritten(
    network: IntegerNetwork, sites: Flips, encoding: str, write: Callable[[Tensor, Tensor], Tensor]
) -> IntegerNetwork:
    """The same of a network in integers, whose scales have words as well."""
    codings = network.encodings(encoding)
    codes, bits = network.codes, network.bits
    others = sites.bits.keys() - codes.keys()
    parameters = network.float_words
    floats = {name: (float_words(parameters[name], name=name), FLOAT_BITS) for name in others & parameters.keys()}
    scales = scale_words(network) if others - floats.keys() else {}
    new_codes: dict[str, Tensor] = {}
    new_words: dict[str, Tensor] = {}
    new_floats: dict[str, Tensor] = {}
    for name in sites.bits:
        if name not in codes and name not in floats and name not in scales:
            known = ", ".join((*codes, *parameters, *scales))
            raise LowlandError(f"flips name tensor {name!r}; expected one of {known}")
        old, width = (codes[name], bits[name]) if name in codes else (floats | scales)[name]
        elements, masks = (part.to(old.device) for part in sites.words(name, old.numel(), width))
        new = old.flatten().clone()  # only the words that are touched are looked at
        if name in codes:
            coding = codings[name]
            coding.check(old, width, name=name)
            words = coding.encode(new[elements].to(torch.int64), width)
            new[elements] = coding.decode(write(words, masks), width).to(old.dtype)
            new_codes[name] = new.reshape(old.shape)
        else:
            new[elements] = write(new[elements], masks)
            (new_floats if name in floats else new_words)[name] = new.reshape(old.shape)
    changed = network.with_codes(new_codes)
    if new_floats:
        changed = changed.with_float_words({name: words_as_floats(words) for name, words in new_floats.items()})
    return with_scale_words(changed, new_words) if new_words else changed


def _written(
    name: str, stored: StoredTensor, sites: Flips, encoding: str, write: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """The values of a stored tensor after some of its words were written anew; only these are looked at."""
    old, width = stored.values, stored.bits
    elements, masks = (part.to(old.device) for part in sites.words(name, old.numel(), width))
    new = old.flatten().clone()
    if stored.encoding == "float32":
        words = float_words(new[elements], name=name)
        new[elements] = words_as_floats(write(words, masks))
        return new.reshape(old.shape)
    coding = encoding_of(encoding)
    coding.check(old, width, name=name)
    words = coding.encode(new[elements].to(torch.int64), width)
    new[elements] = coding.decode(write(words, masks), width).to(old.dtype)
    return new.reshape(old.shape)
