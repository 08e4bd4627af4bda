"""The project's ``kedro run``: all cores by default, and a user's mistake is one line, not a stack trace."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import click
import kedro.runner
import yaml
from kedro.config import MissingConfigException
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import KedroCliError
from kedro.utils import load_obj
from omegaconf.errors import OmegaConfBaseException

from lowland import pipeline_registry
from lowland.errors import LowlandError
from lowland.runners.kedro_runners import NO_THREADS
from lowland.runs.selection import expected
from lowland.trial.command import check_task

RUNNER = "lowland.runners.GridRunner"
OURS = {"SequentialRunner": "lowland.runners.SequentialRunner", "ParallelRunner": "lowland.runners.ParallelRunner"}
USER_MISTAKE = 2
MISTAKES = (LowlandError, MissingConfigException, yaml.YAMLError)
# Kedro tells selections that leave nothing by plain ValueErrors.
SELECTIONS = ("Pipeline contains no nodes", "Pipeline does not")
# The machine's, which no stack trace explains: no space, no quota, no right to write.
MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)


class StudyCommand(click.Command):
    """Kedro's own run command with this project's default runner and error style."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Reads the options; exits with code 2 where one cannot be read."""
        given = list(args)  # click empties the other
        try:
            return super().parse_args(ctx, args)
        except (OmegaConfBaseException, yaml.YAMLError, KedroCliError, KeyError, TypeError, ValueError) as error:
            unread = ("--config", "--params", "--runner-params", "--load-versions")
            option = next((each for each in unread if any(a.startswith(each) for a in given)), "kedro run")
            reason = "no section `run`" if isinstance(error, KeyError) else _one_line(error)
            raise click.UsageError(f"{option} cannot be read: {reason}") from error

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the study; exits with code 2 after a user's mistake."""
        verbose = ctx.params.pop("verbose")
        try:
            ctx.params["runner"] = _checked_runner(ctx.params["runner"] or RUNNER, ctx.params["runner_params"] or {})
            _check_pipelines([*(ctx.params["pipelines"] or ()), *filter(None, [ctx.params["pipeline"]])])
            return super().invoke(ctx)
        except (*MISTAKES, ValueError, OSError) as error:
            if verbose or not _is_users(error):
                raise
            for line in getattr(error, "lines", [str(error)]):
                click.secho(f"Error: {' '.join(line.split())}", err=True, fg="red")
            ctx.exit(USER_MISTAKE)


def _is_users(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in MACHINE
    return isinstance(error, MISTAKES) or str(error).startswith(SELECTIONS)


def _one_line(error: BaseException) -> str:
    text = error.message if isinstance(error, click.ClickException) else str(error)
    return " ".join(text.split())


def _checked_runner(name: str, options: Mapping[str, Any]) -> str:
    """The runner to use: for Kedro's own ones those of this project that show the same progress."""
    try:
        runner = load_obj(name, "kedro.runner")
    except (ImportError, AttributeError, ValueError) as error:
        raise LowlandError(
            f"--runner is {name!r}, which cannot be loaded ({error}); expected {RUNNER}, lowland.runners.DaskRunner, "
            "SequentialRunner or ParallelRunner"
        ) from error
    if not (inspect.isclass(runner) and issubclass(runner, kedro.runner.AbstractRunner)):
        raise LowlandError(f"--runner is {name!r}, which is no runner; expected {RUNNER} or another runner's class")
    if issubclass(runner, kedro.runner.ThreadRunner):
        raise LowlandError(NO_THREADS.format(name))
    if runner.__module__.startswith("kedro."):
        name = OURS.get(runner.__name__, name)
        runner = load_obj(name, "kedro.runner")
    parameters = inspect.signature(runner).parameters.values()
    known = [each.name for each in parameters if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]
    open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters)
    for option in options:
        if option not in known and not open_ended:
            raise LowlandError(f"--runner-params names {option!r} for {name}; {expected(str(option), known)}")
    return name


def _check_pipelines(names: Sequence[str]) -> None:
    """Kedro imports a module for every name it is given, and fails with a stack trace where there is none."""
    known = ["__default__", *pipeline_registry.stage_names()]
    for name in names:
        if name not in known:
            raise LowlandError(f"--pipelines names {name!r}; {expected(name, known)}")


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
cli.add_command(check_task)
