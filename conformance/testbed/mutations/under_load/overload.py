"""Defects that show only while several requests are in progress, in how responses end, are rejected, and wait."""

from dataclasses import replace
from typing import Any

from conformance.apis.load_prompts import user_turn
from conformance.testbed.mutations.mutate_bytes import Edit, bare_of, headed, is_stream
from conformance.testbed.mutations.mutate_requests import refusal
from conformance.testbed.mutations.mutate_under_load import (
    delayed,
    has_been_busy,
    is_busy,
    nonce_of,
    one_in,
    when,
    wire_defect,
    wire_when,
)
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import (
    Event,
    Headers,
    ModelResponse,
    Mutation,
    OnResponse,
    ServerRequest,
    WireResponse,
    Write,
)

AT_ONCE: Headers = (("retry-after", "1"),)
FULL = Refusal(status=503, message="The server is full.", code="overloaded", type="server_error")
PAUSE_S, LATE_S, STARVED_S, SLOW_S, FOREVER_S, CRASH_S = 4.0, 5.0, 8.0, 4.0, 300.0, 2.0
STARVING = 6
"""One user in so many is not served."""
HTML = b"<html><head><title>503 Service Temporarily Unavailable</title></head><body></body></html>"


def cut(reply: WireResponse) -> WireResponse:
    """A stream is closed in the middle, without an error."""
    if not is_stream(reply):
        return reply
    return replace(reply, pieces=reply.pieces[: len(reply.pieces) // 2], end="abort")


def cut_whole(reply: WireResponse) -> WireResponse:
    """A non-streaming response is closed before its last byte."""
    return reply if is_stream(reply) else replace(reply, end="abort")


def cut_with_others(reply: WireResponse) -> WireResponse:
    """A stream is cut when another client disconnects."""
    return replace(reply, ends_with_others=True) if is_stream(reply) else reply


def dropped(reply: WireResponse) -> WireResponse:
    """The connection is closed without a byte."""
    return replace(reply, head=b"", pieces=(), framing="close", end="abort")


def on_a_kept_connection(request: ServerRequest) -> bool:
    """Busy, and an earlier request came over the connection."""
    return request.earlier > 0 and bool(one_in(4)(request))


def on_a_new_connection(request: ServerRequest) -> bool:
    """Busy, and no earlier request came over the connection."""
    return request.earlier == 0 and is_busy(request)


def rejecting(status: int, message: str, **fields: Any) -> OnResponse:
    """Some requests are rejected while the server is busy."""
    return when(one_in(2), lambda _, request: _rejection(status, message, request, **fields))


def _rejection(status: int, message: str, request: ServerRequest, **fields: Any) -> ModelResponse:
    return refuse(Refusal(status=status, message=message, **fields), request)


def with_error_in_stream(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A chat stream that only has an error."""
    if response.events is None or request.api != "chat":
        return response
    return replace(
        response, events=(Event(data=refusal(503, FULL.message, code=FULL.code).whole), Event(data="[DONE]"))
    )


def paused(reply: WireResponse) -> WireResponse:
    """A stream pauses in the middle."""
    if not is_stream(reply) or len(reply.pieces) < 4:
        return reply
    middle = len(reply.pieces) // 2
    late = replace(reply.pieces[middle], wait_s=PAUSE_S)
    return replace(reply, pieces=(*reply.pieces[:middle], late, *reply.pieces[middle + 1 :]))


def late_rejection(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """The error for a mistake waits for others' responses."""
    return delayed(LATE_S)(reply) if reply.status == 404 and is_busy(request) else reply


def late_crash(reply: WireResponse, _: ServerRequest) -> WireResponse:
    """The error for a failure comes late, so that other clients disconnect meanwhile."""
    return delayed(CRASH_S)(reply) if reply.status == 500 else reply


def of_a_starving_user(request: ServerRequest) -> bool:
    """Busy, and the user is one of those that are not served."""
    who = user_turn(nonce_of(request).decode())
    return is_busy(request) and who is not None and who.user % STARVING == 0


def silent(reply: WireResponse) -> WireResponse:
    """No byte is ever sent."""
    return replace(reply, head=b"", pieces=(), end="hold", hold_s=FOREVER_S)


def proxy_page(status: int, media_type: str, body: bytes) -> Edit:
    """A rejection by a proxy in front of the server."""

    def edit(reply: WireResponse) -> WireResponse:
        plain = replace(reply, status=status, framing="length", pieces=(Write(data=body),))
        return headed(("content-type", media_type), ("retry-after", "1"))(plain)

    return edit


def reset(reply: WireResponse) -> WireResponse:
    """The connection is reset without a byte."""
    return replace(dropped(reply), end="reset")


def _rejects(name: str, title: str, caught_by: str, status: int, **fields: Any) -> Mutation:
    return Mutation(name=name, title=title, caught_by=caught_by, on_response=rejecting(status, title, **fields))


DEFECTS = (
    wire_defect(
        "request-id-missing-when-busy",
        "With five requests in progress, responses have no x-request-id",
        "LOAD008",
        bare_of("x-request-id"),
    ),
    wire_defect(
        "stream-cut-when-busy", "With five requests in progress, streams are cut in the middle", "LOAD009", cut
    ),
    wire_defect(
        "whole-cut-when-busy",
        "With five requests in progress, non-streaming responses lack their end",
        "LOAD009",
        cut_whole,
    ),
    wire_defect(
        "streams-cut-by-disconnect",
        "When a client disconnects, the streams of others are cut in the middle",
        "LOAD010",
        cut_with_others,
    ),
    wire_defect(
        "connection-dropped-when-busy",
        "With five requests in progress, connections that were used before are closed without a response",
        "LOAD011",
        dropped,
        on_a_kept_connection,
    ),
    _rejects("crash-when-busy", "With five requests in progress, some requests get 500", "LOAD012", 500),
    Mutation(
        name="slow-crash-when-busy",
        title="With five requests in progress, some requests get 500, each after two seconds",
        caught_by="LOAD012",
        on_response=rejecting(500, "The worker did not respond."),
        on_wire=late_crash,
    ),
    _rejects("blamed-when-busy", "With five requests in progress, some valid requests get 400", "LOAD012", 400),
    Mutation(
        name="reset-when-busy",
        title="With five requests in progress, new connections are reset",
        caught_by="LOAD012",
        needs_tcp=True,
        on_wire=wire_when(on_a_new_connection, reset),
    ),
    wire_defect(
        "page-when-busy",
        "With five requests in progress, a proxy rejects some requests with an HTML page",
        "LOAD013",
        proxy_page(503, "text/html", HTML),
        one_in(2),
    ),
    wire_defect(
        "text-429-when-busy",
        "With five requests in progress, some requests are rejected with plain text",
        "LOAD013",
        proxy_page(429, "text/plain", b"Too many requests"),
        one_in(2),
    ),
    _rejects("no-retry-after-when-busy", "Rejections of an overloaded server do not say when to retry", "LOAD014", 429),
    _rejects("error-200-when-busy", "An overloaded server sends its error with status 200", "LOAD015", 200),
    Mutation(
        name="error-stream-when-busy",
        title="An overloaded server begins streams, and then sends an error in them",
        caught_by="LOAD016",
        on_response=when(one_in(2), with_error_in_stream),
    ),
    wire_defect(
        "stream-pauses-when-busy", "With five requests in progress, streams pause in the middle", "LOAD017", paused
    ),
    Mutation(
        name="mistakes-wait-when-busy",
        title="With five requests in progress, the error for a mistake comes late",
        caught_by="LOAD018",
        on_wire=late_rejection,
    ),
    wire_defect(
        "user-starves-when-busy",
        "With five requests in progress, some users wait while all others are served",
        "LOAD019",
        delayed(STARVED_S),
        of_a_starving_user,
    ),
    wire_defect(
        "never-served-when-busy",
        "With five requests in progress, some requests are never served",
        "LOAD020",
        silent,
        one_in(4),
    ),
    _rejects("given-up-when-busy", "An overloaded gateway gives up on some requests with 504", "LOAD020", 504),
    Mutation(
        name="broken-after-load",
        title="After five requests were in progress, later ones get 500",
        caught_by="LOAD021",
        on_response=when(has_been_busy, lambda _, request: _rejection(500, "No worker is left.", request)),
    ),
    Mutation(
        name="full-after-load",
        title="After five requests were in progress, later ones get 503, as if the server were full",
        caught_by="LOAD021",
        on_response=when(has_been_busy, lambda _, request: _rejection(503, FULL.message, request, headers=AT_ONCE)),
    ),
    wire_defect(
        "slow-after-load",
        "After five requests were in progress, later ones are slow",
        "LOAD022",
        delayed(SLOW_S),
        has_been_busy,
    ),
)
