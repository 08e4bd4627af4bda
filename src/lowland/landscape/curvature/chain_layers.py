"""Layers as an R-operator sees them, rows last: activations by their slopes, others by one matrix product each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Slope:
    """An elementwise, piecewise-linear activation: its derivative multiplies tangents and cotangents alike."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and slopes, both of the inputs' shape."""
        leaf = inputs.detach().requires_grad_()
        with torch.enable_grad():
            outputs = self._module(leaf.clone())  # it may work in place
        (slopes,) = torch.autograd.grad(outputs, leaf, torch.ones_like(outputs))
        return outputs.detach(), slopes


class Reshape:
    """Another shape for the values of a row."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self.inside: tuple[int, ...] = ()
        self.outside: tuple[int, ...] = ()

    def forward(self, inputs: Tensor) -> Tensor:
        """[*inside, rows] to [*outside, rows]; the shapes are kept."""
        self.inside = tuple(inputs.shape[:-1])
        self.outside = tuple(self._module(inputs.new_empty(1, *self.inside)).shape[1:])
        return inputs.reshape(*self.outside, -1)


class Weighted:
    """A linear layer as three linear maps: patches are gathered, multiplied by a matrix, and scattered.

    Here gathering and scattering do nothing; for convolutions they do. "Positions" are places times rows; tensors of k
    vectors are [k, *features, rows].

    Args:
        layer: Its weight and bias are read at every ``forward``.
        weight: Where the weight lies in a vector of all parameters.
        bias: Where the bias lies; ``None`` without one.
    """

    def __init__(self, layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, weight: slice, bias: slice | None) -> None:
        self._layer = layer
        self._weight, self._bias = weight, bias
        self._matrix = torch.empty(0)
        self._inside: tuple[int, ...] = ()
        self._outside: tuple[int, ...] = ()

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs [*outside, rows] and patches [in, positions] of inputs [*inside, rows]."""
        self._inside = tuple(inputs.shape[:-1])
        self._outside = tuple(self._layer(inputs.new_zeros(1, *self._inside)).shape[1:])
        self._matrix = self._as_matrices(self._layer.weight.detach()[None])[0]
        patches = self.gather(inputs[None])
        outputs = self.scatter(self._matrix @ patches)
        if self._layer.bias is not None:
            outputs = outputs + self._per_channel(self._layer.bias.detach()[None])
        return outputs[0], patches[0]

    def backward(self, gradients: Tensor) -> Tensor:
        """Loss gradient at the inputs [*inside, rows] from that at the matrix product [out, positions]."""
        return self.ungather((self._matrix.T @ gradients)[None])[0]

    def push(self, patches: Tensor, tangents: Tensor | None, vectors: Tensor) -> tuple[Tensor, Tensor | None]:
        """Tangents of the outputs, and of the patches [k, in, positions] (``None`` if they are fixed).

        Args:
            patches: [in, positions].
            tangents: Of the inputs, [k, *inside, rows]; ``None`` in front of the first layer with weights.
            vectors: Directions [k, size] in all parameters.
        """
        count = len(vectors)
        product = torch.bmm(self._directions(vectors), patches.expand(count, -1, -1))
        moved = None
        if tangents is not None:
            moved = self.gather(tangents)
            product.baddbmm_(self._matrix.expand(count, -1, -1), moved)
        outputs = self.scatter(product)
        if self._bias is not None:
            outputs.add_(self._per_channel(vectors[:, self._bias]))
        return outputs, moved

    def pull(
        self, patches: Tensor, moved: Tensor | None, gradients: Tensor, flow: Tensor, vectors: Tensor, into: Tensor
    ) -> Tensor | None:
        """Adds the layer's part of the products to ``into``; gives how the loss gradient at the inputs changes.

        Args:
            patches: [in, positions].
            moved: Their tangents [k, in, positions]; ``None`` if they are fixed, and then nothing is given.
            gradients: The loss gradient at the matrix product [out, positions].
            flow: How it changes at the outputs, [k, *outside, rows].
            vectors: Directions [k, size] in all parameters.
            into: Products [k, size].
        """
        count = len(vectors)
        change = self.unscatter(flow)
        products = torch.bmm(change, patches.T.expand(count, -1, -1))
        if moved is not None:
            products.baddbmm_(gradients.expand(count, -1, -1), moved.transpose(1, 2))
        into[:, self._weight] += self._as_weights(products)
        if self._bias is not None:
            into[:, self._bias] += flow.flatten(2).sum(2)
        if moved is None:
            return None
        pulled = torch.bmm(self._directions(vectors).transpose(1, 2), gradients.expand(count, -1, -1))
        return self.ungather(pulled.baddbmm_(self._matrix.T.expand(count, -1, -1), change))

    def gather(self, inputs: Tensor) -> Tensor:
        """[k, *inside, rows] to patches [k, in, positions]."""
        return inputs

    def ungather(self, patches: Tensor) -> Tensor:
        """Transpose of ``gather``."""
        return patches

    def scatter(self, products: Tensor) -> Tensor:
        """[k, out, positions] to outputs [k, *outside, rows]."""
        return products

    def unscatter(self, outputs: Tensor) -> Tensor:
        """Transpose of ``scatter``."""
        return outputs

    def _directions(self, vectors: Tensor) -> Tensor:
        """The layer's matrices [k, out, in] in vectors [k, size]."""
        return self._as_matrices(vectors[:, self._weight].unflatten(1, self._layer.weight.shape))

    def _as_matrices(self, weights: Tensor) -> Tensor:
        """Weights [k, *the layer's shape] as [k, out, in]."""
        return weights.flatten(2)

    def _as_weights(self, matrices: Tensor) -> Tensor:
        """[k, out, in] as flat weights [k, size of the weight]."""
        return matrices.flatten(1)

    def _per_channel(self, biases: Tensor) -> Tensor:
        """[k, out] to be added to outputs."""
        return biases.reshape(*biases.shape, *[1] * len(self._outside))


