"""Which parameters of a float network are deployed in codes."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from lowland.errors import LowlandError

WeightLayer = (
    nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
)


def stored_weights(network: nn.Module) -> Iterator[nn.Parameter]:
    """The weights that recipes decay, clip or disturb: those of the layers, of pruned ones before the mask.

    Args:
        network: A float network or a fake-quantized model.

    Raises:
        LowlandError: A layer whose weights are computed otherwise, so that acting on its parameters is another thing.
    """
    for name, layer in network.named_modules():
        for kind in _kinds(layer):
            if not kind.startswith("weight"):
                continue
            stored = layer._parameters.get(kind, layer._parameters.get(f"{kind}_orig"))
            if stored is None:
                raise LowlandError(
                    f"weights of layer {name} are computed from other parameters; this recipe acts on weights as they "
                    "are stored: remove the parametrization or normalisation first, or use another recipe"
                )
            yield stored


def _kinds(layer: nn.Module) -> tuple[str, ...]:
    """Names of the tensors of a layer that are stored in codes."""
    if isinstance(layer, nn.LSTM | nn.GRU):
        return tuple(layer._flat_weights_names)
    if isinstance(layer, nn.Embedding):
        return ("weight",)
    return ("weight", "bias") if isinstance(layer, WeightLayer) else ()


def coded_parameters(network: nn.Module, float_from: str | None = None) -> dict[str, Tensor]:
    """The weights and biases of a float network that will be stored in codes, by the names of ``named_parameters``.

    Those of its Linear, (transposed) convolution, recurrent and embedding layers, in their order. Batch-norm has none:
    it is folded into them, and gives layers without one a bias where it is folded before.

    Args:
        network: A float network.
        float_from: Name of the layer (or nested sequential) from which on it stays float, as in ``build_quantized``.

    Raises:
        LowlandError: There is no such layer.
    """
    found: dict[str, Tensor] = {}
    for name, layer in network.named_modules():
        path = name.removeprefix("layers.")
        if float_from is not None and f"{path}.".startswith(f"{float_from}."):
            return found
        if _kinds(layer):
            found |= {f"{name}.{kind}".lstrip("."): p for kind, p in layer.named_parameters(recurse=False)}
    if float_from is not None:
        raise LowlandError(f"float_from is {float_from!r}; expected the name of a layer of the network")
    return found
