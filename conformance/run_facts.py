"""The facts of a run, as whatever records it states them: before the first request, and when it ends."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, Protocol

import anyio
import msgspec

from conformance import __version__
from conformance.model.run import RunManifest, Stopped
from conformance.model.target import Target
from conformance.transport import pressure

TOOL: Final = f"oai-conformance {__version__}"
REDACTED: Final = "(hidden)"
BY_USER: Final = "the user stopped the run"


class FactsStore(Protocol):
    """Storage of a run's facts."""

    def write_facts(self, facts: RunManifest) -> None:
        """Write the run's facts, or replace them."""


class Recorder(Protocol):
    """What records a run.

    `planned` are the IDs of its requests, `left_out` those that are not sent, with the reason. `stopped` and `reason`
    say why the run ended before it was complete, if it did.
    """

    started: datetime
    planned: list[str]
    left_out: dict[str, str]
    stopped: Stopped
    reason: str

    def facts(self) -> RunManifest:
        """The run's facts so far."""


def timestamp(at: datetime | None = None) -> str:
    """A time in UTC as RFC 3339 writes it, to the second; by default, now."""
    return f"{at or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def without_values(target: Target) -> Target:
    """The target as it is stored: the values of its headers may be secrets."""
    return msgspec.structs.replace(target, headers=dict.fromkeys(target.headers, REDACTED))


async def with_facts(recorder: Recorder, store: FactsStore, work: Callable[[], Awaitable[None]]) -> RunManifest:
    """Record a run by doing the work of its recorder; returns the run's facts, which are written at its end.

    They are written before it, too, as `interrupted`: whatever ends the process, the recording can be judged.
    Cancellation (Ctrl-C), and what goes wrong in the harness, is noted in the facts before it propagates: what is not
    complete is never judged as if it were.
    """
    began, waited_before = anyio.current_time(), pressure.waited()
    store.write_facts(msgspec.structs.replace(recorder.facts(), stopped="interrupted"))
    try:
        await work()
    except BaseException as error:
        by_user = isinstance(error, (anyio.get_cancelled_exc_class(), KeyboardInterrupt))
        recorder.stopped = "interrupted"
        recorder.reason = BY_USER if by_user else f"the harness failed: {type(error).__name__}"
        raise
    finally:
        facts = msgspec.structs.replace(
            recorder.facts(),
            duration_s=round(anyio.current_time() - began, 3),
            machine_pressure=pressure.share_since(waited_before),
        )
        store.write_facts(facts)
    return facts
