"""Rooms whose files are opened only when a name of theirs is asked for."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import lowland

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("landscape", "faults", "quantization", "datasets")
# What takes long and is not needed to read parameters, check them and build the graph of nodes.
LATE = ("scipy", "sklearn", "brevitas", "pyhessian", "plotly", "matplotlib", "distributed", "IPython")


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_there(room):
    module = importlib.import_module(f"lowland.{room}")
    assert module.__all__
    for name in module.__all__:
        assert getattr(module, name) is not None and name in vars(module)  # asked for once, and kept
    assert set(module.__all__) <= set(dir(module))


@pytest.mark.parametrize("room", ROOMS)
def test_no_public_name_is_the_name_of_a_file(room):
    """Importing the file would put the module in the place of what bears its name."""
    module = importlib.import_module(f"lowland.{room}")
    assert not {each.name for each in pkgutil.iter_modules(module.__path__)} & set(module.__all__)


def test_an_unknown_name_is_told_as_python_tells_it():
    with pytest.raises(AttributeError, match=r"module 'lowland.landscape' has no attribute 'hessian_trance'"):
        lowland.landscape.hessian_trance  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'hessian_trance'"):
        exec("from lowland.landscape import hessian_trance")


def test_options_of_a_room_do_not_open_its_measures():
    code = (
        "import sys, lowland.landscape.options as options; opened = 'lowland.landscape.measures.trace' in sys.modules; "
        "from lowland.landscape import hessian_trace as one; "
        "from lowland.landscape.measures.trace import hessian_trace; "
        "print(opened, one is hessian_trace)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_run_is_refused_before_anything_heavy_is_imported():
    code = (
        "import sys; from kedro.framework.cli.cli import main; "
        "sys.argv = ['kedro', 'run', '--env', 'smoke', '--tags', 'nothing']\n"
        "try: main()\n"
        f"finally: print([name for name in {LATE!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2 and "--tags names 'nothing'" in done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
