"""The public Python API, re-exported by `conformance`: run, judge and serve mean what the commands of these names mean.

What only some functions need is imported when they need it, so that a test of a client starts a server quickly.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from conformance.model.impact import Impact
from conformance.model.words import FORMATS, MODES, Api, FailOn, Mode, RecordingFormat
from conformance.report.document import ReportVerdict as Verdict
from conformance.runs.config import ConfigError, argument_names, one_of
from conformance.runs.report import Report

if TYPE_CHECKING:
    from conformance.model.criteria import Criteria
    from conformance.model.run import RunManifest
    from conformance.runs.embedded import Embedded
    from conformance.runs.execute import JudgedRun

__all__ = ["ConfigError", "Impact", "Report", "Verdict", "judge", "resend", "run", "run_gateway", "run_load", "serve"]

NO_PATHS: Mapping[Api, str] = {}
NO_HEADERS: Mapping[str, str] = {}


def run(  # noqa: PLR0913 - one argument an option of the command
    *,
    base_url: str | None = None,
    model: str | None = None,
    api_key_env: str | None = None,
    config: str | Path | None = None,
    target: str | None = None,
    deployment: str | None = None,
    defect: str | None = None,
    paths: Mapping[Api, str] = NO_PATHS,
    headers: Mapping[str, str] = NO_HEADERS,
    cacert: str | Path | None = None,
    insecure: bool = False,
    from_env: bool = False,
    price_input: float | None = None,
    price_output: float | None = None,
    price_request: float | None = None,
    messages_per_day: float | None = None,
    apis: Sequence[Api] = (),
    profiles: Sequence[str] = (),
    suite: Literal["smoke", "gate", "full", "fields"] = "gate",
    streaming: Literal["required", "stopgap-ok"] | None = None,
    unknown_fields: Literal["reject", "announce", "allow"] | None = None,
    concurrency: int | None = None,
    timeout: float | None = None,
    max_requests: int | None = None,
    max_tokens: int | None = None,
    max_cost: float | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    waivers: str | Path | None = None,
    fail_on: Sequence[FailOn] = (),
    strict: bool = False,
    run_dir: str | Path | None = None,
) -> Report:
    """Send the frameworks' requests to a deployment, record every exchange, and judge the recording.

    The arguments mean what the options of `conformance run` mean. Without `run_dir`, a new or empty folder, the
    recording is kept in memory, as long as the report. A target that is unreachable is reported (exit code 3).

    Raises:
        ConfigError: an argument is wrong; nothing was sent.
        RuntimeError: an event loop is running in this thread, which this call would block.
    """
    return _run(locals(), run_dir)


def _run(given: Mapping[str, object], run_dir: str | Path | None) -> Report:
    from conformance.runner import NullProgress
    from conformance.runs import arguments, execute
    from conformance.runs.criteria import criteria
    from conformance.runs.resolve import resolved

    _refuse_event_loop("run")
    with argument_names():
        request = arguments.run_request(given)
        folder = arguments.optional_path("run_dir", run_dir)
        judged_by = criteria(request.verdict, request.target)
        with resolved(request) as options:
            if folder is None:
                return _report(execute.unstored(options, NullProgress(), judged_by))
            facts = execute.record_run(options, execute.folder_for(folder, options.target.name), NullProgress())
        return _judged(folder, facts, judged_by)


def run_gateway(  # noqa: PLR0913 - one argument an option of the command
    *,
    base_url: str | None = None,
    model: str | None = None,
    api_key_env: str | None = None,
    config: str | Path | None = None,
    target: str | None = None,
    deployment: str | None = None,
    defect: str | None = None,
    paths: Mapping[Api, str] = NO_PATHS,
    headers: Mapping[str, str] = NO_HEADERS,
    cacert: str | Path | None = None,
    insecure: bool = False,
    apis: Sequence[Api] = (),
    profiles: Sequence[str] = (),
    suite: Literal["smoke", "gate", "full"] = "gate",
    concurrency: int | None = None,
    timeout: float | None = None,
    max_requests: int | None = None,
    max_tokens: int | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    waivers: str | Path | None = None,
    fail_on: Sequence[FailOn] = (),
    strict: bool = False,
    upstream_ports: Sequence[int] = (),
    upstream_host: str = "127.0.0.1",
    wait: float = 5.0,
    run_dir: str | Path | None = None,
) -> Report:
    """Send requests to a gateway, answer those that it sends to `upstream_ports`, and judge both sides.

    The arguments mean what the options of `conformance gateway` mean; the recording is kept as by `run`. If no request
    arrives upstream, that is reported (exit code 3).

    Raises:
        ConfigError: an argument is wrong; nothing was sent.
        RuntimeError: an event loop is running in this thread, which this call would block.
    """
    return _run_gateway(locals(), tuple(upstream_ports), upstream_host, wait, run_dir)


def _run_gateway(
    given: Mapping[str, object], ports: tuple[int, ...], host: str, wait: float, run_dir: str | Path | None
) -> Report:
    from conformance.runs import arguments, execute, gateway
    from conformance.runs.criteria import criteria
    from conformance.runs.options import GatewaySelection

    _refuse_event_loop("run_gateway")
    with argument_names():
        request = arguments.run_request(given, GatewaySelection)
        folder = arguments.optional_path("run_dir", run_dir)
        judged_by = criteria(request.verdict, request.target)
        through = gateway.options_through(request, ports, host, wait)
        if folder is None:
            return _report(gateway.unstored(through, judged_by))
        facts = gateway.record(through, execute.folder_for(folder, through.run.target.name))
        return _judged(folder, facts, judged_by)


def run_load(  # noqa: PLR0913 - one argument an option of the command
    *,
    base_url: str | None = None,
    model: str | None = None,
    api_key_env: str | None = None,
    config: str | Path | None = None,
    target: str | None = None,
    deployment: str | None = None,
    defect: str | None = None,
    paths: Mapping[Api, str] = NO_PATHS,
    headers: Mapping[str, str] = NO_HEADERS,
    cacert: str | Path | None = None,
    insecure: bool = False,
    from_env: bool = False,
    price_input: float | None = None,
    price_output: float | None = None,
    price_request: float | None = None,
    apis: Sequence[Api] = (),
    profiles: Sequence[str] = (),
    users: int | None = None,
    duration: float | None = None,
    spawn_rate: float | None = None,
    rate: float | None = None,
    shape: str | Path | None = None,
    hang_ups: float | None = None,
    good_first_token: float | None = None,
    good_gap: float | None = None,
    timeout: float | None = None,
    max_requests: int | None = None,
    max_tokens: int | None = None,
    max_cost: float | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    waivers: str | Path | None = None,
    fail_on: Sequence[FailOn] = (),
    strict: bool = False,
    run_dir: str | Path | None = None,
) -> Report:
    """Send many users' requests at once, and judge each response, and all of them.

    The arguments mean what the options of `conformance load` mean; one process sends.
    The recording is kept as by `run`.

    Raises:
        ConfigError: an argument is wrong; nothing was sent.
        RuntimeError: an event loop is running in this thread, which this call would block.
    """
    return _run_load(locals(), run_dir)


def _run_load(given: Mapping[str, object], run_dir: str | Path | None) -> Report:
    from conformance.runs import arguments, execute, load
    from conformance.runs.criteria import criteria
    from conformance.runs.options import ShapeOptions
    from conformance.runs.resolve import resolved

    _refuse_event_loop("run_load")
    with argument_names():
        request = arguments.run_request(given)
        shape = arguments.group(ShapeOptions, given)
        folder = arguments.optional_path("run_dir", run_dir)
        judged_by = criteria(request.verdict, request.target)
        with resolved(request) as run:
            options = load.load_options(run, shape, judged_by)
            if folder is None:
                return _report(load.unstored(options, judged_by))
            facts = load.record(options, execute.folder_for(folder, run.target.name))
        return _judged(folder, facts, judged_by)


def judge(  # noqa: PLR0913 - as run
    path: str | Path | Sequence[str | Path],
    *,
    recording_format: Literal["har", "vcr"] | None = None,
    save: str | Path | None = None,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    waivers: str | Path | None = None,
    fail_on: Sequence[FailOn] = (),
    strict: bool = False,
) -> Report:
    """Judge the recording in a run folder, or HAR archives, VCR cassettes and folders of them. Nothing is sent.

    `recording_format` and `save` mean what the options of `conformance judge` mean.

    Raises:
        ConfigError: a path holds no complete run and no recording, or another argument is wrong.
    """
    return _judge(path, recording_format, save, locals())


def _judge(
    path: str | Path | Sequence[str | Path],
    recording_format: RecordingFormat | None,
    save: str | Path | None,
    given: Mapping[str, object],
) -> Report:
    from conformance.runs import arguments, recordings
    from conformance.runs.criteria import criteria
    from conformance.runs.options import VerdictOptions

    with argument_names():
        judged_by = criteria(arguments.group(VerdictOptions, given))
        paths = [arguments.path_of("path", one) for one in (path if isinstance(path, (list, tuple)) else (path,))]
        if recording_format is not None:
            one_of("recording_format", recording_format, FORMATS)
        folder = arguments.optional_path("save", save)
        return _report(recordings.judge_paths(paths, judged_by, format=recording_format, save=folder))


def serve(deployment: str | None = None, defect: str | None = None, *, port: int = 0) -> AbstractContextManager[str]:
    """Serve an embedded deployment on 127.0.0.1 in a thread of its own, to test a client against.

    Yields the base URL, which ends in `/v1`; any API key is accepted. The default deployment is `native-sse`, or the
    one that the defect belongs to. Port 0 is a free one.

    Raises:
        ConfigError: an argument is wrong; on entering the context, if the port can't be used.
    """
    from conformance.runs.embedded import find_embedded

    if not isinstance(port, int) or not 0 <= port < 65536:
        raise ConfigError(f"port={port!r}; accepted: 0 to 65535")
    with argument_names():
        return _serving(find_embedded(deployment, defect), port)


@contextmanager
def _serving(ours: "Embedded", port: int) -> Iterator[str]:
    from conformance.runs.embedded import running

    with ExitStack() as stack:
        try:
            url = stack.enter_context(running(ours.deployment, ours.changes, port=port))
        except OSError as error:
            raise ConfigError(f"port={port}: {error.strerror or error}; accepted: a free port, or 0 for any") from None
        yield url


def resend(  # noqa: PLR0913 - as run
    body: bytes,
    *,
    probe: str,
    mode: Mode,
    base_url: str | None = None,
    model: str | None = None,
    api_key_env: str | None = None,
    config: str | Path | None = None,
    target: str | None = None,
    deployment: str | None = None,
    defect: str | None = None,
    paths: Mapping[Api, str] = NO_PATHS,
    timeout: float | None = None,
) -> Report:
    """Send one request body that `conformance fuzz` found, after baseline requests, and judge the responses.

    `probe` is the test case's name in the report, for example `chat.fuzz.no-json.a-list`. The other arguments are those
    of `run`.

    Raises:
        ConfigError: an argument is wrong; nothing was sent.
        RuntimeError: an event loop is running in this thread, which this call would block.
    """
    return _resend(body, probe, mode, locals())


def _resend(body: bytes, probe: str, mode: Mode, given: Mapping[str, object]) -> Report:
    from conformance.fuzz import resend as fuzz
    from conformance.runs import arguments, execute
    from conformance.runs.resolve import resolved

    _refuse_event_loop("resend")
    if not isinstance(body, bytes):
        raise ConfigError(f"body={body!r}; accepted: bytes")
    one_of("mode", mode, MODES)
    try:
        api, case = fuzz.case_of(probe, mode, body)
    except ValueError as error:
        raise ConfigError(f"probe={probe!r}; {error}") from None
    with argument_names(), resolved(arguments.run_request({**given, "apis": (api,)})) as options:
        resent = fuzz.resend(options, api, case)
    return _report(execute.built(resent.facts, resent.judgement, resent.exchanges.__getitem__))


def _judged(folder: Path, facts: "RunManifest", criteria: "Criteria") -> Report:
    """The report of what was recorded. An interrupted recording is kept, but then the caller must stop, too."""
    from conformance.runs import execute

    if facts.stopped == "interrupted":
        raise KeyboardInterrupt
    return _report(execute.judge_run(folder, criteria))


def _report(judged: "JudgedRun") -> Report:
    return Report(judged.report, judged.evidence)


def _refuse_event_loop(name: str) -> None:
    """Refuse to block an event loop: a target served by the same loop could never respond."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(f"{name}() would block the running event loop; use: await asyncio.to_thread({name}, ...)")
