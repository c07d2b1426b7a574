"""Load tests against the embedded server, in virtual time: waiting takes none, and every arrival is exact."""

from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory

import anyio
import pytest

from conformance.load.options import LoadOptions
from conformance.load.record import record_load
from conformance.load.sampling_process import SamplingHere
from conformance.load.shape import Stage
from conformance.model.criteria import USUAL_CRITERIA, RuleSelection
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.runner import RunOptions
from conformance.runs.execute import JudgedRun, judged_load
from conformance.storage.memory import InMemoryRun
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import serve
from conformance.testbed.server.virtual_time import IN_VIRTUAL_TIME

PROFILES = ("claude-sdk", "hermes")
FEW_RULES = RuleSelection(("FLD", "SSE", "LOAD"))


@dataclass(frozen=True)
class Loaded:
    facts: RunManifest
    store: InMemoryRun
    progress: list

    @property
    def samples(self):
        return list(self.store.samples())

    @property
    def under_load(self):
        return [sample for sample in self.store.samples() if sample.phase == "load"]

    def judged(self) -> JudgedRun:
        return judged_load(self.facts, self.store, USUAL_CRITERIA)


def loaded(users=4, seconds=2.0, *, deployment="native-sse", changes=(), run=None, **options) -> Loaded:
    """A load test of an embedded deployment, in virtual time."""

    async def record(path):
        async with serve(DEPLOYMENTS[deployment], changes, unix_socket=f"{path}/server") as url:
            target = Target(base_url=url, model="reference")
            usual = {"target": target, "profiles": PROFILES, "unix_socket": f"{path}/server", "max_requests": 1000}
            given = {"stages": (Stage(duration=seconds, users=users),), "sampling": SamplingHere, "number": 7} | options
            given = {"rules": FEW_RULES} | given
            store, progress = InMemoryRun(), []
            facts = await record_load(
                LoadOptions(run=RunOptions(**usual | (run or {})), **given), store, progress.append
            )
            return Loaded(facts, store, progress)

    with TemporaryDirectory() as path:
        return anyio.run(partial(record, path), backend_options=IN_VIRTUAL_TIME)


@pytest.fixture(scope="session")
def load_test():
    return loaded


@pytest.fixture
def anyio_backend():
    return "asyncio"
