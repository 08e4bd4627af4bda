"""What a change in one channel of a scan's body does at every place, as long as the states come in unchanged."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from lowland.quantization.graph.joining_steps import Add, Multiply
from lowland.quantization.graph.moving_steps import Slice
from lowland.quantization.graph.rounding_steps import Requantize
from lowland.quantization.graph.scaling_steps import Rescale
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.table_step import Table

Channel = tuple[int, Tensor]
"""Which channel of a step's results, and what it is [flips, samples, places]."""


def channel_trace(
    scan: Scan, clean: Callable[[str], Tensor], name: str, channel: int, changed: Tensor
) -> dict[str, Channel] | None:
    """All results of a body that differ from the clean ones, each in a single channel.

    Args:
        scan: Its body.
        clean: The unchanged results [samples, places, ...] of a step, or the states it takes, by name.
        name: The step that is hit.
        channel: Which of its channels.
        changed: What that is [flips, samples, places].

    Returns:
        By step, without those that show no difference; ``None`` where channels mix within a place.
    """
    found: dict[str, Channel] = {name: (channel, changed)}
    for step in scan.steps.values():
        moved = [source for source in step.inputs if source in found]
        if not moved:
            continue
        place = found[moved[0]][0]
        if isinstance(step, Slice):
            start, stop, stride = (step.arguments.get(key) for key in ("start", "stop", "step"))
            if (
                step.arguments.get("dim") not in (1, -1)
                or stride not in (None, 1)
                or step.arguments.get("index") is not None
            ):
                return None
            first, last = start or 0, stop
            if first < 0 or (last is not None and last < 0):
                return None
            if first <= place and (last is None or place < last):
                found[step.name] = place - first, found[moved[0]][1]
            continue
        if isinstance(step, Requantize):
            value = step.channel(place).carried(found[moved[0]][1])
        elif isinstance(step, Table | Rescale):
            value = step.carried(found[moved[0]][1])
        elif isinstance(step, Add | Multiply):
            if any(found[source][0] != place for source in moved):
                return None
            value = step.carried(
                *(found[s][1] if s in found else clean(s)[..., place].expand_as(changed) for s in step.inputs)
            )
        else:
            return None
        found[step.name] = place, value
    return found
