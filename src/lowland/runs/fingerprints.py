"""What decides the result of every node: parameters, code, data, and what the nodes before it made of theirs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from lowland.runners.progress import tag_of

PREFIX = "params:"
SOURCES = (".py", ".j2", ".css", ".js")


def fingerprints(
    study: Pipeline,
    parameters: Mapping[str, Any],
    *,
    code: Mapping[str, str],
    data: Mapping[str, str],
) -> dict[str, str]:
    """Name of every node to a digest of all that decides its result.

    Equal digests mean equal results; a change travels down to whatever is made from it.

    Args:
        study: The whole study.
        parameters: Nested, as nodes are given them.
        code: Tag of a stage, or of a part of one, to the digest of its code; and ``tasks.<name>`` to that of a user's
            own code, on which all nodes of this task depend.
        data: Name of a dataset to the digest of its content: raw tables, from whose bytes everything follows, whatever
            made them.
    """
    made, found = dict(data), {}
    texts: dict[str, str] = {}
    for node in study.nodes:
        parts = [code.get(tag_of(node), "")]
        if own := code.get(own_tag(task_of(node))):
            parts.append(own)
        for name in node.inputs:
            if name.startswith(PREFIX):
                if name not in texts:
                    value = json.dumps(_at(parameters, name), sort_keys=True, default=str)
                    texts[name] = hashlib.sha256(value.encode()).hexdigest()
                parts.append(f"{name}={texts[name]}")
            else:
                parts.append(f"{name}={made.get(name, '')}")
        found[node.name] = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
        made |= {name: data.get(name, found[node.name]) for name in node.outputs}
    return found


def task_of(node: Node) -> str:
    """The task that a node belongs to; empty for those that gather all."""
    return (node.namespace or "").partition(".")[0]


def own_tag(task: str) -> str:
    """What a user's own code of a task is called among the digests of code."""
    return f"tasks.{task}"


def _at(parameters: Mapping[str, Any], name: str) -> Any:
    value: Any = parameters
    for part in name.removeprefix(PREFIX).split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def code_of_stages(root: Path, tags: set[str]) -> dict[str, str]:
    """Tag to a digest of the code behind it, which is what ``dvc.yaml`` declares; of all code where it does not say.

    Args:
        root: Of the project.
        tags: Of stages, and of parts of stages, which ``dvc.yaml`` knows under their own names.
    """
    file = root / "dvc.yaml"
    declared = yaml.safe_load(file.read_text("utf-8"))["stages"] if file.is_file() else {}
    digests: dict[str, str] = {}  # many stages share most of their code
    found = {}
    for tag in tags:
        stage = declared.get(tag.rpartition(".")[2], {})
        deps = [dep for dep in stage.get("do", stage).get("deps", ()) if str(dep).startswith("src/")] or ["src"]
        digest = hashlib.sha256()
        for dep in sorted(deps):
            if dep not in digests:
                digests[dep] = _digest(root / dep)
            digest.update(digests[dep].encode())
        found[tag] = digest.hexdigest()[:32]
    return found


def _digest(path: Path) -> str:
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.suffix in SOURCES)
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()
