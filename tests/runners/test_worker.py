import logging
import warnings

import torch
from kedro.io import MemoryDataset
from kedro.pipeline import Node

from lowland.errors import LowlandError
from lowland.runners.worker import Job, describe, execute


def job(func, **options):
    return Job(
        None, options.pop("threads", 1), Node(func, None, "out", name="node"), {"out": MemoryDataset()}, **options
    )


def test_a_node_is_loaded_run_and_saved():
    work = job(lambda: 3)
    outcome = execute(work)
    assert outcome.error is None
    assert work.datasets["out"].load() == 3
    assert outcome.seconds > 0


def test_warnings_come_back_once():
    def warns():
        for _ in range(3):
            logging.getLogger("lowland").warning("seen %d", 1)
        return 1

    assert execute(job(warns)).messages == ("seen 1",)


def test_an_error_is_one_line():
    def fails():
        raise RuntimeError("first\n  second")

    outcome = execute(job(fails))
    assert outcome.error == "RuntimeError: first second"
    assert "fails" in outcome.traceback
    assert outcome.messages == ()


def test_the_users_mistakes_are_told_without_the_class():
    assert describe(LowlandError("size is 3")) == "size is 3"
    assert describe(KeyError()) == "KeyError"


def test_threads_are_set_for_the_node():
    before = torch.get_num_threads()
    try:
        seen = []
        execute(job(lambda: seen.append(torch.get_num_threads()) or 1, threads=3))
        assert seen == [3]
    finally:
        torch.set_num_threads(before)


def test_warnings_of_libraries_come_back():
    def warns():
        warnings.warn("deprecated thing", UserWarning, stacklevel=1)
        return 1

    with warnings.catch_warnings():
        warnings.simplefilter("default")
        before = warnings.showwarning
        assert execute(job(warns)).messages == ("UserWarning: deprecated thing",)
        assert warnings.showwarning is before
