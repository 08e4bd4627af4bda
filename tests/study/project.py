"""A project folder and the commands a user types in it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is compared byte by byte; timings are not.
TABLES = ("measurements.parquet", "correlations.parquet", "prediction_fits.parquet", "pareto.parquet", "report.html")


class Project:
    """Where the study runs, and what it left there."""

    def __init__(self, folder):
        self.folder = folder
        self.output = ""

    def command(self, *arguments):
        """The arguments and environment of a Python command in the folder."""
        # the copy's own package, not the installed one; `kedro` on the path, where DVC's stages look for it
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        own = {"PYTHONPATH": str(self.folder / "src"), "PATH": path, "DVC_NO_ANALYTICS": "1"}
        environment = os.environ | own
        return [sys.executable, "-m", *arguments], {"cwd": self.folder, "env": environment}

    def python(self, *arguments, timeout=240):
        """Runs `python -m ...` to its end."""
        command, options = self.command(*arguments)
        return subprocess.run(command, **options, capture_output=True, text=True, timeout=timeout)

    def kedro(self, *arguments, **options):
        """Runs kedro to its end."""
        return self.python("kedro", *arguments, **options)

    def start(self, *arguments):
        """Starts kedro and returns at once."""
        command, options = self.command("kedro", *arguments)
        return subprocess.Popen(
            command, **options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def reporting(self, name):
        """A file of the smoke study's results."""
        return self.folder / "data/smoke/08_reporting" / name

    def tables(self):
        """The bytes of everything that must be the same in every run."""
        return {name: self.reporting(name).read_bytes() for name in TABLES}

    def cells_done(self):
        """Files that cell nodes have finished."""
        return sorted((self.folder / "data/smoke/07_model_output").glob("*/jets/*/s?/*.parquet"))
