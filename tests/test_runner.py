"""Recording a run: order, skipped requests and their reasons, interruption."""

import socket
from contextlib import closing

import anyio
import pytest

from conformance.judging import judge
from conformance.model.exchange import Exchange
from conformance.model.target import Target
from conformance.runner import RunOptions, record
from conformance.selftest import DEFAULT_PROFILES
from conformance.storage.folder import RunFolder
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import Mutation
from conformance.testbed.server.serve import serve
from conformance.transport.limits import Limits


class Counted:
    def __init__(self) -> None:
        self.planned = 0
        self.seen: list[Exchange] = []

    def total(self, requests: int) -> None:
        self.planned = requests

    def done(self, exchange: Exchange) -> None:
        self.seen.append(exchange)


def run(path, progress=None, *, key=None, server_key=None, changes=(), **options):
    """A run against the embedded native-sse: its facts and folder."""
    folder = RunFolder.create(path / "run")

    async def fire():
        async with serve(DEPLOYMENTS["native-sse"], changes, key=server_key) as url:
            target = Target(base_url=url, model="reference")
            asked = RunOptions(target=target, profiles=DEFAULT_PROFILES, key=key, **options)
            return await record(asked, folder, progress or Counted())

    return anyio.run(fire), folder


def test_every_planned_request_is_recorded_once(tmp_path):
    progress = Counted()
    facts, folder = run(tmp_path, progress)
    assert facts.stopped == ""
    assert facts.left_out == {}
    assert sorted(folder.ids()) == sorted(facts.planned)
    assert progress.planned == len(progress.seen) == len(facts.planned)


def test_the_smallest_request_of_each_api_goes_first(tmp_path):
    progress = Counted()
    run(tmp_path, progress, suite="smoke")
    assert {x.case.probe for x in progress.seen[:2]} == {"chat.preflight.smallest", "messages.preflight.smallest"}
    bodies = [len(x.sent.partition(b"\r\n\r\n")[2]) for x in progress.seen]
    assert max(bodies[:2]) < 100 < max(bodies)


def test_nobody_there_stops_after_the_preflight(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    folder = RunFolder.create(tmp_path / "run")
    target = Target(base_url=f"http://127.0.0.1:{port}/v1", model="m")

    async def fire():
        return await record(RunOptions(target=target, profiles=DEFAULT_PROFILES), folder, Counted())

    facts = anyio.run(fire)
    assert facts.stopped == "unreachable"
    assert "refused" in facts.stopped_why.lower()
    assert len(folder.ids()) == 2


@pytest.mark.parametrize("key", [None, "sk-wrong-key"])
def test_a_refused_key_stops_after_the_preflight_and_is_reported_in_the_targets_words(tmp_path, key):
    facts, folder = run(tmp_path, key=key, server_key="sk-right-key")
    assert facts.stopped == "key-refused"
    assert "HTTP 401: ‘The API key is missing or not valid" in facts.stopped_why
    steps = {name.rpartition(".")[2] for name in folder.ids() if name.startswith("messages")}
    assert steps == {"smallest", "other-key-header"}, "the SDK of Messages can send the key in either header"
    assert len(folder.ids()) == 3


def test_the_right_key_is_taken_and_written_nowhere(tmp_path):
    key = "sk-a-key-that-nobody-guesses"
    facts, folder = run(tmp_path, key=key, server_key=key)
    assert facts.stopped == ""
    judge(facts, folder.exchange, folder.ids())
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert written
    assert not any(key.encode() in raw for raw in written)


@pytest.mark.parametrize(
    ("cap", "reason"), [({"max_requests": 5}, "--max-requests"), ({"max_tokens": 500}, "--max-tokens")]
)
def test_caps_leave_out_what_is_over_and_say_so(tmp_path, cap, reason):
    facts, folder = run(tmp_path, **cap)
    assert len(folder.ids()) + len(facts.left_out) == len(facts.planned)
    assert facts.left_out
    assert all(reason in why for why in facts.left_out.values())
    assert len(folder.ids()) <= cap.get("max_requests", 80)


def test_stopping_keeps_what_was_recorded(tmp_path):
    folder = RunFolder.create(tmp_path / "run")

    class StopsAfterFive(Counted):
        def done(self, exchange):
            super().done(exchange)
            if len(self.seen) == 5:
                scope.cancel()

    async def fire():
        async with serve(DEPLOYMENTS["native-sse"]) as url:
            with scope:
                target = Target(base_url=url, model="reference")
                await record(
                    RunOptions(target=target, profiles=DEFAULT_PROFILES, concurrency=1), folder, StopsAfterFive()
                )

    async def main():
        nonlocal scope
        scope = anyio.CancelScope()
        await fire()

    scope = None
    anyio.run(main)
    facts = folder.facts()
    assert facts.stopped == "interrupted"
    assert 5 <= len(folder.ids()) < len(facts.planned)
    assert judge(facts, folder.exchange, folder.ids()).verdicts


def test_a_target_that_takes_connections_and_never_answers_is_left_after_the_preflight(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        folder = RunFolder.create(tmp_path / "run")
        target = Target(base_url=f"http://127.0.0.1:{mute.getsockname()[1]}/v1", model="m")
        asked = RunOptions(target=target, profiles=DEFAULT_PROFILES, limits=Limits(timeout_s=0.3))
        facts = anyio.run(record, asked, folder, Counted())
    assert facts.stopped == "unreachable"
    assert "sends no response" in facts.stopped_why
    assert {name.rpartition(".")[2] for name in folder.ids()} == {"smallest", "alive"}


def test_an_api_that_only_streams_is_tested_all_the_same(tmp_path):
    def only_streams(response, request):
        if request.api != "messages" or request.mode == "stream" or response.status >= 400:
            return response
        return refuse(Refusal(status=501, message="Only streaming is supported."), request)

    change = Mutation(name="only-streams", title="Messages are not answered without a stream", on_response=only_streams)
    facts, folder = run(tmp_path, changes=(change,))
    assert facts.left_out == {}
    assert "messages.long-claude-sdk-stream" in folder.ids()


def test_what_the_harness_did_not_finish_is_not_taken_for_complete(tmp_path):
    class Broken(Counted):
        def done(self, _exchange):
            raise RuntimeError("planted")

    with pytest.raises(ExceptionGroup):
        run(tmp_path, Broken(), suite="smoke")
    facts = RunFolder.open(tmp_path / "run").facts()
    assert (facts.stopped, facts.stopped_why) == ("interrupted", "the harness failed: ExceptionGroup")
