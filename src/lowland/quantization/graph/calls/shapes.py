"""Values side by side, in another shape or order, in part; and what their sizes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch
from torch import nn

from lowland.quantization.graph.converter import Converter
from lowland.quantization.graph.operators import operator
from lowland.quantization.graph.wires import LastStates, Rows, Sizes, Wire


def concat(c: Converter, tensors: Sequence[Any], dim: int = 0) -> Wire:
    """Values side by side."""
    if not all(isinstance(wire, Wire) for wire in tensors):
        c.refuse("concatenates constants with values; expected values only: append the constants to a layer's bias")
    return c.emit(operator("concat", dim=c.dim(tensors[0], dim)), *tensors)


def stack(c: Converter, tensors: Sequence[Wire], dim: int = 0) -> Wire:
    """Values side by side along a new dimension."""
    place = c.dim(tensors[0], dim if dim >= 0 else dim + c.ndim(tensors[0]) + 1)
    return concat(c, [unsqueeze(c, wire, place) for wire in tensors], place)


def flatten(c: Converter, input: Wire, start_dim: int = 0, end_dim: int = -1) -> Wire:
    """Several dimensions made one; the rows among them where others are left, which are then places of a row."""
    if start_dim == 0 or (start_dim < 0 and c.dim(input, start_dim) == 0):
        ndim = c.ndim(input) - input.merged
        last = end_dim % ndim
        if not 0 < last < ndim - 1:
            c.refuse("flattens the rows too; expected start_dim=1 or more")
        return replace(input, merged=input.merged + last)
    if input.merged:
        c.refuse("flattens places that are counted among the rows; expected reshape(rows, ...) before it")
    return c.emit(nn.Flatten(start_dim, end_dim), input)


def reshape(c: Converter, input: Wire, *shape: Any) -> Wire:
    """Another shape; places of a row may be counted among the rows for what works on the last dimension."""
    sizes: list[Any] = list(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else list(shape)
    first, rest = sizes[0], sizes[1:]
    if not (isinstance(first, Rows) or first == -1) or any(isinstance(size, Rows) for size in rest):
        c.refuse(f"reshapes to {tuple(sizes)}; expected the number of rows first (x.shape[0] or -1), and nowhere else")
    if first == -1 and -1 in rest and (input.example is None or input.merged):
        c.refuse("reshapes with two sizes -1; expected one")
    plain = not input.merged and (first == -1 or first.places == 1)
    if plain and (input.example is None or first != -1 or -1 in rest or prod(rest) == prod(c.shape(input))):
        if list(rest) == [-1]:
            return c.emit(nn.Flatten(), input)
        return c.reshape(input, tuple(int(size) for size in rest))
    return _with_places(c, input, first, [int(size) for size in rest])


def _with_places(c: Converter, input: Wire, first: int, rest: Sequence[int]) -> Wire:
    """The value with some of its dimensions counted among the rows, or no longer."""
    given = c.shape(input)
    known = prod(size for size in rest if size != -1)
    places = first.places if isinstance(first, Rows) else prod(given) // known
    kept = next((count for count in range(len(given)) if prod(given[:count]) == places), None)
    behind = -1 if kept is None else prod(given[kept:])
    if kept is None or (behind != known if -1 not in rest else behind % known):
        c.refuse(
            f"reshapes rows of shape {given} to {tuple(rest)}; expected as many numbers in each row, or whole "
            "dimensions counted among the rows: x.reshape(rows * places, features)"
        )
    shape = tuple(behind // known if size == -1 else size for size in rest)
    return replace(c.reshape(replace(input, merged=0), (*given[:kept], *shape)), merged=kept)


def view_as(c: Converter, input: Wire, other: Wire) -> Wire:
    """The shape of another value."""
    return c.reshape(input, c.shape(other))


def unflatten(c: Converter, input: Wire, dim: int, sizes: Sequence[int]) -> Wire:
    """One dimension made several."""
    if input.merged:
        places, given = list(sizes), c.shape(input)
        if dim != 0 or prod(size for size in places[1:]) != prod(given[: input.merged]) or -1 in places[1:]:
            c.refuse(f"unflattens dimension {dim} to {tuple(sizes)}; expected the rows and their places again")
        return c.reshape(replace(input, merged=0), (*places[1:], *given[input.merged :]))
    return c.emit(nn.Unflatten(dim, tuple(sizes)), input)


def squeeze(c: Converter, input: Wire, dim: int | None = None) -> Wire:
    """Without a dimension of size 1, or without all of them."""
    if isinstance(input, LastStates) and dim == 0:
        return input.only
    shape = c.shape(input)
    if dim is None:
        return c.reshape(input, tuple(size for size in shape if size != 1))
    place = c.dim(input, dim) - 1
    return input if shape[place] != 1 else c.reshape(input, shape[:place] + shape[place + 1 :])


def unsqueeze(c: Converter, input: Wire, dim: int) -> Wire:
    """With another dimension of size 1."""
    shape = c.shape(input)
    place = dim - 1 if dim > 0 else dim + len(shape) + 1
    if place < 0:
        c.refuse("makes the rows a second dimension; expected them to stay the first")
    return c.reshape(input, (*shape[:place], 1, *shape[place:]))


def permute(c: Converter, input: Wire, *dims: Any) -> Wire:
    """Another order of dimensions."""
    order = list(dims[0]) if len(dims) == 1 and isinstance(dims[0], Sequence) else list(dims)
    return c.permute(input, tuple(dim % len(order) for dim in order))


def transpose(c: Converter, input: Wire, dim0: int, dim1: int) -> Wire:
    """Two dimensions exchanged."""
    order = list(range(c.ndim(input)))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return c.permute(input, tuple(order))


def item(c: Converter, value: Any, index: Any) -> Any:
    """A part of a value."""
    if not isinstance(value, Wire):
        return value[index]
    places = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in places:
        gap = places.index(Ellipsis)
        known = sum(place is not None for place in places) - 1
        places[gap : gap + 1] = [slice(None)] * (c.ndim(value) - known)
    if not (isinstance(places[0], slice) and places[0] == slice(None)):
        c.refuse("picks rows; expected all of them, x[:, ...]")
    dim = 1
    for place in places[1:]:
        if place is None:
            value, dim = unsqueeze(c, value, dim), dim + 1
        elif isinstance(place, int):
            value = c.emit(operator("slice", dim=dim, index=place), value)
        elif isinstance(place, slice):
            if place != slice(None):
                part = {"start": place.start, "stop": place.stop, "step": place.step or 1}
                value = c.emit(operator("slice", dim=dim, **part), value)
            dim += 1
        else:
            c.refuse(f"picks {place!r}; expected numbers and slices")
    return value


def narrow(c: Converter, input: Wire, dim: int, start: int, length: int) -> Wire:
    """A part of one dimension."""
    return c.emit(operator("slice", dim=c.dim(input, dim), start=start, stop=start + length), input)


def select(c: Converter, input: Wire, dim: int, index: int) -> Wire:
    """One place of a dimension."""
    return c.emit(operator("slice", dim=c.dim(input, dim), index=index), input)


def split(c: Converter, tensor: Wire, split_size_or_sections: Any, dim: int = 0) -> tuple[Wire, ...]:
    """Parts of a dimension, by their sizes."""
    place = c.dim(tensor, dim)
    size = c.shape(tensor)[place - 1]
    sections = split_size_or_sections
    if isinstance(sections, int):
        sections = [min(sections, size - begin) for begin in range(0, size, sections)]
    begins = [sum(sections[:index]) for index in range(len(sections))]
    return tuple(narrow(c, tensor, place, begin, length) for begin, length in zip(begins, sections, strict=True))


def chunk(c: Converter, input: Wire, chunks: int, dim: int = 0) -> tuple[Wire, ...]:
    """Parts of a dimension, by their number."""
    return split(c, input, -(-c.shape(input)[c.dim(input, dim) - 1] // chunks), dim)


def unbind(c: Converter, input: Wire, dim: int = 0) -> tuple[Wire, ...]:
    """All places of a dimension."""
    place = c.dim(input, dim)
    return tuple(select(c, input, place, index) for index in range(c.shape(input)[place - 1]))


def pad(c: Converter, input: Wire, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Wire:
    """Zeros around a value."""
    if mode != "constant" or value not in (None, 0):
        c.refuse(f"pads with mode {mode!r} and value {value}; expected zeros")
    return c.emit(operator("pad", pad=list(pad)), input)


def size(c: Converter, input: Wire, dim: int | None = None) -> Any:
    """Sizes, or one of them."""
    if input.example is None:
        sizes: Any = Sizes(c.needs_example)
    else:
        shape = c.shape(input)
        places = prod(shape[: input.merged])
        sizes = (Rows(len(input.example) * places, places), *shape[input.merged :])
    return sizes if dim is None else sizes[dim]


def attribute(c: Converter, value: Any, name: str) -> Any:
    """An attribute of a value."""
    if not isinstance(value, Wire):
        return getattr(value, name)
    if name == "shape":
        return size(c, value)
    if name == "ndim":
        return c.ndim(value)
    if name in ("dtype", "device", "requires_grad", "is_cuda"):
        return getattr(value.example, name, torch.float32 if name == "dtype" else None)
    if name in ("T", "mT"):
        return transpose(c, value, -2, -1)
    c.refuse(f"uses the attribute {name!r} of a value; expected shape or ndim")
