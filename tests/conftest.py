"""Shared by all tests: quick ones run first, and Chromium is found or the browser tests say why they are skipped."""

import os
import shutil

import pytest

from tests.own_package import package  # noqa: F401 (a fixture of many rooms)

# Before torch is imported: on small tensors several threads cost more than they bring, on busy cores ruinously so.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOW_LAST = ("dvc", "dask", "browser")
STUDY = "tests/study/"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.hookimpl(tryfirst=True)  # before `-m "not slow"` looks
def pytest_collection_modifyitems(config, items):
    def slowness(item):
        return max((place for place, mark in enumerate(SLOW_LAST, 1) if item.get_closest_marker(mark)), default=0)

    for item in items:
        if slowness(item):
            item.add_marker("slow")
    items.sort(key=slowness)  # stable: otherwise the order of the files
    if hasattr(config, "workerinput"):  # one of several processes: what takes longest starts first, beside the rest
        items.sort(key=lambda item: _scope(item.nodeid) != STUDY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """On several cores a file stays in one process, and so do all files that share a finished study."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return _scope(nodeid)

    return ByFile(config, log)


def _scope(nodeid):
    file = nodeid.split("::")[0]
    return STUDY if file.startswith(STUDY) else file


@pytest.fixture(scope="session")
def chromium():
    """Path of the browser that playwright drives."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail(f"none of {', '.join(BROWSERS)} is installed, and nobody would notice a skipped browser test here")
    pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
