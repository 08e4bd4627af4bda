"""``python -m lowland check-task their_package.module:MyTask``: a task tried without Kedro and without a study."""

from __future__ import annotations

from typing import Any

import click
import yaml

from lowland.errors import LowlandError, MistakesError
from lowland.own_code import SOURCES
from lowland.tasks.custom import build_custom_task, options_of
from lowland.trial.findings import Findings

USER_MISTAKE = 2


class OptionsText(click.ParamType):
    """A mapping as YAML writes it in one line."""

    name = "mapping"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """The mapping; exits with code 2 where the text is none."""
        try:
            read = value if isinstance(value, dict) else yaml.safe_load(value)
        except yaml.YAMLError as error:
            self.fail(f"{value!r} cannot be read: {' '.join(str(error).split())}", param, ctx)
        if not (isinstance(read, dict) and all(isinstance(name, str) for name in read)):
            self.fail(f"{value!r} is no mapping; expected such as '{{train_rows: 800, width: 16}}'", param, ctx)
        return read


@click.command("check-task")
@click.argument("task")
@click.option(
    "--options", type=OptionsText(), default="{}", help="What `options` of the parameters would say, as YAML."
)
@click.pass_context
def check_task(ctx: click.Context, task: str, options: dict[str, Any]) -> None:
    """Try a task of your own on a few rows, without a study: TASK is `their_package.module:MyTask`.

    Names everything that is missing or wrong at once, a line each, and exits with code 2 then.
    """
    from lowland.trial.trial import try_task  # takes seconds to import

    try:
        asked = options_of(task, options).resolved(SOURCES.parent)
        findings = try_task(build_custom_task(asked), name=task)
    except LowlandError as error:
        findings = Findings(task, mistakes=list(error.lines if isinstance(error, MistakesError) else [str(error)]))
    for what, how in findings.notes:
        click.echo(f"{what:<13} {how}")
    for mistake in findings.mistakes:
        click.secho(f"Error: {' '.join(mistake.split())}", err=True, fg="red")
    if findings.mistakes:
        ctx.exit(USER_MISTAKE)
    click.echo(f"{task} is ready for a study")
