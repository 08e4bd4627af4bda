"""``python -m lowland`` (and, installed, ``lowland``): what ``kedro run`` does, with the same options."""

from __future__ import annotations

from pathlib import Path

from kedro.framework.project import configure_project


def main() -> None:
    """Runs the study of the project whose folder it is called in."""
    configure_project(Path(__file__).parent.name)
    from lowland.cli import run  # knows the project only now

    run(prog_name="lowland")


if __name__ == "__main__":
    main()
