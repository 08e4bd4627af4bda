"""Project settings that Kedro reads."""

from lowland.hooks import GridHook, RunGuard

HOOKS = (GridHook(), RunGuard())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "local"}
