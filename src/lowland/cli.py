"""The project's ``kedro run``: all cores by default, and a user's mistake is one line, not a stack trace."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from typing import Any

import click
import yaml
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.utils import load_obj

from lowland import pipelines
from lowland.errors import LowlandError

RUNNER = "lowland.runners.GridRunner"
USER_MISTAKE = 2
MISTAKES = (LowlandError, MissingConfigException, yaml.YAMLError)
# Kedro tells unknown tags and namespaces by plain ValueErrors.
SELECTIONS = ("Pipeline contains no nodes", "Pipeline does not")


class StudyCommand(click.Command):
    """Kedro's own run command with this project's default runner and error style."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the study; exits with code 2 after a user's mistake."""
        verbose = ctx.params.pop("verbose")
        ctx.params["runner"] = ctx.params["runner"] or RUNNER
        try:
            _check_runner(ctx.params["runner"])
            _check_pipelines([*(ctx.params["pipelines"] or ()), *filter(None, [ctx.params["pipeline"]])])
            return super().invoke(ctx)
        except (*MISTAKES, ValueError) as error:
            if verbose or not (isinstance(error, MISTAKES) or str(error).startswith(SELECTIONS)):
                raise
            for line in getattr(error, "lines", [str(error)]):
                click.secho(f"Error: {' '.join(line.split())}", err=True, fg="red")
            ctx.exit(USER_MISTAKE)


def _check_runner(name: str) -> None:
    try:
        load_obj(name, "kedro.runner")
    except (ImportError, AttributeError, ValueError) as error:
        raise LowlandError(
            f"--runner is {name!r}, which cannot be loaded ({error}); expected {RUNNER}, lowland.runners.DaskRunner or "
            "one of kedro.runner"
        ) from error


def _check_pipelines(names: Sequence[str]) -> None:
    """Kedro imports a module for every name it is given, and fails with a stack trace where there is none."""
    known = ["__default__", *(module.name for module in pkgutil.iter_modules(pipelines.__path__))]
    for name in names:
        if name not in known:
            raise LowlandError(f"--pipelines names {name!r}; expected one of {', '.join(known)}")


run = StudyCommand(
    name="run",
    callback=kedro_run.callback,
    help="Run the study (or the part that tags, namespaces or nodes select) on all cores.",
    params=[*kedro_run.params, click.Option(["--verbose"], is_flag=True, help="Show the stack trace of any error.")],
)


@click.group(name="lowland")
def cli() -> None:
    """The reliability of low-precision networks."""


cli.add_command(run)
