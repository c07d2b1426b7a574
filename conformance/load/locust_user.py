"""Users of a load test under Locust, which spreads them over processes and machines, shapes the load, and draws it.

A Locust user sends nothing itself: it stands for one of our users. Each of Locust's workers has a process that sends
(`sending_process.py`), without Locust's replacements of the standard library. Its results go to the master, which
passes them on to the process that records the run.

In a locustfile of your own:

    from conformance.load.locust_user import ConformanceUser

    class Chat(ConformanceUser):
        options = ("--base-url", "http://127.0.0.1:8000/v1", "--model", "our-model", "--api-key-env", "API_KEY")
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar, Final

import gevent
import gevent.os
import gevent.subprocess
import msgspec
from locust import LoadTestShape, User, constant, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from conformance.load.locust_web import add_tab
from conformance.load.messages import Begin, Command, Results, Stop, Users, command, line, results
from conformance.load.part import HEADERS, LINK, STAGES, Part, divided, numbered
from conformance.load.shape import Stages, users_at
from conformance.model.sample import Sample

BEGIN, RESULTS, STOP = "conformance_begin", "conformance_results", "conformance_stop"
"""Messages between master and workers."""
SENDING_PROCESS: Final = (sys.executable, "-m", "conformance.load.sending_process")
RECORD: Final = (sys.executable, "-m", "conformance", "load")
LATEST_S: Final = 30.0
"""How long the master waits for the last results beyond the timeout of an exchange."""
WAIT_S: Final = 0.05
MS: Final = 1e6


class ConformanceUser(User):
    """Stands for one user of a load test. `options` are those of `conformance load`, without users and duration."""

    abstract = True
    wait_time = constant(0.5)
    options: ClassVar[tuple[str, ...]] = ()

    def on_start(self) -> None:
        """Let one more user send."""
        _sender.add(1)

    def on_stop(self) -> None:
        """Let one user leave."""
        _sender.add(-1)

    @task
    def send(self) -> None:
        """Do nothing: the process beside this one sends."""


class StagesShape(LoadTestShape):
    """The stages of a load test, as the environment says."""

    abstract = True

    def tick(self) -> tuple[int, float] | None:
        """How many users there are now, and how many start in a second; None when the load is over."""
        stages = msgspec.json.decode(os.environ[STAGES], type=Stages)
        users = users_at(stages, self.get_run_time())
        return None if users is None else (users, float(max(users, 1)))


class _Sender:
    """The process that sends for this worker."""

    def __init__(self) -> None:
        self._process: Any = None
        self._users = 0

    def begin(self, environment: Environment, msg: Any) -> None:
        """Start it, and tell it what it has to know."""
        worker = int(getattr(environment.runner, "worker_index", 0)) + 1
        part = numbered(msgspec.json.decode(msg.data["part"], type=Part), worker)
        if headers := os.environ.get(HEADERS):
            target = msgspec.structs.replace(part.target, headers=json.loads(headers))
            part = msgspec.structs.replace(part, target=target)
        pipe = gevent.subprocess.PIPE
        self._process = gevent.subprocess.Popen(SENDING_PROCESS, stdin=pipe, stdout=pipe)
        self._write(Begin(part))
        self._write(Users(self._users))
        gevent.spawn(self._read, environment)

    def add(self, number: int) -> None:
        """Let users start, or leave."""
        self._users += number
        self._write(Users(self._users))

    def stop(self, environment: Environment, msg: Any) -> None:  # noqa: ARG002 - Locust's signature of a listener
        """Let it end."""
        self._write(Stop())

    def _write(self, given: Command) -> None:
        if self._process is None:
            return
        try:
            self._process.stdin.write(line(given))
            self._process.stdin.flush()
        except OSError:
            self._process = None  # it has ended

    def _read(self, environment: Environment) -> None:
        process = self._process
        for text in process.stdout:
            environment.runner.send_message(RESULTS, {"results": text.decode()})
            for sampled in results(text).sampled:
                _report(environment, sampled.sample)
        process.wait()
        self._process = None


def _report(environment: Environment, sample: Sample) -> None:
    """Count a request in Locust's own numbers, and draw it."""
    what = " ".join(filter(None, (sample.outcome, str(sample.status or ""), *sample.failed)))
    is_good = sample.outcome in ("complete", "disconnected") and not sample.failed and not sample.foreign
    is_expected = sample.task == "mistake" and sample.outcome == "error" and not sample.failed
    name = f"{sample.profile} {sample.mode} {sample.task}"
    times = {"": sample.ended, " first byte": sample.first_byte, " first token": sample.first_token}
    for suffix, took in times.items():
        if took is not None:
            environment.events.request.fire(
                request_type=sample.api,
                name=f"{name}{suffix}",
                response_time=took / MS,
                response_length=sample.length,
                exception=None if suffix or is_good or is_expected else RuntimeError(what),
                context={},
            )


