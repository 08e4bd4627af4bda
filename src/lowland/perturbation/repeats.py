"""Options that must not name anything twice: what is measured twice would count twice."""

from __future__ import annotations

from collections.abc import Sequence


def refuse_repeats(**named: Sequence[object]) -> None:
    """Refuses the first of these lists that holds an entry twice.

    Raises:
        ValueError: Its name and its entries, for the model that is being validated.
    """
    for name, values in named.items():
        if len(set(values)) < len(values):
            raise ValueError(f"{name} names an entry twice: {list(values)}")
