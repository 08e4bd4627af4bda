"""Flips in tables and embeddings, whose words act where they are looked up, and in tensors that several steps read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor

from lowland.faults.layer_flips import Changes
from lowland.faults.measured_rows import VALUES, MeasuredRows, Outcomes
from lowland.faults.targets import named_steps
from lowland.quantization.graph.embedding_step import Embedding
from lowland.quantization.graph.storing_step import StoringStep
from lowland.quantization.graph.table_step import Table


def table_flips(measured: MeasuredRows, step: Table, changes: Changes) -> Iterator[Outcomes]:
    """What each flip in a table does: it changes the results where its entry is looked up, in these samples alone.

    Args:
        measured: The samples.
        step: The table.
        changes: Of its entries.
    """
    codes = measured.prefix.values[step.inputs[0]].to(torch.int64) - step.lowest
    for entry in range(len(step.table)):
        _, positions, sizes = changes.at(torch.tensor([entry]))
        if len(positions):
            where = codes == entry
            yield _looked_up(measured, step, (entry, positions, sizes), where)


def embedding_flips(measured: MeasuredRows, step: Embedding, changes: Changes) -> Iterator[Outcomes]:
    """What each flip in an embedding does: it changes one feature of the tokens that its row stands for.

    Args:
        measured: The samples.
        step: The embedding, whose weights no other step reads.
        changes: Of its weights.
    """
    rows, features = step.weight.shape
    tokens = measured.prefix.values[step.inputs[0]].to(torch.int64)
    for row in range(rows):
        token = (tokens == row)[..., None]
        for feature in range(features):
            element = row * features + feature
            _, positions, sizes = changes.at(torch.tensor([element]))
            if len(positions):
                where = token & (torch.arange(features) == feature)
                yield _looked_up(measured, step, (element, positions, sizes), where)


def _looked_up(measured: MeasuredRows, step: StoringStep, flips: tuple[int, Tensor, Tensor], where: Tensor) -> Outcomes:
    """Flips of one element that is added where a mask [samples, ...] says, in the samples where it says so."""
    element, positions, sizes = flips
    prefix = measured.prefix
    results = prefix.values[step.name]
    samples = where.flatten(1).any(1).nonzero()[:, 0]
    (kind,) = step.stored
    found = measured.clean.expand(len(sizes), *measured.clean.shape).clone()
    if len(samples):
        flip, place = (grid.flatten() for grid in torch.meshgrid(torch.arange(len(sizes)), samples, indexing="ij"))
        masks = where[samples].to(results.dtype)
        moved = (masks * sizes.to(results.dtype).reshape(-1, *[1] * where.ndim)).flatten(0, 1)
        width = prefix.width_behind(step.name)

        def outputs(some: Tensor, change: Tensor) -> Tensor:
            return prefix.outputs_after(some, {step.name: results[some] + change})

        found[flip, place] = measured.after(outputs, place, moved, width=width)
    elements = torch.full_like(positions, element)
    name = f"{step.name}.{kind}"
    return Outcomes.of(name, elements, positions, found, answers=measured.answers is not None)


def shared_flips(measured: MeasuredRows, name: str, users: Collection[str], changes: Changes) -> Iterator[Outcomes]:
    """What each flip of a tensor does that acts in several places: the network from the first of them on, each time.

    Args:
        measured: The samples.
        name: Of the tensor.
        users: The steps that read it.
        changes: Of its codes.
    """
    codes = measured.network.codes[name]
    every = torch.arange(len(measured))
    width = max(measured.prefix.width_behind(user) for user in users)
    behind = (*users, *measured.prefix.behind(users))
    order = [step for step in measured.prefix.steps if step in behind]
    for element in range(codes.numel()):
        _, positions, sizes = changes.at(torch.tensor([element]))
        for position, size in zip(positions.tolist(), sizes.tolist(), strict=True):
            new = codes.flatten().clone()
            new[element] = int(new[element]) + size
            steps = named_steps(measured.network.with_codes({name: new.reshape(codes.shape)}))
            parts = []
            for samples in every.split(max(1, VALUES // width)):
                values: dict[str, Tensor] = {}
                for step_name in order:
                    step = steps[step_name]
                    known: Mapping[str, Tensor] = measured.prefix.values
                    sources = [values[s] if s in values else known[s][samples] for s in step.inputs]
                    values[step_name] = step.carried(*sources)
                carried = values.get(measured.prefix.last, measured.prefix.outputs[samples])
                parts.append(measured.of_outputs(carried, samples))
            found = torch.cat(parts)[None]
            place = torch.tensor([element]), torch.tensor([position])
            yield Outcomes.of(name, *place, found, answers=measured.answers is not None)
