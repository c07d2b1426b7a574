"""One client's connection, and the one to the server that belongs to it."""

import asyncio
import itertools
import re
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from conformance.transport import accepted, framing, relay_responses
from conformance.transport.accepted import Accepted
from conformance.transport.clock import now_ns
from conformance.transport.connection_errors import describe_error
from conformance.transport.framing import Message
from conformance.transport.relay_responses import RelayResponse
from conformance.transport.relay_side import End, Side

if TYPE_CHECKING:
    from conformance.transport.relay import Relay

HOST: Final = re.compile(rb"(?im)^(host[ \t]*:[ \t]*)[^\r\n]*")
HEAD_S: Final = 60.0
"""Seconds that the head of a request may take to arrive."""
HALF_OPEN_S: Final = 60.0
"""Seconds without a byte, after which a connection is closed that one side has closed: as Linux does (FIN_WAIT2).

Not while a response is due.
"""
LINGER_S: Final = 5.0
"""Seconds that a client gets to read a response of the relay: closing at once would reset what it still sends."""


class Connection:
    """A client's connection and the server's, and the exchanges in progress on them, oldest first."""

    def __init__(self, relay: "Relay", number: int) -> None:
        self.relay, self.number = relay, number
        self.client, self.server = Side(self), Side(self)
        self.exchanges: deque[Accepted] = deque()
        self._request = framing.request(relay.limits.max_head_bytes)
        self._numbers = itertools.count()
        self._sending: Accepted | None = None
        self._began_ns = 0
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: list[tuple[Accepted, bytes, int]] = []
        self._own_response: RelayResponse | None = None
        self._has_answered = self._has_switched = self._is_over = False
        self._loop = asyncio.get_running_loop()
        self.last_byte_s = self._loop.time()
        self._after: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def silent_s(self) -> float:
        """Seconds since the last byte of either side."""
        return self._loop.time() - self.last_byte_s

    # What arrives

    def received(self, side: Side, data: bytes) -> None:
        """Bytes came from one side."""
        self.last_byte_s = self._loop.time()
        if side is self.server:
            self.client.write(data)
            self._record_response(data)  # after the write: recording delays no byte
        elif self._has_switched:
            self.server.write(data)
        elif self._own_response is None:
            self._read_requests(data)

    def _read_requests(self, data: bytes) -> None:
        while data and self._own_response is None:
            if self._sending is None:
                data = self._read_head(data)
            else:
                taken = self._request.take(data)
                self._pass_on(self._sending, data[:taken])
                data = data[taken:]
        if self._waiting and self.server.transport:
            self._flush()
        elif self._waiting:
            self.client.pause()
            self._connecting = self._connecting or self._loop.create_task(self._connect())

    def _read_head(self, data: bytes) -> bytes:
        """Read on in the head of a request, up to its end; returns what follows."""
        request = self._request
        if not request.begun:
            data = data.lstrip(b"\r\n")  # RFC 9112, section 2.2: empty lines before a request do not count
            if not data:
                return b""
            self._began_ns = now_ns()
            self._set_deadline(HEAD_S, self._head_is_late)
        taken = request.take(data)
        if refusal := relay_responses.refusal(request):
            self._respond(refusal)
        elif request.head and self.server.has_ended:
            self.client.reset()  # as the server would do, which has closed the connection
            return b""
        elif request.head:
            self._set_deadline(None)
            self._begin(request)
        return data[taken:]

    def _begin(self, request: Message) -> None:
        if self._after:
            self._finish_first()
        place = self.number, next(self._numbers)
        self._sending = accepted.begin(place, request, self._began_ns, self.relay.limits, self.relay.memory)
        self.exchanges.append(self._sending)
        head = request.head
        if not self.relay.keeps_host:
            head = _with_host(head, self.relay.upstream.netloc)
        self._pass_on(self._sending, head)

    def _pass_on(self, exchange: Accepted, data: bytes) -> None:
        """Pass on bytes of a request."""
        self._waiting.append((exchange, data, exchange.record.now()))
        if exchange.request.ended:
            self._sending, self._request = None, framing.request(self.relay.limits.max_head_bytes)

    async def _connect(self) -> None:
        limit_s = self.relay.limits.connect_s
        try:
            async with asyncio.timeout(limit_s):
                await self.relay.upstream.connect(lambda: self.server)
        except TimeoutError:
            self._is_unreachable(f"no connection within {limit_s:g} s")
        except (OSError, ValueError) as error:  # a name may be no valid host
            self._is_unreachable(describe_error(error))
        else:
            self._connected()

    def _connected(self) -> None:
        if self._is_over:
            self.server.abort()
            return
        self._flush()
        if self.client.has_ended:
            self.server.finish()
        elif not self.server.is_blocked:
            self.client.resume()

    def _flush(self) -> None:
        """Write what was to be passed on to the server."""
        waiting, self._waiting = self._waiting, []
        self.server.write(b"".join(data for _, data, _ in waiting))
        for exchange, data, at_ns in waiting:
            exchange.sent(data, at_ns)
        for exchange in dict.fromkeys(exchange for exchange, _, _ in waiting):
            if exchange.is_complete:  # the response came before the end of the request
                self._completed()

    def _is_unreachable(self, why: str) -> None:
        if self._is_over:
            return
        for exchange in self.exchanges:
            exchange.record.close("unreachable", why)
        self._finish_all()
        self._respond(relay_responses.unreachable(self.relay.upstream, why))
        self.client.resume()

    def _record_response(self, data: bytes) -> None:
        while data and self.exchanges:
            exchange = self.exchanges[0]
            if exchange.response.ended:  # bytes after the last response
                exchange.received(data)
                return
            taken = 0
            while taken < len(data) and not exchange.response.ended:
                taken += exchange.response.take(data[taken:])
            exchange.received(data[:taken])
            data = data[taken:]
            if exchange.response.switches_protocols:
                self._has_switched = True
                exchange.record.close("interrupted", "the rest was not recorded: it is another protocol than HTTP/1.1")
            if exchange.is_complete:
                self._completed()

    def _completed(self) -> None:
        """The oldest exchange is complete: what follows soon, or a close, belongs to it, unless another one waits."""
        if len(self.exchanges) > 1:
            self._finish_first()
        else:
            self._after = self._loop.call_later(self.relay.limits.post_response_s, self._finish_first)

    # How it ends

    def ended(self, side: Side, how: End, detail: str = "") -> None:
        """One side has closed its direction, or reset the connection."""
        if side is self.client:
            for exchange in self.exchanges:
                exchange.peer_left(how)
        else:
            for exchange in self.exchanges:
                exchange.server_ended(how, detail)
            self._finish_all()
        if self._has_answered and side is self.server:
            return
        other = self._other(side)
        self._set_deadline(HALF_OPEN_S, self._abort if how == "reset" else self._half_open_is_late)
        if how == "reset":
            other.reset()
        elif other.has_ended or self._has_answered or (side is self.client and self._connecting is None):
            self._close()
        else:
            other.finish()

    def lost(self, side: Side, error: Exception | None) -> None:
        """One side's connection is gone."""
        if error is not None:
            self.ended(side, "reset", describe_error(error))
        elif not side.has_ended:
            self.ended(side, "closed")
        side.has_ended = True
        if side is self.client:
            self.server.close()
            self._over()

    def interrupt(self) -> None:
        """The relay stops: what is in progress is recorded as it is."""
        for exchange in self.exchanges:
            if not exchange.record.complete:
                exchange.record.close("interrupted", "the proxy was stopped")
        if self._connecting:
            self._connecting.cancel()
        self._over()
        self.client.abort()
        self.server.abort()

    def _over(self) -> None:
        """Nothing can reach the client any more."""
        self._is_over = True
        self._set_deadline(None)
        self._finish_all()
        self._waiting.clear()
        self.relay.connections.pop(self, None)

    def _close(self) -> None:
        self.client.close()
        self.server.close()

    def _finish_all(self) -> None:
        while self.exchanges:
            self._finish_first()

    def _finish_first(self) -> None:
        """Hand over the oldest exchange."""
        if self._after:
            self._after.cancel()
            self._after = None
        exchange = self.exchanges.popleft()
        stall_ns = self.relay.monitor.longest_stall_ns(exchange.record.started_ns)
        self.relay.on_exchange(exchange.finished(stall_ns))
        if self._own_response:
            self._respond(self._own_response)

    # The relay's own responses

    def _respond(self, response: RelayResponse) -> None:
        """Respond instead of the server, after the responses that are due, and close."""
        self._own_response = response
        if self.exchanges or self._has_answered or self._is_over:
            return
        self._has_answered = True
        self.relay.refuse(response.why)
        self.client.write(response.data)
        self.client.finish()
        self.server.close()
        self._set_deadline(LINGER_S, self._abort)
        if self.client.has_ended:
            self._close()

    def _head_is_late(self) -> None:
        self._respond(relay_responses.LATE)

    # Time and flow

    def hold(self, side: Side) -> None:
        """One side does not read: stop reading from the other."""
        for exchange in self.exchanges:
            exchange.was_held = True
        self._other(side).pause()

    def release(self, side: Side) -> None:
        """One side reads again."""
        self._other(side).resume()

    def _other(self, side: Side) -> Side:
        return self.client if side is self.server else self.server

    def _set_deadline(self, seconds: float | None, then: Callable[[], None] = lambda: None) -> None:
        """The one time limit of the connection; None for none."""
        if self._deadline:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self._loop.call_later(seconds, then)

    def _half_open_is_late(self) -> None:
        silent_s = self.silent_s
        if self.exchanges or self.client.is_blocked:  # a response is due, or not yet read
            self._set_deadline(HALF_OPEN_S, self._half_open_is_late)
        elif silent_s < HALF_OPEN_S:
            self._set_deadline(HALF_OPEN_S - silent_s, self._half_open_is_late)
        else:
            self._abort()

    def _abort(self) -> None:
        self.client.abort()
        self.server.abort()


def _with_host(head: bytes, netloc: bytes) -> bytes:
    """The head of a request to another host."""
    return HOST.sub(lambda found: found[1] + netloc, head)
