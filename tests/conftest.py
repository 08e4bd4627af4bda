"""Shared by all tests: quick ones run first, and Chromium is found or the browser tests say why they are skipped."""

import os
import shutil

import pytest

# Before torch is imported: on small tensors several threads cost more than they bring, on busy cores ruinously so.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SLOW_LAST = ("dvc", "dask", "browser")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config, items):
    def speed(item):
        return max((place for place, mark in enumerate(SLOW_LAST, 1) if item.get_closest_marker(mark)), default=0)

    items.sort(key=speed)  # stable: otherwise the order of the files
    if config.getoption("dist", "no") == "no":
        return
    # On several cores a file stays in one process. So do all that share a finished study: they take longest, so they
    # start first, beside everything else.
    for item in items:
        place = item.path.relative_to(config.rootpath / "tests")
        item.add_marker(pytest.mark.xdist_group("study" if place.parts[0] == "study" else str(place)))
    items.sort(key=lambda item: item.path.parent.name != "study")


@pytest.fixture(scope="session")
def chromium():
    """Path of the browser that playwright drives."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail(f"none of {', '.join(BROWSERS)} is installed, and nobody would notice a skipped browser test here")
    pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
