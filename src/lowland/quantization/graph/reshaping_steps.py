"""Changes of shape, which leave every code as it is."""

from __future__ import annotations

from torch import Tensor

from lowland.quantization.graph.layer_step import LayerStep


class Flatten(LayerStep):
    """Several dimensions made one."""

    kind = "flatten"

    def integer(self, codes: Tensor) -> Tensor:
        """The same codes in their new shape."""
        return self.layer(codes)

    def carried(self, values: Tensor) -> Tensor:
        """The same numbers, floats behind a float step too."""
        return self.layer(values)


class Unflatten(Flatten):
    """One dimension made several."""

    kind = "unflatten"
