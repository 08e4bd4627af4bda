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
from lowland.config_layers import AXES, REPLACED, in_order_of, laid_over, merged_files, value_at, without_others
from lowland.errors import LowlandError, MistakesError, did_you_mean
from lowland.runs.data_folder import DataFolderLoader
from lowland.runs.differences import differences, told
from lowland.runs.dvc import FILE as PARAMS
from lowland.runs.dvc import recorded_parameters

_log = logging.getLogger(__name__)
RUNTIME = "--params"


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

    An environment's axes replace those of ``conf/base`` whole; its options are merged over them, however deep, so that
    it says differences only; ``--params`` are merged over the result. What ``conf/base`` says about members of its own
    axes (requirements of its task) does not reach an environment that has others. A run that DVC started has what
    ``params.yaml`` says in place of what the files of ``conf`` say, so that what DVC records is what was done.

    Args:
        by_dvc: Whether DVC started the run.

    Attributes:
        origins: Who gave which parameter; None until parameters were read.
        changed_by_dvc: Whether ``params.yaml`` says other than the files of ``conf``; known once parameters were read.
    """

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        *,
        by_dvc: bool = False,
        **kwargs: Any,
    ) -> None:
        self.origins: Origins | None = None
        self.changed_by_dvc = False
        folder = Path(conf_source)
        if env and folder.is_dir() and not (folder / env).is_dir():
            there = sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
            raise LowlandError(
                f"--env is {env!r}, but {folder.name}/{env} does not exist; expected one of {', '.join(there)}"
                f"{did_you_mean(env, there)}"
            )
        self._recorded = recorded_parameters(folder.parent, env) if by_dvc else None
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
            read = super()._resolve_from_raw_config(
                key, base_configs, env_configs, base_path, env_path, processed_files
            )
            return {**read, **self._recorded.of(read)} if key == "globals" and self._recorded else dict(read)
        base, own = (_plain(configs) for configs in (base_configs, env_configs))
        runtime = dict(OmegaConf.to_container(OmegaConf.create(self.runtime_params), resolve=False))  # type: ignore[arg-type]  # a dict
        said, defaults = merged_files(own), merged_files(base)
        replaced = {name for name in REPLACED if name in said}
        kept = {file: {k: v for k, v in content.items() if k not in replaced} for file, content in base.items()}
        recorded = {PARAMS: self._recorded.without(self["globals"])} if self._recorded else {}
        self.origins = Origins(recorded | own | kept, runtime)
        merged = laid_over({name: value for name, value in defaults.items() if name not in replaced}, said)
        merged |= without_others(merged, defaults, said)
        try:
            merged = self._as_recorded(merged)
            result = OmegaConf.to_container(OmegaConf.create(laid_over(merged, runtime)), resolve=True)
        except OmegaConfBaseException as error:
            place = error.full_key or "parameters"
            origin = self.origins.of(str(place).split("."))
            raise LowlandError(f"parameter {place} ({origin}): {str(error).splitlines()[0]}") from error
        for line in (*_empties_nothing(said, defaults), *_changes_nothing_or_adds(runtime, merged)):
            _log.warning(line)
        return dict(result)  # type: ignore[arg-type]  # a dict, as it was made from one

    def _as_recorded(self, merged: dict[str, Any]) -> dict[str, Any]:
        """What ``params.yaml`` says in place of what the files say; what is other is told."""
        if self._recorded is None:
            return merged
        before = OmegaConf.to_container(OmegaConf.create(merged), resolve=True)
        now = merged | in_order_of(merged, self._recorded.without(self["globals"]))
        if found := differences(before, now):
            self.changed_by_dvc = True
            _log.info("DVC runs with %s: %s", PARAMS, told(found, "{name} is {now}, in conf {before}"))
        return now


def _globbed(pattern: str) -> str:
    """Kedro's ``parameters*/**`` means the files below, pathlib's the folders."""
    return f"{pattern}/*" if pattern.endswith("**") else pattern


def _plain(configs: Mapping[Path, DictConfig]) -> dict[str, dict[str, Any]]:
    return {
        shown(path): dict(OmegaConf.to_container(config, resolve=False) or {})  # type: ignore[arg-type]  # a dict
        for path, config in sorted(configs.items())
    }


def _empties_nothing(own: Mapping[str, Any], base: Mapping[str, Any]) -> list[str]:
    """What a user should know whose environment holds an empty mapping among options, which are merged."""
    return [
        f"{'.'.join(path)}: {{}} changes nothing: an environment's options are merged with those of conf/base, which "
        f"still hold {', '.join(map(str, before))}; none switches off what can be switched off"
        for path, value in _mappings(own, ())
        if not value and path[0] not in REPLACED and isinstance(before := value_at(base, path), Mapping) and before
    ]


def _changes_nothing_or_adds(runtime: Mapping[str, Any], merged: Mapping[str, Any]) -> list[str]:
    """What a user should know who meant to empty or to replace something with ``--params``."""
    lines = []
    for path, value in _mappings(runtime, ()):
        before, name = value_at(merged, path), ".".join(path)
        if not isinstance(before, Mapping) or not before:
            continue
        if not value:
            replaces = path[0] in REPLACED and len(path) == 1
            instead = f"an environment's own {name} replaces them" if replaces else "say what each of them is to be"
            lines.append(
                f"--params {name}={{}} changes nothing: values are merged with those of the study, and {name} still "
                f"holds {', '.join(map(str, before))}; {instead}"
            )
        elif len(path) == 1 and name in AXES:
            added = [key for key in value if key not in before]
            if added:
                lines.append(
                    f"--params {name}: merged with those of the study, {', '.join(map(str, added))} added, "
                    f"{len({*before, *value})} in all; an environment's own {name} replaces them"
                )
    return lines


def _mappings(content: Mapping[str, Any], path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], Mapping[str, Any]]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield (*path, str(key)), value
            yield from _mappings(value, (*path, str(key)))
