"""Defects in the HTTP message as gateways make them: a body without its length, a length without its body."""

from dataclasses import replace

from conformance.testbed.mutations.mutate_bytes import (
    body_of,
    defect,
    headed,
    in_turn,
    recoded,
    streams,
    wholes,
    with_body,
)
from conformance.testbed.server.reply import ServerRequest, WireResponse, Write


def of_the_first_event(reply: WireResponse) -> WireResponse:
    """A Content-Length that was computed from the first event, before the rest was there."""
    return headed(("content-length", str(len(reply.pieces[0].octets))))(replace(reply, framing="close"))


def emptied(reply: WireResponse, _request: ServerRequest) -> WireResponse:
    """An error whose body is lost, with its original Content-Length."""
    if reply.status < 400:
        return reply
    length = ("content-length", str(len(body_of(reply))))
    return headed(length)(replace(reply, pieces=(Write(octets=b""),), framing="close"))


OF_GATEWAYS = (
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
        wholes(recoded(lambda octets: octets + b"\n\ndata: [DONE]\n\n")),
    ),
    defect(
        "bytes-after-the-mislabelled-json",
        "A non-streaming response is JSON and an end marker, with Content-Type: text/event-stream",
        "HTTP008",
        wholes(
            in_turn(
                recoded(lambda octets: octets + b"\n\ndata: [DONE]\n\n"),
                headed(("content-type", "text/event-stream")),
            )
        ),
    ),
)
