"""Send many requests with bounded concurrency."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import anyio

from conformance.model.exchange import Exchange, Request
from conformance.transport.client import exchange_once
from conformance.transport.clock import now_ns
from conformance.transport.limits import Limits
from conformance.transport.proxies import USUAL_TRUST, Trust
from conformance.transport.stall_monitor import StallMonitor

MOST_LINGERING = 3
"""Connections that only listen after their response, for a tenth of a second, per request that is under way.

With one per request, a server that responds in less than that is kept waiting: a gate takes a third of a second longer.
"""


async def send_all(  # noqa: PLR0913 - all but the first are named
    requests: Sequence[Request],
    *,
    key: str | None,
    secrets: Sequence[str] = (),
    limits: Limits,
    unix_socket: str | None = None,
    trust: Trust = USUAL_TRUST,
    concurrency: int,
    on_exchange: Callable[[Exchange], None],
    wanted: Callable[[Request], bool] = lambda _: True,
) -> None:
    """Send all requests, in order and at most `concurrency` at a time; pass each exchange on when it is over.

    The next request starts when a response is complete, while the harness still listens on its connection; but with a
    concurrency of 1 there is one connection at a time: an idle one may block a single-threaded server. A request
    that is no longer `wanted` when its turn comes is not sent. Raises ExceptionGroup: harness errors, one per lost
    exchange, after all the others are done.
    """
    under_way = anyio.Semaphore(concurrency)
    connections = anyio.Semaphore(1 if concurrency == 1 else (1 + MOST_LINGERING) * concurrency)
    faults: list[Exception] = []
    monitor = StallMonitor()

    async def carry(request: Request) -> None:
        async with connections:
            await under_way.acquire()
            if not wanted(request):
                under_way.release()
                return
            began = now_ns()
            try:
                x = await exchange_once(request, key, limits, secrets, unix_socket, trust, under_way.release)
                on_exchange(replace(x, harness_stall_ns=monitor.longest_stall_ns(began)))
            except Exception as fault:  # noqa: BLE001 - one lost exchange must not lose the others
                fault.add_note(f"in the exchange {request.id}")
                faults.append(fault)

    async with anyio.create_task_group() as ticking:
        ticking.start_soon(monitor.tick)
        async with anyio.create_task_group() as tasks:
            for request in requests:
                tasks.start_soon(carry, request)
        ticking.cancel_scope.cancel()
    if faults:
        raise ExceptionGroup(f"{len(faults)} of {len(requests)} exchanges were lost", faults)
