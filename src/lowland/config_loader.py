"""How the files of ``conf`` and ``--params`` become the parameters of a run, and which of them said what."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from lowland.config_files import check_file, check_names, shown
from lowland.errors import LowlandError, MistakesError, did_you_mean
from lowland.runs.data_folder import DataFolderLoader

_log = logging.getLogger(__name__)
RUNTIME = "--params"
AXES = ("tasks", "recipes", "seeds", "precisions")
# What conf/base says about the members of its own axes, by the axis.
ABOUT_MEMBERS = {
    ("requirements",): "tasks",
    ("training", "per_task"): "tasks",
    ("fine_tuning", "per_task"): "tasks",
    ("qat_recipes",): "recipes",
    ("landscape_detail", "precisions"): "precisions",
    ("flip_map", "precisions"): "precisions",
}


class Origins:
    """Which file, or ``--params``, gave each parameter.

    Args:
        files: What is in use of each file, by its name for people.
        runtime: What ``--params`` said.
    """

    def __init__(self, files: Mapping[str, Any], runtime: Mapping[str, Any]) -> None:
        self._files, self._runtime = files, runtime

    def of(self, path: Sequence[str]) -> str | None:
        """Who said this, or, where nobody did, who says most of what is around it.

        Args:
            path: Of a parameter, such as ``("training", "epochs")``.
        """
        runtime, depths = _depth(self._runtime, path), {n: _depth(content, path) for n, content in self._files.items()}
        best = max(depths, key=lambda name: depths[name], default=None)
        if runtime == len(path) or runtime > max(depths.values(), default=0):
            return RUNTIME
        return best if best is not None and depths[best] else None


def _depth(content: Any, path: Sequence[str]) -> int:
    """How many parts of a path are there."""
    for depth, part in enumerate(path):
        names = {str(key): key for key in content} if isinstance(content, Mapping) else {}
        if part not in names:
            return depth
        content = content[names[part]]
    return len(path)


class StudyConfigLoader(DataFolderLoader):
    """Kedro's loader with runtime parameters merged last and a user's mistakes told in one line.

    An environment's top-level key replaces that of ``conf/base`` whole; ``--params`` are merged over the result, so
    that any parameter of any environment can be given alone. What ``conf/base`` says about members of its own axes
    (requirements of its task) does not reach an environment that has others.

    Attributes:
        origins: Who gave which parameter; None until parameters were read.
    """

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.origins: Origins | None = None
        folder = Path(conf_source)
        if env and folder.is_dir() and not (folder / env).is_dir():
            there = sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
            raise LowlandError(
                f"--env is {env!r}, but {folder.name}/{env} does not exist; expected one of {', '.join(there)}"
                f"{did_you_mean(env, there)}"
            )
        super().__init__(conf_source, env, runtime_params, **kwargs)

    def _read_dir_configs(
        self,
        conf_path: str,
        patterns: Iterable[str],
        key: str,
        processed_files: set[Path],
        read_environment_variables: bool | None = False,
    ) -> dict[Path, DictConfig]:
        folder = Path(conf_path)
        if folder.is_dir():
            if key == "parameters":
                check_names(folder, self._readable(folder, *self.config_patterns.values()))
            for path in sorted(self._readable(folder, patterns)):
                check_file(path)
        try:
            read = super()._read_dir_configs(conf_path, patterns, key, processed_files, read_environment_variables)
        except (yaml.YAMLError, OmegaConfBaseException) as error:
            raise LowlandError(f"{shown(folder)}: {' '.join(str(error).split())}") from error
        except ValueError as error:  # Kedro's message names both files, a line for each pair
            pairs = str(error).replace(f"{folder}/", f"conf/{folder.name}/").splitlines()
            raise MistakesError([f"{line}; expected every name in one of them" for line in pairs]) from error
        return dict(read)

    def _readable(self, folder: Path, *patterns: Iterable[str]) -> set[Path]:
        found = {path for each in patterns for pattern in each for path in folder.glob(_globbed(pattern))}
        return {path for path in found if self._is_valid_config_path(path) and not self._is_hidden(str(path))}

    def _resolve_from_raw_config(
        self,
        key: str,
        base_configs: dict[Path, DictConfig],
        env_configs: dict[Path, DictConfig],
        base_path: str,
        env_path: str,
        processed_files: set[Path],
    ) -> dict[str, Any]:
        """Kedro merges runtime parameters into ``base`` and into the environment, which then replaces the former."""
        if key != "parameters" or not processed_files:
            return dict(
                super()._resolve_from_raw_config(key, base_configs, env_configs, base_path, env_path, processed_files)
            )
        base, own = (_plain(configs) for configs in (base_configs, env_configs))
        runtime = dict(OmegaConf.to_container(OmegaConf.create(self.runtime_params), resolve=False))  # type: ignore[arg-type]  # a dict
        replaced = {name for content in own.values() for name in content}
        kept = {file: {k: v for k, v in content.items() if k not in replaced} for file, content in base.items()}
        self.origins = Origins(kept | own, runtime)
        defaults = _merged(base)
        merged = {**defaults, **_merged(own)}
        merged |= _without_others(merged, defaults, replaced)
        try:
            result = OmegaConf.to_container(OmegaConf.create(_over(merged, runtime)), resolve=True)
        except OmegaConfBaseException as error:
            place = error.full_key or "parameters"
            origin = self.origins.of(str(place).split("."))
            raise LowlandError(f"parameter {place} ({origin}): {str(error).splitlines()[0]}") from error
        for line in _changes_nothing_or_adds(runtime, merged):
            _log.warning(line)
        return dict(result)  # type: ignore[arg-type]  # a dict, as it was made from one


def _globbed(pattern: str) -> str:
    """Kedro's ``parameters*/**`` means the files below, pathlib's the folders."""
    return f"{pattern}/*" if pattern.endswith("**") else pattern


def _plain(configs: Mapping[Path, DictConfig]) -> dict[str, dict[str, Any]]:
    return {
        shown(path): dict(OmegaConf.to_container(config, resolve=False) or {})  # type: ignore[arg-type]  # a dict
        for path, config in sorted(configs.items())
    }


def _merged(files: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for content in files.values():
        whole = _over(whole, content)
    return whole


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merged, everything else replaced."""
    merged = dict(below)
    for key, value in above.items():
        before = merged.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[key] = _over(before, value) if both else value  # type: ignore[arg-type]  # checked
    return merged


