"""Play many replies to a real client: one server for all, and one process per client that takes jobs as they come."""

import itertools
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import h11
from measure import counts
from scenes import NATIVE
from stage import Stage, serving

from conformance.model.exchange import Exchange
from conformance.testbed.server.deployments import reply_to
from conformance.testbed.server.reply import WireResponse

ENDS_WITHIN_S = 15.0
CONFIRMED_AFTER_S = 10.0
"""What seems to hang is played again, and has at least so long."""
NOT_FOUND = WireResponse(status=404, headers=(), pieces=())


@dataclass
class ReplyServer:
    """One server for many replies: each is at its own path, `/NAME/v1`."""

    url: str = ""
    stages: dict[str, Stage] = field(default_factory=dict)
    _names: Iterator[str] = field(default_factory=lambda: (f"r{number}" for number in itertools.count()))

    def on_request(self, request, body, earlier):
        """The reply at the first segment of the path; the stage records the exchange."""
        name, _, rest = request.target.decode("latin-1").removeprefix("/").partition("/")
        stage = self.stages.get(name)
        if stage is None:
            return NOT_FOUND
        inner = h11.Request(method=request.method, target=f"/{rest}".encode("latin-1"), headers=request.headers)
        return stage.on_request(inner, body, earlier)

    @contextmanager
    def playing(self, replies):
        """Play the replies until the context exits; yields their stages, by names that no other reply gets.

        A job that was given up may still send requests.
        """
        stages = {next(self._names): Stage(on_the_api(reply)) for reply in replies}
        self.stages |= stages
        try:
            yield stages
        finally:
            for name in stages:
                del self.stages[name]


def on_the_api(reply):
    """A scene that gives this reply to every message; the good deployment serves the other paths."""

    def scene(request):
        return reply if request.api and request.method == "POST" else reply_to(request, NATIVE)

    return scene


@contextmanager
def reply_server():
    """A running reply server."""
    server = ReplyServer()
    with serving([server]):
        yield server


@dataclass(frozen=True)
class Seen:
    """What a real client did with a reply: its result, and the first exchange of `requests`."""

    said: dict
    requests: int
    first: Exchange | None


class Driver:
    """A driver's process. `run` gives it jobs, and returns the results by id."""

    def __init__(self, environment):
        self._name, self._silent_for_s, self.patience_s = environment.name, environment.within_s, environment.patience_s
        self.confirmed_after_s = max(CONFIRMED_AFTER_S, self.patience_s)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        start = {"cwd": environment.folder, "start_new_session": True}
        self._process = subprocess.Popen(environment.command, **pipes, **start, text=True)
        self._told = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self._process.stdout:
            if line.startswith('{"id"'):
                self._told.put(json.loads(line))

    def run(self, jobs):
        """The result of each job, by id.

        Raises RuntimeError if the driver stops reporting.
        """
        self._process.stdin.write("".join(json.dumps(job) + "\n" for job in jobs))
        self._process.stdin.flush()
        results = {}
        while len(results) < len(jobs):
            try:
                result = self._told.get(timeout=self._silent_for_s)
            except queue.Empty:
                silence = f"{self._name}: the driver has reported nothing for {self._silent_for_s} s"
                raise RuntimeError(silence) from None
            results[result["id"]] = result
        return results

    def stop(self):
        """End the process, with all its child processes: it has no more jobs, and may clean up after itself."""
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDS_WITHIN_S)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def driver(environment):
    """A running driver."""
    running = Driver(environment)
    try:
        yield running
    finally:
        running.stop()


def play(server, running, surface, tasks, patience_s):
    """Play each task (mode, reply) once, and return what the client did, in order.

    A job that takes longer than `patience_s` seems to hang.
    """
    with server.playing([reply for _, reply in tasks]) as stages:
        job = {"surface": surface.name, "client": surface.client, "patience_s": patience_s, "offers_tool": True}
        jobs = [
            job | {"id": name, "url": f"{server.url}/{name}/v1", "mode": mode}
            for name, (mode, _) in zip(stages, tasks, strict=True)
        ]
        said = running.run(jobs)
    return [_seen(job, said[name], stage.exchanges) for name, stage in stages.items()]


def _seen(job, said, exchanges):
    exchanges = [x for x in exchanges if counts(job, x)]
    return Seen(said, len(exchanges), exchanges[0] if exchanges else None)
