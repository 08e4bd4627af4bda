"""Which node comes next, and what a failure means for the others."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Hashable, Mapping
from enum import Enum
from typing import Generic, TypeVar

N = TypeVar("N", bound=Hashable)


class State(Enum):
    """Where a node stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


LOST = (State.FAILED, State.SKIPPED)


class Schedule(Generic[N]):
    """Hands out nodes whose predecessors are over, the longest chain of descendants first.

    A failed node blocks its descendants, except gathers: they read what exists, so they only wait until every
    predecessor is over.

    Args:
        needs: Node to its predecessors; among equally long chains the order of this mapping decides.
        gathers: The nodes that a lost predecessor does not block.
    """

    def __init__(self, needs: Mapping[N, Collection[N]], *, gathers: Collection[N] = ()) -> None:
        self.needs = {node: frozenset(before) for node, before in needs.items()}
        self.states = dict.fromkeys(self.needs, State.WAITING)
        self._gathers = frozenset(gathers)
        self._children: dict[N, list[N]] = {node: [] for node in self.needs}
        for node, before in self.needs.items():
            for parent in before:
                self._children[parent].append(node)
        self._open = {node: len(before) for node, before in self.needs.items()}
        self._rank = {node: (-depth, i) for i, (node, depth) in enumerate(self._depths().items())}
        self._ready: list[tuple[tuple[int, int], N]] = []
        for node, count in self._open.items():
            if count == 0:
                self._push(node)

    @property
    def pending(self) -> bool:
        """Whether a node could be started now."""
        return bool(self._ready)

    def next(self) -> N | None:
        """A node to start now, or ``None`` where there is none yet."""
        if not self._ready:
            return None
        node = heapq.heappop(self._ready)[1]
        self.states[node] = State.RUNNING
        return node

    def retry(self, node: N) -> None:
        """Puts a running node back."""
        self._push(node)

    def done(self, node: N) -> list[N]:
        """Ends a node well; returns what is skipped because of an *earlier* failure now that it is over."""
        return self._end(node, State.DONE)

    def failed(self, node: N) -> list[N]:
        """Ends a node badly; returns the descendants that are skipped."""
        return self._end(node, State.FAILED)

    def lost(self, node: N) -> frozenset[N]:
        """The predecessors that left nothing."""
        return frozenset(parent for parent in self.needs[node] if self.states[parent] in LOST)

    def _end(self, node: N, state: State) -> list[N]:
        self.states[node] = state
        skipped, over = [], [node]
        while over:
            for child in self._children[over.pop()]:
                self._open[child] -= 1
                if self._open[child]:
                    continue
                if self.lost(child) and child not in self._gathers:
                    self.states[child] = State.SKIPPED
                    skipped.append(child)
                    over.append(child)
                else:
                    self._push(child)
        return skipped

    def _push(self, node: N) -> None:
        self.states[node] = State.READY
        heapq.heappush(self._ready, (self._rank[node], node))

    def _depths(self) -> dict[N, int]:
        """Node to the length of its longest chain of descendants."""
        order = [node for node, count in self._open.items() if count == 0]
        count = dict(self._open)
        for node in order:  # grows while it is read
            for child in self._children[node]:
                count[child] -= 1
                if count[child] == 0:
                    order.append(child)
        depths = dict.fromkeys(self.needs, 0)
        for node in reversed(order):
            depths[node] = max((1 + depths[child] for child in self._children[node]), default=0)
        return depths
