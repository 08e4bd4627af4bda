"""Chains of linear layers and elementwise functions, computed for many settings of their parameters at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lowland.functional_call import call_with
from lowland.landscape.problem.rerouted import is_plain

# What one layer computes at once should stay in the second-level cache and its neighbour (1 MiB in float32).
CACHED_ELEMENTS = 2**18
CACHED_ROWS = 512
PROBED_ROWS = 64


class LayerChain:
    """A network that is a chain of linear layers and elementwise functions, at points of a plane through its weights.

    Features come first and rows last, so that all products are of one kind, activations are vectorised over rows and
    few outputs cost little. The first layer is linear in the coordinates too: its products with the inputs are computed
    once for the origin and each direction, then combined at every point.

    Args:
        before: Modules that the inputs go through first.
        steps: Names of linear layers, and elementwise modules between them; a linear layer first.
        origin: Weights and biases by name.
        directions: Changes of them by name.
    """

    def __init__(
        self,
        before: list[nn.Module],
        steps: list[str | nn.Module],
        origin: Mapping[str, Tensor],
        directions: list[dict[str, Tensor]],
    ) -> None:
        self._before, self._steps = before, steps
        self._planes: dict[str, tuple[Tensor, Tensor | None]] = {}
        for name in (step for step in steps if isinstance(step, str)):
            weight, bias = (
                None if key not in origin else torch.stack([d.get(key, torch.zeros_like(origin[key])) for d in sources])
                for key, sources in ((f"{name}.{kind}", (origin, *directions)) for kind in ("weight", "bias"))
            )
            assert weight is not None  # ``of`` takes only layers whose weights are in the origin
            self._planes[name] = weight, bias
        self._width = max(weight.shape[1] for weight, _ in self._planes.values())

    @classmethod
    def of(
        cls, module: nn.Module, inputs: Tensor, origin: Mapping[str, Tensor], directions: list[dict[str, Tensor]]
    ) -> LayerChain | None:
        """The module as a chain, ``None`` if it is none.

        Args:
            module: In evaluation mode; left as it came.
            inputs: Rows [rows, features]; what the chain computes is compared with the module on them.
            origin: Parameters by name that take the place of the module's.
            directions: Changes of them by name.
        """
        found = _recorded_chain(module, inputs[:PROBED_ROWS])
        if found is None:
            return None
        before, steps = found
        linear = {f"{step}.{kind}" for step in steps if isinstance(step, str) for kind in ("weight", "bias")}
        own = {name: p.detach() for name, p in module.named_parameters()}
        if any(not linear.issuperset(named) for named in (own, origin, *directions)):
            return None
        if any(f"{step}.weight" not in own for step in steps if isinstance(step, str)):  # the same tensor as another's
            return None
        values = {**own, **origin}
        expected = call_with(module, values, inputs)
        chain = cls(before, steps, values, directions)
        ((_, outputs),) = chain.outputs(torch.zeros(1, len(directions)), inputs)
        tolerance = 100 * torch.finfo(expected.dtype).eps * float(expected.abs().max())
        # Where an output is not finite there is nothing to compare: the module itself then speaks for every point.
        same = expected.isfinite().all() and torch.allclose(outputs[0], expected, rtol=0, atol=tolerance)
        return chain if same else None

    def outputs(self, coordinates: Tensor, inputs: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Outputs of all rows at so many points at a time as are computed together.

        Args:
            coordinates: [points, directions].
            inputs: [rows, features].

        Yields:
            Which points, and their outputs [points, rows, outputs], with rows last in memory; valid until the next are
            asked for.
        """
        first, *rest = self._steps
        weight, bias = self._planes[str(first)]
        for module in self._before:
            inputs = module(inputs)
        features = weight @ inputs.T  # [directions + 1, width, rows]
        if bias is not None:
            features += bias[:, :, None]
        columns = [block.flatten(1) for block in features.split(CACHED_ROWS, 2)]
        together = max(1, CACHED_ELEMENTS // (self._width * min(CACHED_ROWS, len(inputs))))
        factors = torch.cat([coordinates.new_ones(len(coordinates), 1), coordinates], 1).to(weight)
        # Large tensors that come and go are returned to the system and cleared again each time: these two stay.
        hidden = weight.new_empty(together * max(block.shape[1] for block in columns))
        results: Tensor | None = None
        for start in range(0, len(coordinates), together):
            place = slice(start, min(start + together, len(coordinates)))
            own = factors[place]
            weights = {name: self._combined(name, own) for name in rest if isinstance(name, str)}
            done = 0
            for block in columns:
                values = torch.mm(own, block, out=hidden[: len(own) * block.shape[1]].view(len(own), -1))
                values = self._after_first(values.view(len(own), weight.shape[1], -1), weights, rest)
                if results is None:
                    results = values.new_empty(together, values.shape[1], len(inputs))
                results[: len(own), :, done : done + values.shape[2]] = values
                done += values.shape[2]
            assert results is not None  # there is always a row
            yield place, results[: len(own)].transpose(1, 2)

    @staticmethod
    def _after_first(
        values: Tensor, weights: dict[str, tuple[Tensor, Tensor | None]], rest: list[str | nn.Module]
    ) -> Tensor:
        """Outputs [points, outputs, rows] from what the first layer gave."""
        for step in rest:
            if isinstance(step, str):
                weight, bias = weights[step]
                values = torch.bmm(weight, values) if bias is None else torch.baddbmm(bias, weight, values)
            elif type(step) is nn.ReLU:
                values = values.relu_()
            else:
                values = step(values)
        return values

    def _combined(self, name: str, factors: Tensor) -> tuple[Tensor, Tensor | None]:
        """Weight [points, outputs, inputs] and bias [points, outputs, 1] of a layer."""
        weight, bias = self._planes[name]
        combined = (factors @ weight.flatten(1)).view(len(factors), *weight.shape[1:])
        return combined, None if bias is None else (factors @ bias)[:, :, None]


@dataclass(frozen=True)
class _Call:
    """One call of a leaf module: what it was given and gave, each with its version (in-place changes count it up)."""

    name: str
    module: nn.Module
    given: object
    given_version: int
    output: object
    output_version: int


def _recorded_chain(module: nn.Module, inputs: Tensor) -> tuple[list[nn.Module], list[str | nn.Module]] | None:
    """What the inputs go through, leaf by leaf, if each takes exactly what the one before gave, unchanged since."""
    if inputs.ndim != 2 or not all(is_plain(part) for part in module.modules()):
        return None
    calls = _recorded_calls(module, rows := inputs.clone())
    if calls is None:
        return None
    *calls, last = calls
    before: list[nn.Module] = []
    steps: list[str | nn.Module] = []
    current: object = rows
    version = rows._version
    for call in calls:
        if call.given is not current or call.given_version != version:
            return None
        if type(call.module) is nn.Linear:
            if call.name in steps:
                return None
            steps.append(call.name)
        elif next(call.module.parameters(), None) is not None or not _works_with_rows_last(call.module, inputs):
            return None
        elif steps:
            steps.append(call.module)
        else:
            before.append(call.module)
        current, version = call.output, call.output_version
    return (before, steps) if steps and current is last.output and version == last.output_version else None


def _recorded_calls(module: nn.Module, rows: Tensor) -> list[_Call] | None:
    """The calls of all leaves, and of the module itself last; ``None`` if one takes anything but one tensor."""
    calls: list[_Call] = []
    entries: list[tuple[object, int]] = []
    odd = False

    def enter(_module: nn.Module, given: tuple[object, ...]) -> None:
        nonlocal odd
        value = given[0] if len(given) == 1 else None
        odd |= not isinstance(value, Tensor)
        entries.append((value, getattr(value, "_version", 0)))

    def leave(name: str, own: nn.Module, output: object) -> None:
        nonlocal odd
        odd |= not isinstance(output, Tensor)
        calls.append(_Call(name, own, *entries.pop(), output, getattr(output, "_version", 0)))

    handles = []
    for name, part in module.named_modules():
        if part is module or next(part.children(), None) is None:
            handles.append(part.register_forward_pre_hook(enter))
            handles.append(part.register_forward_hook(lambda own, _, output, name=name: leave(name, own, output)))
    try:
        module(rows)
    finally:
        for handle in handles:
            handle.remove()
    if next(module.children(), None) is None:  # the module itself is the only leaf
        calls = [*calls, *calls]
    return None if odd else calls


def _works_with_rows_last(module: nn.Module, like: Tensor) -> bool:
    """Whether a module computes the same for [rows, features] and for [points, features, rows]."""
    probe = torch.linspace(-3, 3, 24, dtype=like.dtype, device=like.device)
    order = torch.arange(24).view(2, 3, 4).transpose(1, 2)
    try:
        plain, rearranged = module(probe.view(6, 4).clone()), module(probe[order])
    except Exception:  # whatever it has against such shapes, it is no function of single entries
        return False
    if plain.numel() != 24 or rearranged.shape != order.shape:
        return False
    return torch.allclose(rearranged, plain.flatten()[order], rtol=1e-4)
