"""``python -m lowland`` (and, installed, ``lowland``): ``kedro run`` with the same options, and ``check-task``."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Runs the study of the project whose folder it is called in, or tries a task of one's own."""
    if sys.argv[1:2] == ["check-task"]:  # without Kedro
        from lowland.trial.command import check_task

        check_task(args=sys.argv[2:], prog_name="lowland check-task")
    from kedro.framework.project import configure_project

    configure_project(Path(__file__).parent.name)
    from lowland.cli import run  # knows the project only now

    run(prog_name="lowland")


if __name__ == "__main__":
    main()
