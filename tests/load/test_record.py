"""A load test as a whole: alone, under load, and alone again."""

from collections import Counter
from itertools import pairwise

import anyio
import pytest

from conformance.apis.load_prompts import user_turn
from conformance.load.mix import ALONE
from conformance.load.options import LoadOptions
from conformance.load.record import record_load
from conformance.load.sampling_process import SamplingHere
from conformance.load.shape import Stage
from conformance.model.case import Kind
from conformance.model.criteria import ALL_RULES
from conformance.model.target import Target
from conformance.model.verdict import Level, Status
from conformance.runner import RunOptions
from conformance.runs.execute import judge_run
from conformance.storage.folder import RunFolder
from conformance.storage.memory import InMemoryRun
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import serve

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def usual(load_test):
    return load_test(users=4, seconds=1.5)


def test_requests_are_sent_alone_then_under_load_then_alone_again(usual):
    phases = Counter(sample.phase for sample in usual.samples)
    assert phases["alone"] == 4 * ALONE["text"] + 4 * ALONE["tool"] + 4 * ALONE["mistake"]
    assert phases["load"] > 40
    assert phases["after"] > 8
    last = {phase: max(s.over for s in usual.samples if s.phase == phase) for phase in phases}
    first = {phase: min(s.began for s in usual.samples if s.phase == phase) for phase in phases}
    assert last["alone"] <= first["load"] < last["load"] <= first["after"]


def test_each_request_has_a_nonce_of_the_run(usual):
    sent = [s for s in usual.samples if s.phase != "after"]
    assert len({s.nonce for s in sent}) == len(sent)
    assert {user_turn(s.nonce).run for s in sent} == {usual.facts.seed} == {7}
    assert {s.nonce for s in usual.samples if s.phase == "after"} <= {s.nonce for s in usual.under_load}


def test_each_user_keeps_a_connection(usual):
    by_user = Counter(s.user for s in usual.under_load if not s.is_reused)
    assert set(by_user) == {1, 2, 3, 4}
    left = Counter(s.user for s in usual.under_load if s.outcome == "disconnected")
    assert all(by_user[user] <= 1 + left[user] for user in by_user)


def test_a_good_deployment_fails_no_rule(load_test):
    report = load_test(users=3, seconds=1.0, rules=ALL_RULES).judged().report
    assert [v.rule for v in report.verdicts if v.status is Status.FAIL and v.level is Level.MUST] == []
    assert report.exit_code == 0
    assert {v.status for v in report.verdicts} >= {Status.PASS}


def test_the_facts_say_how_the_load_was_made(usual):
    facts = usual.facts.load
    assert (usual.facts.suite, facts.users, facts.processes, facts.ended_early) == ("load", 4, 1, "")
    assert 1.5 <= facts.duration_s < 1.7
    assert facts.seconds[0].users == 4
    assert facts.began_ns[0] >= max(s.over for s in usual.samples if s.phase == "alone")


def test_bytes_are_kept_as_examples(usual):
    named = {s.exchange for s in usual.samples if s.exchange}
    kept = [usual.store.exchange(name) for name in usual.store.ids()]
    assert {x.id for x in kept if x.case.kind is Kind.USERS} == named
    assert {x.id for x in kept if x.case.kind is Kind.PREFLIGHT} == set(usual.facts.planned)
    assert len(named) < len(usual.samples) / 2


def test_progress_names_each_activity_in_order(usual):
    activities = [one.activity for one in usual.progress]
    assert list(dict.fromkeys(activities)) == ["preflight", "alone", "load", "waiting", "judging", "after"]
    assert usual.progress[-1].sent >= len(usual.under_load)


def test_requests_arrive_at_the_rate(load_test):
    found = load_test(users=8, seconds=3.0, rate=10.0)
    assert len(found.under_load) == pytest.approx(30, abs=1)
    assert all(sample.late < 1_000_000 for sample in found.under_load)
    assert found.facts.load.not_sent == 0


def test_arrivals_that_no_user_is_free_for_are_counted(load_test):
    found = load_test(users=1, seconds=2.0, rate=2000.0)
    assert found.facts.load.not_sent > 1000
    assert found.facts.load.not_sent + len(found.under_load) == pytest.approx(4000, abs=20)
    assert max(sample.late for sample in found.under_load) > 1_000_000_000