class Convolution(Weighted):
    """A 2-d convolution with zero padding and one group."""

    def gather(self, inputs: Tensor) -> Tensor:
        """What lies under the kernel."""
        return _patches(self._layer, inputs, self._outside)

    def ungather(self, patches: Tensor) -> Tensor:
        """Added up where it came from."""
        return _image(self._layer, patches, self._outside, self._inside)

    def scatter(self, products: Tensor) -> Tensor:
        """Places apart."""
        return products.unflatten(2, (*self._outside[1:], -1))

    def unscatter(self, outputs: Tensor) -> Tensor:
        """Places joined with rows."""
        return outputs.flatten(2)


class TransposedConvolution(Weighted):
    """A 2-d transposed convolution with one group: every place spreads its channels over a patch."""

    def gather(self, inputs: Tensor) -> Tensor:
        """Places joined with rows."""
        return inputs.flatten(2)

    def ungather(self, patches: Tensor) -> Tensor:
        """Places apart."""
        return patches.unflatten(2, (*self._inside[1:], -1))

    def scatter(self, products: Tensor) -> Tensor:
        """Patches added up to an image."""
        return _image(self._layer, products, self._inside, self._outside)

    def unscatter(self, outputs: Tensor) -> Tensor:
        """The patches of an image."""
        return _patches(self._layer, outputs, self._inside)

    def _as_matrices(self, weights: Tensor) -> Tensor:
        return weights.flatten(2).transpose(1, 2)

    def _as_weights(self, matrices: Tensor) -> Tensor:
        return matrices.transpose(1, 2).flatten(1)


@dataclass(frozen=True)
class _Overlap:
    """Where one element of the kernel meets the image."""

    kernel: tuple[int, int]
    places: tuple[slice, slice]
    pixels: tuple[slice, slice]


def _overlaps(layer: nn.Module, places: tuple[int, ...], image: tuple[int, ...]) -> Iterator[_Overlap]:
    """For every element of the kernel, the places at which it lies on the image (not on its margin), and the pixels."""
    spans = []
    for d in range(2):
        size, stride, padding, dilation = (
            getattr(layer, name)[d] for name in ("kernel_size", "stride", "padding", "dilation")
        )
        line = []
        for element in range(size):
            offset = element * dilation - padding
            first = max(0, -(offset // stride))
            last = min(places[1 + d] - 1, (image[1 + d] - 1 - offset) // stride)
            start = first * stride + offset
            line.append((slice(first, last + 1), slice(start, start + (last - first) * stride + 1, stride)))
        spans.append([(index, *span) for index, span in enumerate(line) if span[0].start < span[0].stop])
    for row, row_places, row_pixels in spans[0]:
        for column, column_places, column_pixels in spans[1]:
            yield _Overlap((row, column), (row_places, column_places), (row_pixels, column_pixels))


def _patches(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, images: Tensor, places: tuple[int, ...]) -> Tensor:
    """Images [k, channels, height, width, rows] to patches [k, channels * kernel, places * rows]."""
    count, channels, height, width, rows = images.shape
    patches = images.new_zeros(count, channels, *_kernel(layer), *places[1:], rows)
    for overlap in _overlaps(layer, places, (channels, height, width)):
        patches[(..., *overlap.kernel, *overlap.places, slice(None))] = images[(..., *overlap.pixels, slice(None))]
    return patches.flatten(4).flatten(1, 3)


def _image(
    layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, patches: Tensor, places: tuple[int, ...], image: tuple[int, ...]
) -> Tensor:
    """Patches [k, channels * kernel, places * rows] added up to images [k, channels, height, width, rows]."""
    split = patches.unflatten(2, (*places[1:], -1)).unflatten(1, (image[0], *_kernel(layer)))
    images = patches.new_zeros(len(patches), *image, split.shape[-1])
    for overlap in _overlaps(layer, places, image):
        images[(..., *overlap.pixels, slice(None))] += split[(..., *overlap.kernel, *overlap.places, slice(None))]
    return images


def _kernel(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, ...]:
    """Height and width of a convolution's kernel."""
    return () if isinstance(layer, nn.Linear) else layer.kernel_size
