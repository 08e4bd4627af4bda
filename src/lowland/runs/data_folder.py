"""Where an environment writes: a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import DictConfig

from lowland.errors import LowlandError


class DataFolderLoader(OmegaConfigLoader):
    """Kedro's loader, with ``data/<environment>`` for an environment that does not say where it writes.

    Otherwise it would take the folder of ``conf/base``, and with it the results of the main study.
    """

    def _resolve_from_raw_config(
        self,
        key: str,
        base_configs: dict[Path, DictConfig],
        env_configs: dict[Path, DictConfig],
        base_path: str,
        env_path: str,
        processed_files: set[Path],
    ) -> dict[str, Any]:
        read = dict(
            super()._resolve_from_raw_config(key, base_configs, env_configs, base_path, env_path, processed_files)
        )
        if key != "globals":
            return read
        environment, said = self.env or self.default_run_env, [f for f, c in env_configs.items() if "data" in c]
        if environment not in (self.base_env, self.default_run_env) and not said:
            return read | {"data": f"data/{environment}"}
        file = said[0] if said else next(iter(base_configs), Path("globals.yml"))
        _check("/".join(file.parts[-3:]), read.get("data"), example=f"data/{environment}" if said else "data")
        return read


def _check(file: str, data: object, *, example: str) -> None:
    if not isinstance(data, str) or not data.strip():
        came = "empty" if data in (None, "") else repr(data)
        raise LowlandError(f"{file}: data is {came}; expected the folder to write to, such as {example}")
