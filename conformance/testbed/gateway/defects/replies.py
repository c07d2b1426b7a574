"""Defects in how a gateway reads a reply, and in what it passes on of its content."""

import zlib
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from conformance.testbed.gateway.events import (
    DONE,
    Events,
    StreamEvent,
    both,
    content,
    each_event,
    events,
    is_stream,
    lines,
    on_events,
    on_whole,
    rewritten,
)
from conformance.testbed.gateway.handling import (
    Forward,
    GatewayChange,
    GatewayReply,
    GatewayRequest,
    GatewayState,
    Handler,
    Pieces,
    on_reply,
    own_reply,
    whole,
)
from conformance.testbed.server.reply import to_json

Json = dict[str, Any]
LONGEST_LINE: Final = 65_536


# How a stream is read


async def _only_lf_lf(pieces: Pieces) -> Pieces:
    """Events end in two LFs, and nothing else."""
    rest = b""
    async for piece in pieces:
        *blocks, rest = (rest + piece).split(b"\n\n")
        for block in blocks:
            yield _taken(line[5:].lstrip(b" ") for line in block.split(b"\n") if line.startswith(b"data:"))


async def _blocks_of_lf_lf(pieces: Pieces) -> Pieces:
    """What ends in two LFs, as it is; what follows the last of them is never sent."""
    rest = b""
    async for piece in pieces:
        *blocks, rest = (rest + piece).split(b"\n\n")
        for block in blocks:
            yield block + b"\n\n"


async def _with_space_only(pieces: Pieces) -> Pieces:
    """A data line begins with `data: `."""
    data: list[bytes] = []
    async for line in lines(pieces):
        if line.startswith(b"data: "):
            data.append(line[6:])
        elif not line:
            yield _taken(data)
            data = []


def _taken(data: Iterable[bytes]) -> bytes:
    """An event with this data; nothing if it is neither JSON nor the end marker."""
    event = StreamEvent(b"".join(data))
    return event.raw if event == DONE or event.json is not None else b""


async def _short_lines_only(pieces: Pieces) -> Pieces:
    """As a scanner with a limit, which drops what is longer."""
    async for line in lines(pieces):
        yield (line if len(line) < LONGEST_LINE else b"") + b"\n"


async def _characters_by_piece(pieces: Pieces) -> Pieces:
    async for piece in pieces:
        yield piece.decode(errors="replace").encode()


async def _whole_lines_by_piece(pieces: Pieces) -> Pieces:
    """Only lines that are whole in one piece."""
    async for piece in pieces:
        whole, _, _ = piece.rpartition(b"\n")
        if whole.startswith(b"data:"):
            yield whole + b"\n\n"


async def _until_a_cut_line(pieces: Pieces) -> Pieces:
    """A piece that ends within a line is taken for the end."""
    async for piece in pieces:
        if not piece.endswith((b"\n", b"\r")):
            return
        yield piece


def _unpacked_by_piece(reply: GatewayReply) -> GatewayReply:
    """Each piece is decompressed on its own."""

    async def unpacked() -> Pieces:
        async for piece in reply.body:
            try:
                yield zlib.decompressobj(31).decompress(piece)
            except zlib.error:
                yield b""

    is_packed = is_stream(reply) and reply.header("content-encoding") == "gzip"
    return rewritten(reply, unpacked()) if is_packed else reply


def _longer_under_its_length(reply: GatewayReply) -> GatewayReply:
    """A stream that is written anew, and cut off at the Content-Length of the old one."""
    if not is_stream(reply) or not reply.header("content-length"):
        return reply

    async def longer() -> Pieces:
        left = int(reply.header("content-length"))
        async for event in events(reply.body):
            raw = event.raw.replace(b'":', b'"   :   ')[:left]
            left -= len(raw)
            yield raw

    return replace(reply, body=longer())


def reading(edit: Callable[[Pieces], Pieces]) -> Handler:
    """Edit the pieces of each stream, decompressed."""
    return on_reply(lambda reply: rewritten(reply, edit(content(reply))) if is_stream(reply) else reply)


READING = tuple(
    GatewayChange(name=name, title=title, caught_by=caught_by, handle=handle)
    for name, title, caught_by, handle in (
        ("only-lf-lf", "Reads no line ends but LF", "GW035", reading(_only_lf_lf)),
        ("waits-for-lf-lf", "Sends nothing of a stream before two LFs have come", "GW035", reading(_blocks_of_lf_lf)),
        ("data-needs-a-space", "Drops `data:` without a space", "GW035", reading(_with_space_only)),
        ("long-lines-dropped", "Drops lines of 64 kB", "GW030", reading(_short_lines_only)),
        ("characters-by-piece", "Decodes characters piece by piece", "GW030", reading(_characters_by_piece)),
        ("lines-by-piece", "Drops what is cut by the end of a piece", "GW030", reading(_whole_lines_by_piece)),
        (
            "ends-at-a-cut-line",
            "Treats a piece that ends within a line as the end",
            "GW035",
            reading(_until_a_cut_line),
        ),
        ("unpacked-by-piece", "Decompresses a stream piece by piece", "GW035", on_reply(_unpacked_by_piece)),
        (
            "length-of-before",
            "Keeps Content-Length of a stream that it rewrites",
            "GW035",
            on_reply(_longer_under_its_length),
        ),
    )
)


# What is passed on


def _if(where: Callable[[Json], object], edit: Callable[[Json], list[Json]]) -> Callable[[Json], list[Json]]:
    return lambda value: edit(value) if where(value) else [value]


