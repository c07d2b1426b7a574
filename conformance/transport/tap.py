"""A network backend for httpcore that records the bytes of a connection and their times.

It sits inside TLS: the bytes are those of the HTTP messages. httpcore closes a connection as soon as it no longer
needs it, shielded from cancellation; the harness must listen longer (are there bytes after the response? does the
target close?). So a tapped stream ignores `aclose`, and `fetch` closes the connections through the backend.
"""

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from conformance.transport.connection_errors import describe_error
from conformance.transport.record import Record

READ = 65536
ON_PURPOSE = "the harness closed the connection on purpose"


class Tap(httpcore.AsyncNetworkStream):
    """One connection, or one TLS layer in it, recorded within the limits of the record."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, backend: "TapBackend") -> None:
        self._stream, self._backend = stream, backend

    @property
    def _record(self) -> Record:
        """The record of the exchange in progress."""
        return self._backend.record

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109 - httpcore's signature; the record sets the timeout
        """Read available bytes; empty when the target has closed the connection.

        Raises:
            httpcore.NetworkError, httpcore.TimeoutException: the connection failed, or a limit is reached.
        """
        record = self._record
        if record.should_disconnect:
            record.close("hung-up", ON_PURPOSE)
        elif exceeded := record.exceeded_limit():
            record.close("limit", exceeded)
        if record.ended:
            if record.ended.how == "closed":
                return b""
            raise httpcore.ReadError(record.ended.detail)
        bytes_left = record.limits.max_bytes - len(record.received)
        seconds, meaning = record.next_timeout()
        try:
            data = await self._stream.read(min(max_bytes, bytes_left), seconds)
        except httpcore.ReadTimeout:
            if record.should_disconnect:
                record.close("hung-up", ON_PURPOSE)
            elif record.complete or not meaning:
                record.close("idle")
            else:
                record.close("timeout", meaning)
            raise
        except (
            httpcore.ReadError,
            OSError,
        ) as error:  # a broken TLS record is an OSError, and httpcore lets it through
            record.close("reset", describe_error(error))
            raise httpcore.ReadError(describe_error(error)) from error
        record.received_data(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - as in read
        """Write all of `buffer`. If a write fails, all of it counts as sent."""
        if not buffer:
            return
        record = self._record
        record.sent_data(buffer)
        seconds, meaning = record.next_timeout()
        try:
            await self._stream.write(buffer, seconds)
        except httpcore.WriteTimeout:
            record.write_failed = True
            record.close("timeout", meaning)
            raise
        except (httpcore.WriteError, OSError) as error:
            record.write_failed = True
            raise httpcore.WriteError(describe_error(error)) from error
        if record.started:
            record.sent_at_ns = record.now()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - as in read
    ) -> httpcore.AsyncNetworkStream:
        """Start TLS on the connection; the new tap sits inside it."""
        seconds, meaning = self._record.next_timeout()
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, seconds)
        except httpcore.ConnectTimeout:
            self._record.close("unreachable", f"TLS with {server_hostname}: {meaning}")
            raise
        except Exception as error:
            self._record.close("unreachable", f"TLS with {server_hostname}: {describe_error(error)}")
            raise httpcore.ConnectError(describe_error(error)) from error
        return self._backend.tap(stream)

    async def aclose(self) -> None:
        """Leave the connection open: `fetch` closes it."""

    def get_extra_info(self, info: str) -> Any:
        """Connection details that httpcore needs."""
        return self._stream.get_extra_info(info)


class TapBackend(httpcore.AsyncNetworkBackend):
    """Opens the connections of an exchange with taps on them.

    `record` is that of the exchange in progress. If `unix_socket` is given, it is connected to whatever the host.
    `proxy_variable` is the environment variable that sets a proxy, which is then the host that is connected to.
    """

    def __init__(self, record: Record, unix_socket: str | None = None) -> None:
        self.record = record
        self.proxy_variable = ""
        self._unix_socket = unix_socket
        self._opened: list[httpcore.AsyncNetworkStream] = []
        self._outermost: Tap | None = None

    def tap(self, stream: httpcore.AsyncNetworkStream) -> Tap:
        """A tap on a stream; the HTTP messages go through the last one."""
        self._outermost = Tap(stream, self)
        return self._outermost

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - as in read
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> Tap:
        """Resolve the name and connect."""
        seconds, meaning = self.record.next_timeout()
        peer = f"the proxy {host}:{port} ({self.proxy_variable})" if self.proxy_variable else f"{host}:{port}"
        network = httpcore.AnyIOBackend()
        try:
            if self._unix_socket:
                stream = await network.connect_unix_socket(self._unix_socket, seconds, socket_options)
            else:
                stream = await network.connect_tcp(host, port, seconds, local_address, socket_options)
        except httpcore.ConnectTimeout:
            self.record.close("unreachable", f"{peer}: {meaning}")
            raise
        except Exception as error:
            self.record.close("unreachable", f"{peer}: {describe_error(error)}")
            raise httpcore.ConnectError(describe_error(error)) from error
        self._opened.append(stream)
        return self.tap(stream)

    @property
    def has_more(self) -> bool:
        """Whether bytes have arrived that were not read, or the target has closed the connection."""
        return self._outermost is not None and bool(self._outermost.get_extra_info("is_readable"))

    async def listen(self) -> None:
        """Continue reading until the record has ended."""
        while self._outermost and not self.record.ended:
            try:
                await self._outermost.read(READ)
            except (httpcore.TimeoutException, httpcore.NetworkError):
                return

    async def aclose(self) -> None:
        """Close the connections."""
        for stream in self._opened:
            await stream.aclose()