def _without_others(merged: Mapping[str, Any], base: Mapping[str, Any], replaced: set[str]) -> dict[str, Any]:
    """What ``conf/base`` says about members of its axes, without those that this environment does not have.

    A name that base's own axis has not is a mistake and stays, and so does a list of which nothing would be left.
    """
    changed = {}
    for (parameter, *inner), axis in ABOUT_MEMBERS.items():
        if axis not in replaced or parameter in replaced:
            continue
        here = members = merged.get(parameter)
        if inner:
            members = here.get(inner[0]) if isinstance(here, Mapping) else None
        if not isinstance(members, list | dict) or not isinstance(merged.get(axis), Mapping):
            continue
        gone = {name for name in members if name in base.get(axis, {}) and name not in merged[axis]}
        left: Any = [name for name in members if name not in gone]
        if isinstance(members, dict):
            left = {name: members[name] for name in left}
        elif not left:
            continue
        changed[parameter] = {**here, inner[0]: left} if inner else left  # type: ignore[dict-item]
    return changed


def _changes_nothing_or_adds(runtime: Mapping[str, Any], merged: Mapping[str, Any]) -> list[str]:
    """What a user should know who meant to empty or to replace something with ``--params``."""
    lines = []
    for path, value in _mappings(runtime, ()):
        before = merged
        for part in path:
            before = before.get(part) if isinstance(before, Mapping) else None  # type: ignore[assignment]
        name = ".".join(path)
        if not isinstance(before, Mapping) or not before:
            continue
        if not value:
            lines.append(
                f"--params {name}={{}} changes nothing: values are merged with those of the study, and {name} still "
                f"holds {', '.join(map(str, before))}; an environment's own {name} replaces them"
            )
        elif len(path) == 1 and name in AXES:
            added = [key for key in value if key not in before]
            told = f"{', '.join(map(str, added))} added" if added else "no name added"
            lines.append(
                f"--params {name}: merged with those of the study, {told}, {len({*before, *value})} in all; "
                f"an environment's own {name} replaces them"
            )
    return lines


def _mappings(content: Mapping[str, Any], path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], Mapping[str, Any]]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield (*path, str(key)), value
            yield from _mappings(value, (*path, str(key)))
