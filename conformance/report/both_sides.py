"""The upstream side of a failure behind a gateway: where the request arrived, when, and where its bytes are. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import UNSET

from conformance.model.exchange import Exchange, Pair, ReadExchange
from conformance.parsing.http1 import reply
from conformance.report.document import Report, ReportVerdict
from conformance.report.pair_timeline import MS

MOST_ATTEMPTS: Final = 3
MOST_COMPARED: Final = 20


def pair_of(exchange: str, report: Report, load: ReadExchange) -> Pair | None:
    """Both sides of a request; None in a run that is not through a gateway."""
    if report.gateway is UNSET:
        return None
    return Pair(load(exchange), tuple(map(load, report.gateway.upstream_of(exchange))))


def clearest(verdicts: Sequence[ReportVerdict], report: Report, load: ReadExchange) -> ReportVerdict:
    """The failure to show: the first; through a gateway, that with the shortest request, which reads best."""
    if report.gateway is UNSET:
        return verdicts[0]
    some = [verdict for verdict in verdicts[:MOST_COMPARED] if verdict.exchanges] or verdicts[:1]
    return min(some, key=lambda verdict: sum(len(load(name).sent) for name in verdict.exchanges[:1]))


def others(verdict: ReportVerdict, report: Report) -> list[str]:
    """The other requests to the gateway that a verdict compares one with, by the names of their exchanges."""
    clients = {one.exchange for one in report.gateway.requests} if report.gateway is not UNSET else set()
    return [name for name in verdict.exchanges[1:] if name in clients]


def compared(verdict: ReportVerdict, report: Report) -> str:
    """The first of the other requests, and the number of further ones."""
    names = others(verdict, report)
    more = f" and {len(names) - MOST_ATTEMPTS} more" if names[MOST_ATTEMPTS:] else ""
    return ", ".join(names[:MOST_ATTEMPTS]) + more


def arrived(pair: Pair) -> Iterator[str]:
    """How a request arrived upstream: each attempt with its exchange, time and status."""
    if not pair.upstream:
        yield "nothing arrived upstream: the gateway responded on its own, or not at all"
    for number, x in enumerate(pair.upstream[:MOST_ATTEMPTS], 1):
        attempt = f"attempt {number}, " if len(pair.upstream) > 1 else ""
        where = f"at {x.origin.host} " if x.origin else ""
        after = f"after {(x.began_ns - pair.client.began_ns) / MS:.0f} ms"
        yield f"{x.id} ({attempt}{where}{after}, {_response(x)})"
    if pair.upstream[MOST_ATTEMPTS:]:
        yield f"and {len(pair.upstream) - MOST_ATTEMPTS} more attempts"


def _response(x: Exchange) -> str:
    status = reply(x).status
    return f"response {status}" if status else f"no response, {x.ending.how}"


def files(exchanges: Sequence[Exchange], folder: str) -> Iterator[str]:
    """The files with the bytes of requests, as they arrived upstream."""
    for x in exchanges[:MOST_ATTEMPTS]:
        yield f"{folder}/exchanges/{x.id}/sent.bin"


def upstream_command(report: Report) -> str:
    """The command that serves the upstream again, for a request that is repeated."""
    ports = report.gateway.ports if report.gateway is not UNSET else ()
    return " ".join(("conformance upstream", *(f"--port {port}" for port in ports)))
