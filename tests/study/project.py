"""A project folder and the commands a user types in it."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is compared byte by byte; timings are not.
TABLES = ("measurements.parquet", "correlations.parquet", "prediction_fits.parquet", "pareto.parquet", "report.html")


def hear_interrupts():
    """A background job ignores Ctrl-C, and so do its children: for tests that send one, undo that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


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

    def python(self, *arguments, timeout=360, environment=None):
        """Runs `python -m ...` to its end; whatever hangs is killed with all that it started."""
        command, options = self.command(*arguments)
        options["env"] |= environment or {}
        process = subprocess.Popen(
            command, **options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as expired:
            # Workers hold the pipes as well: without them gone, reading would never end.
            os.killpg(process.pid, signal.SIGKILL)
            output, errors = process.communicate()
            said = f"{output[-2000:]}\n{errors[-4000:]}"
            raise AssertionError(f"{' '.join(arguments)} did not end within {timeout} s; it said\n{said}") from expired
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def kedro(self, *arguments, **options):
        """Runs kedro to its end."""
        return self.python("kedro", *arguments, **options)

    def start(self, *arguments):
        """Starts kedro and returns at once."""
        command, options = self.command("kedro", *arguments)
        return subprocess.Popen(
            command,
            **options,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=hear_interrupts,
        )

    def reporting(self, name):
        """A file of the smoke study's results."""
        return self.folder / "data/smoke/08_reporting" / name

    def tables(self):
        """A digest of everything that must be the same in every run, byte by byte."""
        return {name: hashlib.sha256(self.reporting(name).read_bytes()).hexdigest() for name in TABLES}

    def cells_done(self):
        """Files that cell nodes have finished."""
        return sorted((self.folder / "data/smoke/07_model_output/measured").glob("*/jets/*/s?/*.parquet"))
