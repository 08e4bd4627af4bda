"""Project settings that Kedro reads."""

import warnings

from lowland.config_loader import StudyConfigLoader
from lowland.hooks import GridHook, RunGuard

CONFIG_LOADER_CLASS = StudyConfigLoader
HOOKS = (GridHook(), RunGuard())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "local"}

# The dots are namespaces; Kedro says so for every name that has two.
warnings.filterwarnings("ignore", message="One or more dataset names contain '.' characters", category=UserWarning)
# Brevitas' docstrings, when Python compiles them for the first time.
warnings.filterwarnings("ignore", message="invalid escape sequence", category=SyntaxWarning)