def test_no_request_exceeds_the_bound_and_some_are_left_for_after_the_load(load_test):
    found = load_test(users=4, seconds=5.0, run={"max_requests": 90})
    assert found.facts.load.ended_early == "over --max-requests 90"
    assert len(found.samples) <= 90
    assert {sample.phase for sample in found.samples} == {"alone", "load", "after"}
    assert found.facts.load.duration_s < 5


def test_clients_disconnect_as_often_as_asked(load_test):
    found = load_test(users=2, seconds=0.5, hang_ups=1.0)
    outcomes = Counter((s.task, s.outcome) for s in found.under_load)
    assert {outcome for task, outcome in outcomes if task == "text"} == {"disconnected"}
    assert {outcome for task, outcome in outcomes if task == "tool"} == {"complete"}


async def test_an_unreachable_target_gets_no_load():
    target = Target(base_url="http://127.0.0.1:9/v1", model="m")
    options = LoadOptions(
        run=RunOptions(target=target, profiles=("hermes",)),
        stages=(Stage(duration=5, users=5),),
        sampling=SamplingHere,
    )
    store = InMemoryRun()
    facts = await record_load(options, store)
    assert facts.stopped == "unreachable"
    assert list(store.samples()) == []


def test_a_failure_of_single_responses_is_counted(load_test):
    found = load_test(users=2, seconds=1.0, deployment="silent-json")
    failed = [v for v in found.judged().report.verdicts if v.rule == "FLD001"]
    streams = [s for s in found.under_load if s.mode == "stream" and s.profile == "hermes" and s.task != "mistake"]
    mine = next(v for v in failed if v.profile == "hermes" and v.status is Status.FAIL)
    bad = sum("FLD001" in sample.failed for sample in found.under_load if sample.profile == "hermes")
    assert bad > len(streams) / 2
    assert mine.message.startswith(f"{bad:,} of ")
    assert found.judged().report.exit_code == 1


def test_the_recording_is_judged_again_from_its_folder(load_test, tmp_path):
    found = load_test(users=2, seconds=1.0, deployment="silent-json")
    folder = RunFolder.create(tmp_path / "run")
    folder.write_facts(found.facts)
    for name in found.store.ids():
        folder.write(found.store.exchange(name))
    folder.add_samples(found.samples[:10])
    folder.add_samples(found.samples[10:])
    folder.write_shapes(found.store.shapes())
    ours, again = found.judged().report, judge_run(tmp_path / "run").report
    assert again.verdicts == ours.verdicts
    assert again.load == ours.load
    assert again.exit_code == 1


def test_the_highest_number_of_users_is_sought(load_test):
    found = load_test(users=4, seconds=3.0, in_steps=True)
    steps = found.facts.load.steps
    assert [step.users for step in steps] == [2, 4]
    assert all(before.ended_s <= after.began_s for before, after in pairwise(steps))
    assert [found.facts.load.seconds[int(step.began_s)].users for step in steps] == [2, 4]
    assert found.judged().report.load.conformant_up_to == 4


@pytest.mark.verify
async def test_what_was_recorded_is_kept_when_the_user_stops_the_run():
    store, under_load = InMemoryRun(), anyio.Event()

    def on_progress(progress):
        if progress.activity == "load" and progress.sent > 60:
            under_load.set()

    async with serve(DEPLOYMENTS["native-sse"]) as url:
        options = LoadOptions(
            run=RunOptions(target=Target(base_url=url, model="reference"), profiles=("hermes",)),
            stages=(Stage(duration=60, users=3),),
            sampling=SamplingHere,
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(record_load, options, store, on_progress)
            await under_load.wait()
            tasks.cancel_scope.cancel()
    assert {sample.phase for sample in store.samples()} == {"alone", "load"}


def test_a_planted_defect_is_found_under_load(load_test):
    change = changes.find("no-done")
    found = load_test(users=2, seconds=0.5, changes=(change,)) if change else pytest.skip("no such defect")
    assert found.judged().report.exit_code == 1
