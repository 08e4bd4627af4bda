"""A network of tokens as a function of the vectors that its tokens stand for: where attacks and mixtures can act."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.coding.tokens import FIRST_WORD, PADDING
from lowland.errors import LowlandError
from lowland.functional_call import call_with


def embedding_of(network: nn.Module) -> str:
    """The name of the weights of the one embedding that a network looks its tokens up in.

    Raises:
        LowlandError: It has none, or several.
    """
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Embedding)]
    if len(names) != 1:
        raise LowlandError(
            f"{type(network).__name__} has {len(names)} embeddings; attacks and mixtures of embeddings expect one: use "
            "another recipe, or attacks: none"
        )
    return f"{names[0]}.weight" if names[0] else "weight"


def looked_up(network: nn.Module, tokens: Tensor) -> Tensor:
    """The vectors [n, places, width] that tokens [n, places] stand for, differentiable in the weights."""
    weights = network.get_parameter(embedding_of(network))
    return functional.embedding(tokens, weights, padding_idx=PADDING)  # nothing is learned of the padding


def spread(network: nn.Module) -> float:
    """The standard deviation of the entries of all words' vectors: what one unit of an attack's radius is."""
    weights = network.get_parameter(embedding_of(network)).detach()
    return float(weights[FIRST_WORD:].double().std(correction=0)) if len(weights) > FIRST_WORD else 0.0


def own_words(tokens: Tensor) -> Tensor:
    """Tokens that differ at every place [n, places], as a vocabulary would have in which each is a word of its own.

    Padding stays padding, so that masks stay as they are.
    """
    places = 1 + torch.arange(tokens.numel(), device=tokens.device).reshape(tokens.shape)
    return torch.where(tokens == PADDING, PADDING, places)


def own_vectors(vectors: Tensor, padding: Tensor) -> Tensor:
    """The weights [1 + n * places, width] of an embedding in which ``own_words`` stand for these vectors.

    Args:
        vectors: [n, places, width].
        padding: The vector of the padding [width].
    """
    return torch.cat([padding[None], vectors.flatten(0, 1)])


def from_vectors(network: nn.Module, vectors: Tensor, tokens: Tensor) -> Tensor:
    """The outputs of a network whose tokens stand for other vectors.

    In a fake-quantized network the vectors are rounded as its weights are.

    Args:
        network: With one embedding; left as it came.
        vectors: [n, places, width]; those of padding are not looked at.
        tokens: [n, places]: where there is padding.

    Returns:
        [n, ...], differentiable in the vectors and in the parameters of the network.
    """
    name = embedding_of(network)
    padding = network.get_parameter(name)[PADDING]
    return call_with(network, {name: own_vectors(vectors, padding)}, own_words(tokens))