class _Master:
    """Passes the results of all workers on to the process that records, and ends the load."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._recorder: Any = None
        self._in, self._out = self._link()
        self._begin = self._first_line()
        self._part = ""
        self._timeout_s = LATEST_S
        self._workers: dict[int, Results] = {}
        self.failed: Counter[str] = Counter()

    def _link(self) -> tuple[int, int]:
        """The pipes to the process that records, which is started if it did not start Locust itself."""
        if link := os.environ.get(LINK):
            read, write = map(int, link.split(","))
            return read, write
        options = next((one.options for one in self._environment.user_classes if issubclass(one, ConformanceUser)), ())
        their_read, write = os.pipe()
        read, their_write = os.pipe()
        words = (*RECORD, *options, "--link", f"{their_read},{their_write}")
        self._recorder = gevent.subprocess.Popen(words, pass_fds=(their_read, their_write))
        os.close(their_read)
        os.close(their_write)
        return read, write

    def _first_line(self) -> Command | None:
        """What the process that records says when it has sent its requests alone; None if it has ended."""
        text = b""
        while not text.endswith(b"\n") and (data := gevent.os.tp_read(self._in, 65536)):
            text += data
        return command(text) if text else None

    def begin(self, environment: Environment, **_more: Any) -> None:
        """Let the workers begin."""
        given, self._begin = self._begin, None
        if not isinstance(given, Begin):  # it has said why; or this is a second load, of which there is no recording
            gevent.spawn(environment.runner.quit)
            return
        self._timeout_s += given.part.timeout_s
        workers = max(1, getattr(environment.runner, "worker_count", 1))
        part = divided(given.part, workers)
        hidden = msgspec.structs.replace(part.target, headers={})
        self._part = msgspec.json.encode(msgspec.structs.replace(part, target=hidden)).decode()
        environment.runner.send_message(BEGIN, {"part": self._part})
        self._await(lambda: len(self._workers) >= workers)

    def connected(self, client_id: str, **_more: Any) -> None:
        """Let a worker begin that comes later."""
        if self._part:
            self._environment.runner.send_message(BEGIN, {"part": self._part}, client_id)

    def results(self, environment: Environment, msg: Any) -> None:
        """Pass results on."""
        text = msg.data["results"].encode()
        gevent.os.tp_write(self._out, text)
        found = results(text)
        self._workers[found.worker] = found
        self.failed.update(rule for sampled in found.sampled for rule in sampled.sample.failed)
        if found.reason:
            gevent.spawn(environment.runner.quit)

    def stop(self, environment: Environment, **_more: Any) -> None:
        """Before the workers are stopped: let the processes that send end, and wait for their last results."""
        environment.runner.send_message(STOP, {})
        self._await(lambda: all(found.is_last for found in self._workers.values()))

    def _await(self, is_so: Callable[[], bool]) -> None:
        """Wait for the processes that send, but not forever."""
        with gevent.Timeout(self._timeout_s, exception=False):
            while not is_so():
                gevent.sleep(WAIT_S)

    def quit(self, environment: Environment, **_more: Any) -> None:
        """End the load, if it has not ended, and wait for the report of the process that records."""
        environment.runner.quit()
        os.close(self._out)
        if self._recorder is not None:
            environment.process_exit_code = self._recorder.wait()


_sender = _Sender()


@events.init.add_listener
def _begin(environment: Environment, **_more: Any) -> None:
    """Connect the parts of this process: of a worker, of the master, or of both if there is only one process."""
    runner = environment.runner
    if not isinstance(runner, MasterRunner):
        runner.register_message(BEGIN, _sender.begin)
        runner.register_message(STOP, _sender.stop)
    if not isinstance(runner, WorkerRunner):
        master = _Master(environment)
        runner.register_message(RESULTS, master.results)
        environment.events.test_start.add_listener(master.begin)
        environment.events.worker_connect.add_listener(master.connected)
        environment.events.test_stopping.add_listener(master.stop)
        environment.events.quitting.add_listener(master.quit)
        if environment.web_ui:
            add_tab(environment.web_ui, master.failed)
