"""What Kedro is told by the project's settings."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BOOT = f"""
import logging, os
from pathlib import Path
from kedro.framework.startup import bootstrap_project
bootstrap_project(Path({str(ROOT)!r}))
print([logging.getLevelName(logging.getLogger(name).level) for name in ("kedro", "kedro_viz", "lowland")])
print(os.environ.get("KEDRO_LOGGING_CONFIG"))
"""


def booted(folder, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "KEDRO_LOGGING_CONFIG"}
    command = [sys.executable, "-c", BOOT]
    result = subprocess.run(
        command, cwd=folder, env=clean | environment, capture_output=True, text=True, timeout=120, check=True
    )
    levels, config = result.stdout.splitlines()[-2:]
    return levels, config


def test_the_log_is_as_calm_in_a_sub_folder_as_in_the_project():
    levels, config = booted(ROOT / "src")
    assert levels == "['WARNING', 'ERROR', 'INFO']"
    assert config == str(ROOT / "conf/logging.yml")  # workers inherit it


def test_a_logging_configuration_that_the_user_names_stands(tmp_path):
    own = tmp_path / "logging.yml"
    own.write_text("{version: 1, disable_existing_loggers: false, loggers: {kedro: {level: ERROR}}}")
    levels, config = booted(ROOT / "src", KEDRO_LOGGING_CONFIG=str(own))
    assert levels.startswith("['ERROR'") and config == str(own)
