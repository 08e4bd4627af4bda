"""Upsets in activation codes: each code of each inference is hit once, where it is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from lowland.certification.deployed.answered_rows import AnsweredRows
from lowland.faults.transient import flipped_codes
from lowland.quantization.graph.loop import Place
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import CodeFormat, Step

ITEMS = 2**13  # rows times upsets that are computed at once


def activation_upsets(answered: AnsweredRows, length: int) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
    """What every upset of an activation code does to every row.

    Args:
        answered: The rows.
        length: Bits that flip together.

    Yields:
        Name (``1.activation``), flat element and lowest bit of some upsets [upsets], and whether the answer changes
        [upsets, rows].
    """
    prefix = answered.prefix
    for name, step in prefix.steps.items():
        if isinstance(step, Scan):
            operands = [prefix.values[source] for source in step.inputs]
            traces = step.traces("carried", *operands)
            for inner, body_step in step.steps.items():
                if body_step.result_codes is not None:
                    shape = traces[inner].shape[1:]
                    struck = _in_scan(step, inner, operands, shape)
                    width = f"{name}.{inner}.activation", shape.numel()
                    yield from _each(answered, width, body_step.result_codes, length, name, struck)
        elif step.result_codes is not None:
            clean = prefix.values[name]
            struck = _in_results(clean, step.result_codes)
            yield from _each(
                answered, (f"{name}.activation", clean[0].numel()), step.result_codes, length, name, struck
            )


Struck = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Rows [items], elements [items] and masks [items] -> the step's results with these codes flipped [items, ...]."""


def _each(
    answered: AnsweredRows, words: tuple[str, int], kind: CodeFormat, length: int, step: str, struck: Struck
) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
    """All upsets of the codes that a step hands on, some at a time."""
    name, size = words
    prefix, rows = answered.prefix, len(answered)
    room = kind.bits - length + 1
    if room < 1:
        return
    clean, width = prefix.values[step], prefix.width_behind(step)
    every = torch.arange(rows)
    for upsets in torch.arange(size * room).split(max(1, ITEMS // rows)):
        elements, positions = upsets // room, upsets % room
        samples = every.repeat(len(upsets))
        masks = torch.full_like(positions, 2**length - 1) << positions
        shown = struck(samples, elements.repeat_interleave(rows), masks.repeat_interleave(rows))
        differs = (shown != clean[samples]).flatten(1).any(1).nonzero()[:, 0]
        changed = torch.zeros(len(samples), dtype=torch.bool)
        changed[differs] = (
            answered.after(
                lambda some, values: prefix.outputs_after(some, {step: values}),
                samples[differs],
                shown[differs],
                width=width,
            )[:, 0]
            > 0
        )
        yield name, elements, positions, changed.reshape(len(upsets), rows)


def _in_results(clean: Tensor, kind: CodeFormat) -> Struck:
    """Flips in the results of a step."""

    def struck(samples: Tensor, elements: Tensor, masks: Tensor) -> Tensor:
        values, items = clean[samples].flatten(1).contiguous(), torch.arange(len(samples))
        values[items, elements] = flipped_codes(values[items, elements], masks, kind)
        return values.reshape(len(samples), *clean.shape[1:])

    return struck


def _in_scan(scan: Scan, inner: str, operands: list[Tensor], shape: torch.Size) -> Struck:
    """Flips in what a body rounds at one place: states carry them on."""

    def struck(samples: Tensor, elements: Tensor, masks: Tensor) -> Tensor:
        all_masks = masks.new_zeros(len(samples), shape.numel())
        all_masks[torch.arange(len(samples)), elements] = masks
        all_masks = all_masks.reshape(len(samples), *shape)

        def compute(step: Step, given: list[Tensor], place: Place) -> Tensor:
            result = step.carried(*given)
            if step.name != inner or step.result_codes is None:
                return result
            return flipped_codes(result, all_masks[:, place], step.result_codes)

        return scan.along(compute, [values[samples] for values in operands], (scan.loop.shown,))[scan.loop.shown]

    return struck
