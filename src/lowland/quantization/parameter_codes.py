"""Which parameters of a float network are deployed in codes."""

from __future__ import annotations

from torch import Tensor, nn

from lowland.errors import LowlandError

WeightLayer = (
    nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
)


def coded_parameters(network: nn.Module, float_from: str | None = None) -> dict[str, Tensor]:
    """The weights and biases of a float network that will be stored in codes, by the names of ``named_parameters``.

    Those of its Linear and (transposed) convolution layers, in their order. Batch-norm has none: it is folded into
    them, and gives layers without one a bias where it is folded before.

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
        if isinstance(layer, WeightLayer):
            found |= {f"{name}.{kind}".lstrip("."): p for kind, p in layer.named_parameters(recurse=False)}
    if float_from is not None:
        raise LowlandError(f"float_from is {float_from!r}; expected the name of a layer of the network")
    return found
