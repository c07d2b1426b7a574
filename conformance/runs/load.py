"""Resolve the options of a load test, and record it."""

import importlib.util
import socket
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Final

import anyio
import msgspec

from conformance.load.locust_process import LOCUSTFILE, LocustOptions
from conformance.load.mix import jobs
from conformance.load.options import HANG_UPS, LoadOptions
from conformance.load.record import record_load
from conformance.load.recorder import OnProgress
from conformance.load.shape import Stage, Stages, most_users
from conformance.model.criteria import Criteria
from conformance.model.load import Bound
from conformance.model.run import RunManifest
from conformance.model.words import GENERATIVE
from conformance.runner import RunOptions
from conformance.runs.config import ConfigError
from conformance.runs.execute import JudgedRun, judged_load, record_into
from conformance.runs.options import MOST_USERS, ShapeOptions, SpreadOptions
from conformance.storage.memory import InMemoryRun
from conformance.transport.open_files import allow_many_connections

USERS: Final = 8
DURATION_S: Final = 30.0
MASTER_PORT, WEB_PORT = 5557, 8089
"""As Locust has them."""
LOOPBACK, EVERYWHERE = "127.0.0.1", "*"
MOST_REQUESTS: Final = 10_000
"""Requests of a load test, unless an option sets it: fast targets get thousands in a minute, and each may be billed."""


class _ShapeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    stage: tuple[Stage, ...] = ()


def load_options(
    run: RunOptions, shape: ShapeOptions, criteria: Criteria, locust: LocustOptions | None = None
) -> LoadOptions:
    """The options of a load test against that target. Raises ConfigError."""
    if shape.step and (shape.shape or shape.rate or locust):
        other = "--shape" if shape.shape else "--rate" if shape.rate else "several processes or a web page"
        raise ConfigError(f"--step excludes {other}; accepted: --step with --users and --duration")
    if not jobs(run.target, run.profiles):
        raise ConfigError(
            "conformance load needs an API that generates text; accepted for --api: " + ", ".join(GENERATIVE)
        )
    stages = _stages(shape)
    most = run.target.concurrency
    if most is not None and most_users(stages) > most:
        raise ConfigError(
            f"{run.target.name} takes at most {most} requests at once (`concurrency`), and the load has "
            f"{most_users(stages)} users; accepted: --users {most}, or another `concurrency`"
        )
    bounded = run if run.max_requests is not None else replace(run, max_requests=MOST_REQUESTS)
    return LoadOptions(
        run=bounded,
        stages=stages,
        shape=shape.shape.name if shape.shape else "",
        rate=shape.rate,
        hang_ups=HANG_UPS if shape.hang_ups is None else shape.hang_ups,
        rules=criteria.rules,
        bound=_bound(shape),
        locust=locust,
        in_steps=shape.step,
    )


def _bound(shape: ShapeOptions) -> Bound:
    """How fast a response has to be for the goodput."""
    usual = Bound()
    return Bound(
        first_token_s=shape.good_first_token or usual.first_token_s,
        gap_s=shape.good_gap or usual.gap_s,
    )


def _stages(shape: ShapeOptions) -> Stages:
    """The stages of a load. Raises ConfigError."""
    if shape.shape is None:
        users, seconds = shape.users or USERS, shape.duration or DURATION_S
        return (Stage(duration=seconds, users=users, spawn_rate=shape.spawn_rate),)
    for name, given in (("users", shape.users), ("duration", shape.duration), ("spawn-rate", shape.spawn_rate)):
        if given is not None:
            raise ConfigError(
                f"--shape excludes --{name}: the file says when there are how many users; accepted: one of them"
            )
    return stages_in(shape.shape)


def stages_in(path: Path) -> Stages:
    """The stages in a TOML file. Raises ConfigError."""
    accepted = "accepted: [[stage]] tables with users, duration in seconds, and perhaps spawn_rate"
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _ShapeFile)
    except OSError as error:
        raise ConfigError(f"--shape {path}: {error.strerror or error}; {accepted}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"--shape {path}: {error}; {accepted}") from None
    for number, stage in enumerate(found.stage, 1):
        rate = stage.spawn_rate
        if (
            not 0 <= stage.users <= MOST_USERS
            or not 0 < stage.duration < float("inf")
            or (rate is not None and rate <= 0)
        ):
            raise ConfigError(
                f"--shape {path}: stage {number} has a number out of range; accepted: users from 0 to {MOST_USERS},"
                " duration and spawn_rate above 0"
            )
    if not found.stage or not most_users(found.stage):
        raise ConfigError(f"--shape {path} has no stage with users; {accepted}")
    return found.stage


def record(options: LoadOptions, path: Path, on_progress: OnProgress = lambda _: None) -> RunManifest:
    """Record a load test into a folder. Ctrl-C ends it early: what was recorded is kept, and the facts note it."""
    allow_many_connections()
    return record_into(path, lambda folder: record_load(options, folder, on_progress))


def unstored(options: LoadOptions, criteria: Criteria) -> JudgedRun:
    """Record a load test in memory, and judge it."""
    store = InMemoryRun()
    facts = anyio.run(record_load, options, store)
    return judged_load(facts, store, criteria)


def locust_options(given: SpreadOptions) -> LocustOptions | None:
    """How Locust sends the load; None if this process does. Raises ConfigError."""
    _check_spread(given)
    if given.link is None and not (given.master or given.web_ui or (given.processes or 1) > 1):
        return None
    check_locust()
    return LocustOptions(
        processes=given.processes or 1,
        is_master=given.master,
        bind_host=EVERYWHERE if given.master else LOOPBACK,
        port=given.master_port or (MASTER_PORT if given.master else free_port()),
        web_port=(given.web_port or WEB_PORT) if given.web_ui else None,
        link=_link(given.link) if given.link else None,
    )


def _check_spread(given: SpreadOptions) -> None:
    """Reject options that exclude each other, or have no effect. Raises ConfigError."""
    if given.worker and (given.master or given.web_ui):
        other = "master" if given.master else "web-ui"
        raise ConfigError(f"--worker excludes --{other}, which is for the master; accepted: one of them")
    if given.master_host and not given.worker:
        raise ConfigError("--master-host is the host that a worker connects to; accepted: with --worker")
    if given.master_port and not (given.worker or given.master):
        raise ConfigError(
            "--master-port is the port of a load by several machines; accepted: with --master or --worker"
        )
    if given.web_port and not given.web_ui:
        raise ConfigError("--web-port is the port of the web page; accepted: with --web-ui")


def _link(text: str) -> tuple[int, int]:
    read, _, write = text.partition(",")
    try:
        return int(read), int(write)
    except ValueError:
        raise ConfigError(f"--link {text!r}; accepted: two file descriptors, as 3,4") from None


def check_locust() -> None:
    """Check that Locust is installed. Raises ConfigError."""
    if importlib.util.find_spec("locust") is None:
        raise ConfigError(
            "several processes, --master, --worker and --web-ui need Locust: install oai-conformance[load];"
            " without it, accepted: --processes 1"
        )


def free_port() -> int:
    """A free port of this machine."""
    with socket.create_server((LOOPBACK, 0)) as found:
        return int(found.getsockname()[1])


def worker_command(given: SpreadOptions) -> tuple[str, ...]:
    """The command that starts Locust as a worker."""
    words = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--worker", "--loglevel", "WARNING"]
    words += ["--master-host", given.master_host or LOOPBACK, "--master-port", str(given.master_port or MASTER_PORT)]
    return (*words, *(("--processes", str(given.processes)) if given.processes else ()))
