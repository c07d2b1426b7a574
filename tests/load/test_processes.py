"""The processes of a load test: one that sends without Locust, and Locust itself where it is installed."""

import importlib.util
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from conformance.load.locust_process import LocustOptions, command_line
from conformance.load.merging import Merged
from conformance.load.messages import Begin, Results, Stop, Users, command, line, results
from conformance.load.part import Part, divided, numbered
from conformance.load.shape import Stage
from conformance.model.load import LoadSecond
from conformance.model.target import Target
from conformance.storage.folder import RunFolder
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running

TARGET = Target(base_url="http://127.0.0.1:1/v1", model="m")
PART = Part(target=TARGET, profiles=("hermes",), run=3, rate=10.0, max_requests=101, max_cost=3.0)
STAGES = (Stage(duration=3, users=20),)
with_locust = pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is not installed")


def test_messages_are_lines_that_can_be_read_again():
    for given in (Begin(PART), Users(4), Stop()):
        assert line(given).endswith(b"\n")
        assert command(line(given)) == given
    found = Results(worker=2, began_ns=5, seconds=(LoadSecond(users=3),), sent=7, is_last=True)
    assert results(line(found)) == found


def test_a_part_is_divided_so_that_all_together_keep_the_bounds():
    one = divided(PART, 4)
    assert (one.rate, one.max_requests, one.max_tokens, one.max_cost) == (2.5, 25, None, 0.75)


def test_the_users_of_each_process_have_numbers_of_their_own():
    assert [numbered(PART, worker).first_user for worker in (1, 2)] == [10_000, 20_000]


def test_results_of_processes_are_put_together():
    merged = Merged()
    quick, slow = LoadSecond(users=3, stall_ms=1.0, cpu=0.9), LoadSecond(users=4, stall_ms=50.0, cpu=0.1)
    merged.add(Results(worker=1, began_ns=10, seconds=(quick,), users=3, sent=5))
    merged.add(Results(worker=2, began_ns=20, seconds=(slow, slow), users=4, sent=6, reason="over --max-requests 6"))
    merged.add(Results(worker=1, began_ns=10, seconds=(quick,), sent=8, is_last=True))
    assert (merged.sent, merged.users, merged.most_users) == (14, 4, 7)
    assert merged.began_ns == {1: 10, 2: 20}
    assert merged.reason == "over --max-requests 6"
    assert merged.all_seconds() == (LoadSecond(users=7, stall_ms=50.0, cpu=0.9),) * 2


def test_locust_is_started_for_processes_machines_or_a_web_page():
    words = command_line(LocustOptions(processes=2, port=7000), PART, STAGES)
    assert "--headless" in words
    assert words[words.index("--processes") + 1] == "2"
    assert words[words.index("--master-port") + 1] == words[words.index("--master-bind-port") + 1] == "7000"
    assert "--master" not in words
    words = command_line(LocustOptions(processes=3, is_master=True), PART, STAGES)
    assert words[words.index("--expect-workers") + 1] == "3"
    assert "--processes" not in words
    words = command_line(LocustOptions(web_port=8089), PART, STAGES)
    assert "--headless" not in words
    assert words[words.index("--users") + 1] == "20"


@pytest.mark.verify  # its samples are judged at the lowest priority, beside other tests for long
def test_a_process_sends_what_it_is_told_and_ends():
    pipe = subprocess.PIPE
    with running(DEPLOYMENTS["native-sse"]) as url:
        part = numbered(Part(target=Target(base_url=url, model="reference"), profiles=("langgraph",), run=3), 2)
        words = (sys.executable, "-m", "conformance.load.sending_process")
        with subprocess.Popen(words, stdin=pipe, stdout=pipe) as child:
            child.stdin.write(line(Begin(part)) + line(Users(2)))
            child.stdin.flush()
            found = [results(child.stdout.readline())]
            while found[-1].sent < 8:
                found.append(results(child.stdout.readline()))
            child.stdin.write(line(Users(1)) + line(Stop()))
            child.stdin.flush()
            found += map(results, child.stdout)
    samples = [sampled.sample for one in found for sampled in one.sampled]
    assert found[-1].is_last
    assert len(samples) == found[-1].sent
    assert {sample.user for sample in samples} == {20_000, 20_001}
    assert {sample.worker for sample in samples} == {2}
    assert {sample.outcome for sample in samples} <= {"complete", "error", "disconnected"}
    assert any(sampled.exchange for one in found for sampled in one.sampled)
    assert child.returncode == 0


