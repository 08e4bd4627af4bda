"""What of the study is to run, as a user named it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from kedro.pipeline import Pipeline

from lowland.errors import LowlandError

SHOWN = 8


def check_selection(options: Mapping[str, Any], study: Pipeline) -> None:
    """Refuses names that are not in the study: Kedro passes over a wrong one among right ones.

    Args:
        options: Those of ``kedro run`` by their Python names.
        study: What they choose from.

    Raises:
        LowlandError: One line with the option, the name and the nearest ones.
    """
    nodes = [node.name for node in study.nodes]
    datasets = sorted(study.datasets())
    known = {
        "tags": sorted({tag for node in study.nodes for tag in node.tags}),
        "namespaces": _namespaces(study),
        "node_names": nodes,
        "from_nodes": nodes,
        "to_nodes": nodes,
        "from_inputs": datasets,
        "to_outputs": datasets,
    }
    for option, names in known.items():
        there = set(names)
        for name in options.get(option) or ():
            if name not in there:
                flag = "--nodes" if option == "node_names" else f"--{option.replace('_', '-')}"
                raise LowlandError(f"{flag} names {name!r}; {expected(name, names)}")
    if options.get("load_versions"):
        raise LowlandError("--load-versions: no dataset of this study is versioned; leave it out")


def expected(name: str, known: Iterable[str]) -> str:
    """``did you mean ...`` or, where no name is like it, which there are."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1) or [each for each in known if each.endswith(f".{name}")][:3]
    if len(known) <= SHOWN:
        meant = f"; did you mean {near[0]}?" if near else ""
        return f"expected one of {', '.join(known)}{meant}"
    return f"did you mean {' or '.join(near)}?" if near else f"expected one of {', '.join(known[:SHOWN])}, ..."


def _namespaces(study: Pipeline) -> list[str]:
    """Every namespace and those around it, the outer ones first."""
    found = set()
    for namespace in {node.namespace for node in study.nodes if node.namespace}:
        parts = namespace.split(".")
        found |= {".".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    return sorted(found, key=lambda name: (name.count("."), name))