def in_choices(edit: Callable[[Json], Json]) -> Callable[[Json], list[Json]]:
    """Edit each choice of a chunk."""
    return lambda chunk: [chunk | {"choices": [edit(c) for c in chunk["choices"]]} if chunk.get("choices") else chunk]


def without(value: Json, *names: str) -> Json:
    """An object without these members."""
    return {name: item for name, item in value.items() if name not in names}


def _in_delta(edit: Callable[[Json], Json]) -> Handler:
    return each_event(in_choices(lambda choice: choice | {"delta": edit(choice["delta"])}))


def in_message(edit: Callable[[Json], Json]) -> Handler:
    """Edit the message of each choice of a non-streaming response."""
    return on_whole(
        lambda whole: (
            whole | {"choices": [c | {"message": edit(c["message"])} for c in whole["choices"]]}
            if "choices" in whole
            else whole
        )
    )


async def _sent_again(found: Events) -> Events:
    """The fourth event is sent twice, as after a connection that was taken up again."""
    at = 0
    async for event in found:
        yield event
        at += 1
        if at == 4:
            yield event


def _arguments_in_ascii(delta: Json) -> Json:
    calls = [
        call
        | {
            "function": call["function"]
            | {"arguments": call["function"]["arguments"].encode("ascii", "replace").decode()}
        }
        for call in delta.get("tool_calls") or ()
    ]
    return delta | {"tool_calls": calls} if calls else delta


def _only_first_ends(choice: Json) -> Json:
    return choice | {"finish_reason": None} if choice["index"] else choice


def _always_stop(choice: Json) -> Json:
    return choice | {"finish_reason": "stop"} if choice["finish_reason"] in ("length", "content_filter") else choice


def _signature_trimmed(event: Json) -> list[Json]:
    delta = event.get("delta") or {}
    return [event | {"delta": delta | {"signature": delta["signature"][:-2]}}] if "signature" in delta else [event]


async def _incomplete_is_an_error(request: GatewayRequest, forward: Forward, state: GatewayState) -> GatewayReply:
    seen: list[Json] = []

    def look(whole: Json) -> Json:
        seen.append(whole)
        return whole

    reply = await on_whole(look)(request, forward, state)
    if seen and seen[0].get("status") == "incomplete":
        return own_reply(500, {"error": {"message": "Unexpected status: incomplete", "type": "server_error"}})
    return reply


async def _no_streams(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    reply = await forward(request)
    return (
        own_reply(500, {"error": {"message": "Something went wrong.", "type": "server_error"}})
        if is_stream(reply)
        else reply
    )


async def _nothing_unlabelled(request: GatewayRequest, forward: Forward, _state: GatewayState) -> GatewayReply:
    """A reply without Content-Type is no stream, so that it has no text."""
    reply = await forward(request)
    if reply.header("content-type") or reply.status != 200:
        return reply
    await whole(reply.body)
    frame = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "reference"}

    async def empty() -> AsyncIterator[StreamEvent]:
        for delta, finish in (({"role": "assistant", "content": ""}, None), ({}, "stop")):
            yield StreamEvent(to_json(frame | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
        yield DONE

    labelled = replace(reply, headers=(*reply.headers, ("content-type", "text/event-stream")))

    async def parts() -> Pieces:
        async for event in empty():
            yield event.raw

    return rewritten(labelled, parts())


CONTENT = (
    GatewayChange(
        name="event-sent-twice", title="Sends an event twice", caught_by="GW030", handle=on_events(_sent_again)
    ),
    GatewayChange(
        name="arguments-in-ascii",
        title="Writes `?` for the characters of arguments that are not ASCII",
        caught_by="GW031",
        handle=_in_delta(_arguments_in_ascii),
    ),
    GatewayChange(
        name="second-choice-never-ends",
        title="Only the first choice of a stream has a finish_reason",
        caught_by="GW032",
        handle=each_event(in_choices(_only_first_ends)),
    ),
    GatewayChange(
        name="always-stop",
        title="finish_reason is stop for responses that were cut off or filtered",
        caught_by="GW032",
        handle=both(
            each_event(in_choices(_always_stop)),
            on_whole(lambda whole: whole | {"choices": [_always_stop(c) for c in whole.get("choices", ())]}),
        ),
    ),
    GatewayChange(
        name="reasoning-lost",
        title="Knows reasoning under one name only",
        caught_by="GW033",
        handle=both(_in_delta(lambda d: without(d, "reasoning")), in_message(lambda m: without(m, "reasoning"))),
    ),
    GatewayChange(
        name="signature-trimmed",
        title="Trims the signature of a thinking block",
        caught_by="GW033",
        handle=each_event(_signature_trimmed),
        apis=("messages",),
    ),
    GatewayChange(
        name="audio-lost-in-whole",
        title="A non-streaming response lacks its audio",
        caught_by="GW034",
        handle=in_message(lambda message: without(message, "audio")),
    ),
    GatewayChange(
        name="streams-refused",
        title="Responds with 500 to every stream, after the upstream has responded",
        caught_by="GW035",
        handle=_no_streams,
    ),
    GatewayChange(
        name="incomplete-is-an-error",
        title="Responds with 500 where the upstream's response is incomplete",
        caught_by="GW035",
        handle=_incomplete_is_an_error,
        apis=("responses",),
    ),
    GatewayChange(
        name="nothing-without-a-label",
        title="Reads no text from a stream without Content-Type, and says that it is whole",
        caught_by="GW041",
        handle=_nothing_unlabelled,
    ),
)