def load(tmp_path, *options, module="conformance", **more):
    words = (sys.executable, "-m", module, *options)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests' parent process may ignore it
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tmp_path, text=True, **more)


@pytest.mark.verify
@with_locust
@pytest.mark.parametrize("defect", [None, "no-done"])
def test_a_load_of_two_processes_finds_what_one_finds(tmp_path, defect):
    verdicts = {}
    for processes in (1, 2):
        given = ("--defect", defect) if defect else ("--deployment", "native-sse")
        shape = ("--users", "6", "--duration", "12", "--processes", f"{processes}", "--run-dir", f"run-{processes}")
        with load(tmp_path, "load", *given, *shape, "--report", f"json-full={processes}.json") as process:
            printed = process.communicate()[0]
        assert process.returncode == (1 if defect else 0), printed
        failed = [part.split()[1] for part in printed.splitlines() if part.strip().startswith("1. ")]
        verdicts[processes] = failed
        samples = list(RunFolder.open(tmp_path / f"run-{processes}").samples())
        workers = Counter(sample.worker for sample in samples if sample.phase == "load")
        assert set(workers) == ({0} if processes == 1 else {1, 2})
        assert len({sample.nonce for sample in samples if sample.phase == "load"}) == workers.total()
    assert verdicts[1] == verdicts[2]


@pytest.mark.verify
@with_locust
def test_workers_on_other_machines_send_for_a_master(tmp_path):
    with running(DEPLOYMENTS["native-sse"]) as url:
        target = ("--base-url", url, "--model", "reference", "--master-port", "15571")
        workers = [load(tmp_path, "load", *target, "--worker") for _ in range(2)]
        shape = ("--users", "4", "--duration", "4", "--run-dir", "run")
        with load(tmp_path, "load", *target, "--master", "--processes", "2", *shape) as master:
            printed = master.communicate()[0]
        assert [worker.wait() for worker in workers] == [0, 0]
    for worker in workers:
        worker.stdout.close()
    assert master.returncode == 0, printed
    samples = RunFolder.open(tmp_path / "run").samples()
    assert {sample.worker for sample in samples if sample.phase == "load"} == {1, 2}


@pytest.mark.verify
@with_locust
def test_a_locustfile_of_ones_own_can_have_our_users(tmp_path):
    (tmp_path / "own.py").write_text(
        "from conformance.load.locust_user import ConformanceUser\n\n\n"
        "class Chat(ConformanceUser):\n"
        '    options = ("--deployment", "silent-json", "--profile", "langgraph", "--run-dir", "run")\n'
    )
    words = ("-f", "own.py", "--headless", "--users", "3", "--spawn-rate", "3", "--run-time", "15s", "--skip-log-setup")
    environ = os.environ | {"PYTHONPATH": os.pathsep.join((str(Path(__file__).parents[2]), *sys.path))}
    with load(tmp_path, *words, module="locust", env=environ) as locust:
        printed = locust.communicate()[0]
    assert locust.returncode == 1, printed
    assert "FLD001" in printed
    assert RunFolder.open(tmp_path / "run").facts().load.users == 3


def test_ctrl_c_keeps_what_was_recorded(tmp_path):
    given = ("load", "--deployment", "native-sse", "--users", "2", "--duration", "60", "--run-dir", "run")
    with load(tmp_path, *given, "--profile", "langgraph", start_new_session=True) as process:
        until = next(text for text in process.stdout if text.startswith("load "))
        process.send_signal(signal.SIGINT)
        printed = until + process.communicate()[0]
    assert process.returncode == 130, printed
    folder = RunFolder.open(tmp_path / "run")
    assert folder.facts().stopped == "interrupted"
    assert {sample.phase for sample in folder.samples()} >= {"alone"}
