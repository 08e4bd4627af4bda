"""Project settings that Kedro reads."""

import os
import warnings
from pathlib import Path

import yaml
from kedro.framework.project import LOGGING
from kedro.utils import find_config_file

from lowland.config_loader import StudyConfigLoader
from lowland.hooks import GridHook, RunGuard
from lowland.runs.dvc import started_by_dvc

CONFIG_LOADER_CLASS = StudyConfigLoader
HOOKS = (GridHook(), RunGuard())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "local", "by_dvc": started_by_dvc()}

# The dots are namespaces; Kedro says so for every name that has two.
warnings.filterwarnings("ignore", message="One or more dataset names contain '.' characters", category=UserWarning)
# Brevitas' docstrings, when Python compiles them for the first time.
warnings.filterwarnings("ignore", message="invalid escape sequence", category=SyntaxWarning)

# Kedro looks for conf/logging.yml where it is started. From a folder inside the project it would fall back to its own,
# which tells of every dataset that is loaded; the variable hands the project's to the workers.
if not os.environ.get("KEDRO_LOGGING_CONFIG") and find_config_file("conf/logging") is None:
    _logging = Path(__file__).resolve().parents[2] / "conf" / "logging.yml"
    if _logging.is_file():
        os.environ["KEDRO_LOGGING_CONFIG"] = str(_logging)
        LOGGING.configure(yaml.safe_load(_logging.read_text(encoding="utf-8")))
