"""Show the exchanges of a recorded run, or one of them byte for byte."""

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from rich.console import Console
from rich.text import Text

from conformance.apis.websocket import legible_request
from conformance.model.exchange import Exchange
from conformance.model.run import RunManifest
from conformance.parsing.http1 import reply
from conformance.report.escaping import lines, safe
from conformance.runs.config import ConfigError, near
from conformance.storage.folder import RunFolder, StoreError

MS = 1e6
MOST_SHOWN = 4000
"""Bytes of a request, or of one read of a response, beyond which the middle is left out."""
GOOD, BAD = "green", "bold red"


def recorded(run: Path, exchange: str) -> Exchange:
    """An exchange of a run, by its ID. Raises ConfigError."""
    try:
        folder = RunFolder.open(run)
        known = folder.ids()
        if exchange not in known:
            raise ConfigError(f"{run} has no exchange {exchange!r}{near(exchange, known, f'conformance show {run}')}")
        return folder.exchange(exchange)
    except StoreError as error:
        raise ConfigError(str(error)) from None


def manifest(run: Path) -> RunManifest:
    """The facts of a run. Raises ConfigError."""
    try:
        return RunFolder.open(run).facts()
    except StoreError as error:
        raise ConfigError(str(error)) from None


def print_exchanges(run: Path, out: Console) -> None:
    """Print a line for each exchange: ID, status, time to its end, and bytes received. Raises ConfigError."""
    try:
        folder = RunFolder.open(run)
        known = folder.ids()
        widest = max(map(len, known), default=0)
        for name in known:
            out.print(_summary(folder.exchange(name), widest), soft_wrap=True)
    except StoreError as error:
        raise ConfigError(str(error)) from None


def print_exchange(x: Exchange, out: Console, *, whole: bool) -> None:
    """Print the bytes that were sent, or the messages over a WebSocket, and the bytes of each read with its time."""
    most = max(len(x.sent), len(x.received), MOST_SHOWN) if whole else MOST_SHOWN
    how = "sent" if x.hop == "client" else "arrived from the gateway"
    out.print(Text(f"{x.id}, {how} after {x.sent_at_ns / MS:.1f} ms", "bold"), soft_wrap=True)
    for line in lines(legible_request(x), most):
        out.print(Text(f"> {line}", "cyan"), soft_wrap=True)
    for at_ns, raw in _reads(x):
        out.print(Text(f"+{at_ns / MS:.1f} ms, {len(raw)} bytes", "dim"), soft_wrap=True)
        for line in lines(raw, most):
            out.print(Text(f"< {line}"), soft_wrap=True)
    out.print(Text(_ending(x), "dim"), soft_wrap=True)


def _summary(x: Exchange, widest: int) -> Text:
    status = reply(x).status
    is_good = status in range(200, 300) and not x.is_lost
    words = f"  {_end_ns(x) / MS:>9.1f} ms  {len(x.received):>9} bytes"
    ending = f"  {_ending(x)}" if x.is_lost or x.is_cut_by_harness else ""
    return Text.assemble(x.id.ljust(widest), (f"  {status or 'none':>4}", GOOD if is_good else BAD), words, ending)


def _end_ns(x: Exchange) -> int:
    """When the last byte was received, or else when the exchange ended."""
    return x.arrivals[-1].at_ns if x.arrivals else x.ending.at_ns


def _reads(x: Exchange) -> Iterator[tuple[int, bytes]]:
    """The time and the bytes of each read."""
    ends = accumulate(arrival.length for arrival in x.arrivals)
    for arrival, end in zip(x.arrivals, ends, strict=True):
        yield arrival.at_ns, x.received[end - arrival.length : end]


def _ending(x: Exchange) -> str:
    detail = f": {safe(x.ending.detail)}" if x.ending.detail else ""
    return f"ended as {x.ending.how} ({x.ending.phase}) after {x.ending.at_ns / MS:.1f} ms{detail}"
