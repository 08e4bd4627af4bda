"""Write `docs/experiments.md`: what DVC's commands show of a study and of an experiment on it; no output is typed.

    make params ENV=smoke && dvc repro && git commit -am "Smoke study"
    dvc exp run -S training.epochs=2
    python -m scripts.describe_experiments

Runs the commands that only show something, in the project whose study and experiment were made so. The text stands in
`scripts/experiments.md.j2`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import jinja2

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = Path(__file__).with_name("experiments.md.j2")
PAGE = ROOT / "docs" / "experiments.md"
SHOWN = {
    "metrics_show": ["metrics", "show"],
    "metrics_diff": ["metrics", "diff"],
    "params_diff": ["params", "diff"],
    "exp_show": ["exp", "show", "--no-pager", "--md", "--only-changed", "--drop", "Created|data/|src/|conf/"],
    "plots_show": ["plots", "show"],
}


def output_of(command: list[str], folder: Path) -> str:
    """What a command of DVC prints in a project.

    Args:
        command: Without `dvc`.
        folder: Of the project; its path is left out of what is shown.

    Raises:
        SystemExit: The command failed.
    """
    done = subprocess.run([sys.executable, "-m", "dvc", *command], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"dvc {' '.join(command)} failed in {folder}: {done.stderr.strip()}")
    shown = done.stdout.replace(f"file://{folder}/", "").replace(f"{folder}/", "")
    lines = [line.rstrip() for line in shown.splitlines()]
    return "\n".join(lines).strip("\n")


def page(outputs: dict[str, str]) -> str:
    """The page as Markdown."""
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    commands = {name: f"dvc {' '.join(words)}" for name, words in SHOWN.items()}
    commands["exp_show"] = "dvc exp show --md --only-changed --drop 'Created|data/|src/|conf/'"
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(outputs=outputs, commands=commands)


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path, nargs="?", default=ROOT, help="where study and experiment were made")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    folder = arguments.project.resolve()
    text = page({name: output_of(command, folder) for name, command in SHOWN.items()})
    arguments.page.write_text(text, encoding="utf-8")
    print(arguments.page)


if __name__ == "__main__":
    main()
