"""For all tests: no deadlines on busy machines, and recordings shared between workers."""

import fcntl
import gc
import importlib
import pickle
import zlib
from collections import Counter
from functools import cache

import pytest
from hypothesis import settings

from conformance import selftest
from conformance.model.target import Policy

gc.set_threshold(100_000, 20, 20)  # tests leave few cycles, and the default threshold costs a tenth of their time
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def part(text):
    """The option's value as numbers: `2/3` is the second of three parts."""
    number, parts = map(int, text.split("/"))
    if not 1 <= number <= parts:
        raise ValueError(text)
    return number, parts


def pytest_addoption(parser):
    """Add `--part`, for tests that are too many for each run of CI."""
    parser.addoption("--part", type=part, metavar="K/N", help="run the K-th of N parts of the tests, chosen by name")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Leave the cases outside a sample to `make verify`, and leave out the tests of the other parts."""
    cases = Counter()
    for item in items:
        for sampled in item.iter_markers("sampled"):
            if cases[item.function] % sampled.args[0]:
                item.add_marker(pytest.mark.verify)
            cases[item.function] += 1
    number, parts = config.option.part or (1, 1)
    own, others = [], []
    for item in items:
        (own if zlib.crc32(item.nodeid.encode()) % parts == number - 1 else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = own


def pytest_collection_finish():
    """Exclude the collected tests from garbage collection: there are thousands, and none is freed."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def openai():
    """The package `openai`, imported where it is used: each worker imports each test file, and it takes long."""
    return importlib.import_module("openai")


@pytest.fixture(scope="session")
def anthropic():
    """The package `anthropic`, as `openai`."""
    return importlib.import_module("anthropic")


@pytest.fixture(scope="session")
def recorded_once(tmp_path_factory, worker_id, testrun_uid):
    """The recording of a conformant deployment in a suite, made by the first worker that needs it."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / f"recordings-{testrun_uid}"
    folder.mkdir(exist_ok=True)

    @cache
    def recorded(deployment, policy, suite, apis=selftest.USUAL):
        usual = selftest.POLICIES.get(deployment, Policy())
        if policy != usual:
            return selftest.judged_under(policy, recorded(deployment, usual, suite, apis))
        with (folder / "-".join((deployment, suite, *apis))).open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            kept = file.read()
            if kept:
                return selftest.JudgedRecording(**pickle.loads(kept))  # noqa: S301 - written by a worker of this session
            run = selftest.recorded(deployment, policy, suite, apis)
            for x in run.exchanges.values():
                x.cache.clear()
            pickle.dump({"facts": run.facts, "exchanges": run.exchanges, "judgement": run.judgement}, file)
            return run

    return recorded
