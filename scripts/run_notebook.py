"""Runs the code cells of a notebook from top to bottom and keeps what they show; needs no Jupyter.

    python -m scripts.run_notebook notebooks/explore.ipynb

Figures are kept as images where Chromium is installed (and playwright, an extra of the tests), else by name only.
"""

from __future__ import annotations

import argparse
import ast
import base64
import copy
import io
import json
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import kedro.framework.project  # noqa: F401  # says once how it logs: before the cells, not in them
import plotly.graph_objects as go

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 760, 460  # pixels of a figure, where it does not say its own height
Image = Callable[[go.Figure], bytes]


def executed(notebook: dict[str, Any], *, image: Image | None = None) -> dict[str, Any]:
    """The notebook with fresh outputs; what a cell raises is raised.

    Args:
        notebook: As read from an .ipynb file, format 4.
        image: The PNG of a figure; None: figures are kept by name.
    """
    result = copy.deepcopy(notebook)
    names: dict[str, Any] = {"__name__": "__main__"}
    for count, cell in enumerate((c for c in result["cells"] if c["cell_type"] == "code"), start=1):
        printed, value = _run("".join(cell["source"]), names, name=f"<cell {count}>")
        cell["execution_count"], cell["outputs"] = count, []
        if printed:
            cell["outputs"].append({"output_type": "stream", "name": "stdout", "text": _lines(printed)})
        if value is not None:
            shown = {"output_type": "execute_result", "execution_count": count, "metadata": {}}
            cell["outputs"].append(shown | {"data": _bundle(value, image)})
    return result


def _run(source: str, names: dict[str, Any], *, name: str) -> tuple[str, Any]:
    """What a cell prints, and the value of its last line where that is an expression."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, name, "exec"), names)
        value = eval(compile(ast.Expression(last.value), name, "eval"), names) if isinstance(last, ast.Expr) else None
    return printed.getvalue(), value


def _bundle(value: Any, image: Image | None) -> dict[str, Any]:
    """A value by media type, as notebooks keep it."""
    if isinstance(value, go.Figure):
        title = f"Figure with {len(value.data)} traces"
        encoded = {"image/png": base64.b64encode(image(value)).decode()} if image else {}
        return encoded | {"text/plain": [title]}
    html = {"text/html": _lines(value._repr_html_())} if hasattr(value, "_repr_html_") else {}
    return html | {"text/plain": _lines(str(value) if html else repr(value))}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def photographs(executable: str) -> Image:
    """What draws figures in a browser.

    Args:
        executable: Path of Chromium or Chrome.
    """

    def image(figure: go.Figure) -> bytes:
        from playwright.sync_api import sync_playwright

        height = int(figure.layout.height or HEIGHT)
        page_text = figure.to_html(full_html=True, config={"displayModeBar": False}, default_height=height)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": height + 16})
            page.set_content(page_text)
            page.wait_for_selector(".main-svg")
            found: bytes = page.screenshot()
            browser.close()
        return found

    return image


def main() -> None:
    """Runs a notebook and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--output", type=Path, help="where to write it; by default in place")
    parser.add_argument("--without-images", action="store_true", help="figures by name only")
    options = parser.parse_args()
    browser = None if options.without_images else next(filter(None, map(shutil.which, BROWSERS)), None)
    result = executed(json.loads(options.notebook.read_text("utf-8")), image=photographs(browser) if browser else None)
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    (options.output or options.notebook).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
