"""Defects in the HTTP message as gateways make them: a body without its length, a length without its body,
redirects.
"""

from dataclasses import replace

from conformance.testbed.mutations.mutate_bytes import (
    answers,
    body_of,
    defect,
    headed,
    in_turn,
    recoded,
    streams,
    wholes,
    with_body,
)
from conformance.testbed.server.reply import Mutation, ServerRequest, WireResponse, Write


def of_the_first_event(reply: WireResponse) -> WireResponse:
    """A Content-Length that was computed from the first event, before the rest was there."""
    return headed(("content-length", str(len(reply.pieces[0].data))))(replace(reply, framing="close"))


def emptied(reply: WireResponse, _request: ServerRequest) -> WireResponse:
    """An error whose body is lost, with its original Content-Length."""
    if reply.status < 400:
        return reply
    length = ("content-length", str(len(body_of(reply))))
    return headed(length)(replace(reply, pieces=(Write(data=b""),), framing="close"))


def has_small_cap(request: ServerRequest) -> bool:
    """Whether a request has a cap as small as that of a health check."""
    sent = request.json if isinstance(request.json, dict) else {}
    return any(isinstance(cap := sent.get(name), int) and cap <= 16 for name in ("max_tokens", "max_output_tokens"))


def redirect(status: int, location: str) -> Mutation:
    """The responses are redirects, except to the smallest requests: else the run would stop at the preflight."""

    def moved(reply: WireResponse) -> WireResponse:
        return replace(with_body(b"", ("location", location))(reply), status=status, framing="length")

    def changed(reply: WireResponse, request: ServerRequest) -> WireResponse:
        return reply if has_small_cap(request) else answers(moved)(reply, request)

    title = f"Requests are redirected with {status}, except for a few tokens"
    return defect(f"redirect-{status}", title, "HTTP011", changed)


OF_GATEWAYS = (
    redirect(301, "/v1/chat/completions/"),
    redirect(307, "https://elsewhere.invalid/v1/chat/completions"),
    defect(
        "length-of-the-first-event",
        "A stream has the Content-Length of its first event",
        "HTTP005",
        streams(of_the_first_event),
    ),
    defect("error-bodies-lost", "Errors have a Content-Length, and no body", "HTTP004", emptied),
    defect(
        "gzip-of-nothing",
        "200 with Content-Encoding: gzip and an empty body",
        "HTTP009",
        wholes(in_turn(with_body(b""), headed(("content-encoding", "gzip")))),
    ),
)

AFTER_THE_VALUE = (
    defect(
        "bytes-after-the-json",
        "An end marker follows the JSON of a non-streaming response",
        "HTTP008",
        wholes(recoded(lambda raw: raw + b"\n\ndata: [DONE]\n\n")),
    ),
    defect(
        "bytes-after-the-mislabelled-json",
        "A non-streaming response is JSON and an end marker, with Content-Type: text/event-stream",
        "HTTP008",
        wholes(
            in_turn(
                recoded(lambda raw: raw + b"\n\ndata: [DONE]\n\n"),
                headed(("content-type", "text/event-stream")),
            )
        ),
    ),
)
