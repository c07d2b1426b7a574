"""Scripts of responses that a gateway has to pass on: legal ones in unusual forms, slow ones, and broken ones."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from conformance.model.words import WITH_CHOICES
from conformance.testbed.mutations import changes, mutate_responses
from conformance.testbed.mutations.defects.http import halved
from conformance.testbed.mutations.mutate_bytes import compressed, is_stream, on_pieces, recoded, streams
from conformance.testbed.mutations.mutate_chat import (
    Body,
    each_choice,
    each_part,
    in_turn,
    on_stream,
    on_whole,
    with_delta,
    with_fields,
)
from conformance.testbed.server.model import tokenize
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import (
    Event,
    ModelResponse,
    Mutation,
    OnResponse,
    OnWire,
    ServerRequest,
    WireResponse,
    Write,
)
from conformance.testbed.upstream.script import Script

WORD: Final = re.compile(r"\bw([0-9]+)\b")
"""One of the numbered words in the responses' text."""
SILENCE_S: Final = 0.8
PACE_S: Final = 0.03
LARGE: Final = 64 * 1024
"""Characters of a field that is larger than the usual buffers for one line."""


def scripted(name: str, title: str, *named: str | Mutation) -> Script:
    """A script of several changes, planted defects and legal variants by their names, in this order."""
    found = [changes.find(one) if isinstance(one, str) else one for one in named]
    return Script(name=name, title=title, attempts=(tuple(one for one in found if one),))


def change(on_response: OnResponse | None = None, on_wire: OnWire | None = None) -> Mutation:
    """A change of a script's own."""
    return Mutation(name="", title="", on_response=on_response, on_wire=on_wire)


# Content


def each_text(edit: Callable[[str], str]) -> OnResponse:
    """Edit every string of a response."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: changed(item) for name, item in value.items()}
        return (
            [changed(item) for item in value]
            if isinstance(value, list)
            else edit(value)
            if isinstance(value, str)
            else value
        )

    def on_response(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
        events = response.events and tuple(replace(event, data=changed(event.data)) for event in response.events)
        return replace(response, whole=changed(response.whole), events=events)

    return on_response


CHARACTERS = change(each_text(lambda text: WORD.sub(r"w\1é☂🙂", text)))
"""Characters of two, three and four bytes in each word."""
LARGE_WORD = change(each_text(lambda text: re.sub(r"\bw12\b", "w12" + "x" * LARGE, text)))

CITATION: Final[Body] = {"url": "https://example.com/é", "title": "Example", "start_index": 0, "end_index": 5}
CITED: Final = {"type": "url_citation", "url_citation": CITATION}
AUDIO: Final = {"id": "audio_1", "expires_at": 1_760_003_600, "data": "UklGRiQA", "transcript": "Hello."}
THOUGHT: Final = "They greet, so I do, too."
REFUSED: Final = "More than that I may not say."
ODD: Final = 2**53 + 1
"""The first integer that no double holds, in a field of a vendor's."""
AUDIO_PIECES: Final = (
    {"id": "audio_1", "data": "UklG"},
    {"data": "RiQA", "transcript": "Hel"},
    {"transcript": "lo.", "expires_at": 1_760_003_600},
)


def rich(chunks: list[Body]) -> Iterator[Body]:
    """Reasoning, a refusal, annotations and audio, in pieces, after the role of each choice."""
    pieces = (
        *({"reasoning": word} for word in re.findall(r"\S+\s*", THOUGHT)),
        *({"refusal": word} for word in re.findall(r"\S+\s*", REFUSED)),
        {"annotations": [CITED]},
        *({"audio": piece} for piece in AUDIO_PIECES),
    )
    for chunk in chunks:
        yield chunk
        if any("role" in choice["delta"] for choice in chunk["choices"]):
            for delta in pieces:
                yield with_delta(chunk, delta)


def filtered(choice: Body) -> bool:
    """Whether it is the end of the second choice."""
    return bool(choice["index"] == 1 and choice["finish_reason"])


RICH = change(
    in_turn(
        on_whole(with_fields(x_upstream={"block": ODD})),
        on_stream(rich),
        each_choice(
            lambda c: (
                c
                | {
                    "message": c["message"]
                    | {"reasoning": THOUGHT, "refusal": REFUSED, "annotations": [CITED], "audio": AUDIO}
                }
            )
        ),
        each_part(with_fields(finish_reason="content_filter"), filtered),
        each_choice(with_fields(finish_reason="content_filter"), filtered),
    )
)


# Content of Responses

TEXT: Final = "response.output_text"
CITED_PART: Final = {"type": "url_citation"} | CITATION
REFUSED_PART: Final = {"type": "refusal", "refusal": REFUSED}


def likely(text: str) -> list[Body]:
    """Log probabilities of the tokens of a text."""
    return [
        {"token": token, "bytes": [*token.encode()], "logprob": -0.5, "top_logprobs": []} for token in tokenize(text)
    ]


def rich_part(part: Body) -> Body:
    """A text with an annotation and log probabilities; one that has just begun has none."""
    return part | {"annotations": [CITED_PART], "logprobs": likely(part["text"])} if part["text"] else part


def declined(item: Body) -> Body:
    """A finished message with a refusal as its second part."""
    return item | {"content": [*item["content"], REFUSED_PART]} if item["content"] else item


def with_part_events(events: tuple[Event, ...]) -> Iterator[Event]:
    """The events of the annotation and of the refusal."""
    for event in events:
        item = event.data.get("item") or {}
        if event.name == f"{TEXT}.done":
            yield _beside(event, f"{TEXT}.annotation.added", annotation_index=0, annotation=CITED_PART)
        elif event.name == "response.output_item.done" and mutate_responses.is_message(item):
            where = {"item_id": item["id"], "content_index": 1}
            begun = REFUSED_PART | {"refusal": ""}
            yield _beside(event, "response.content_part.added", **where, part=begun)
            for word in re.findall(r"\S+\s*", REFUSED):
                yield _beside(event, "response.refusal.delta", **where, delta=word)
            yield _beside(event, "response.refusal.done", **where, refusal=REFUSED)
            yield _beside(event, "response.content_part.done", **where, part=REFUSED_PART)
        yield event


def _beside(event: Event, kind: str, **facts: Any) -> Event:
    """An event of another type about the same part or item."""
    where = {name: event.data[name] for name in ("item_id", "output_index", "content_index") if name in event.data}
    return Event(name=kind, data={"type": kind, **where, **facts})


RICH_PARTS = change(
    in_turn(
        mutate_responses.each_part(rich_part),
        mutate_responses.each_of(lambda event: event | {"logprobs": likely(event["delta"])}, f"{TEXT}.delta"),
        mutate_responses.each_of(lambda event: event | {"logprobs": likely(event["text"])}, f"{TEXT}.done"),
        mutate_responses.each_item(declined, mutate_responses.is_message),
        mutate_responses.renumbered(with_part_events),
    )
)


def usage_twice(chunks: list[Body]) -> list[Body]:
    """The usage in a vendor's field of the last chunk with a choice, too."""
    *before, last = chunks
    if not last.get("usage") or not before:
        return chunks
    return [*before[:-1], before[-1] | {"x_groq": {"usage": last["usage"]}}, last]


# Bytes


def when_accepted(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """Compressed and flushed event by event, if the request accepts gzip."""
    accepted = ",".join(value for name, value in request.headers if name.lower() == "accept-encoding")
    is_accepted = "gzip" in accepted and reply.status == 200
    return compressed(reply) if is_accepted else reply


def sized(reply: WireResponse) -> WireResponse:
    """A stream whose length is known from the beginning, sent event by event."""
    return replace(reply, framing="length")


def slow(pieces: tuple[Write, ...]) -> Iterator[Write]:
    """The head at once, silence, and then events at an even pace."""
    yield Write(data=b"")
    for at, piece in enumerate(pieces):
        yield replace(piece, wait_s=PACE_S if at else SILENCE_S)


def in_parts(pieces: tuple[Write, ...], size: int = 1000) -> Iterator[Write]:
    """Writes of at most so many bytes."""
    for piece in pieces:
        for at in range(0, len(piece.data), size):
            yield Write(data=piece.data[at : at + size], wait_s=0.0 if at else piece.wait_s)


# Responses that break off


def cut_in_event(reply: WireResponse) -> WireResponse:
    """The connection is closed in the middle of an event."""
    *whole, last = halved(reply).pieces
    part = replace(last, data=last.data[: len(last.data) * 2 // 3])
    return replace(reply, pieces=(*whole, part), end="abort")


def never_begun(reply: WireResponse) -> WireResponse:
    """The connection is closed after the head."""
    return replace(reply, pieces=(), end="abort")


def failed(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The first half of a stream, then an error event of the API, and no more."""
    if not response.events:
        return response
    error = refuse(Refusal(status=500, message="The model has crashed.", type="server_error"), request).whole
    if request.api == "responses":
        event = {"type": "error", "code": "server_error", "message": "The model has crashed.", "param": None}
        error = event | {"sequence_number": len(response.events) // 2}
    if request.api == "messages":
        error |= {"error": error["error"] | {"type": "overloaded_error"}}
    name = None if request.api in WITH_CHOICES else "error"
    return replace(response, events=(*response.events[: len(response.events) // 2], Event(data=error, name=name)))


def response_failed(events: tuple[Event, ...]) -> Iterable[Event]:
    """response.failed in place of response.completed, with the usage so far."""
    *before, last = events
    error = {"code": "server_error", "message": "The model has crashed."}
    data = last.data | {
        "type": "response.failed",
        "response": last.data["response"] | {"status": "failed", "error": error, "output": []},
    }
    return (*before, replace(last, name="response.failed", data=data))


def refused(_response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """An error that names a field."""
    message = "'temperature' is not supported with this model."
    return refuse(Refusal(message=message, param="temperature", code="unsupported_parameter"), request)


def unended(pieces: tuple[Write, ...]) -> tuple[Write, ...]:
    """The first half of the events: the stream ends there, as if nothing was missing."""
    return pieces[: len(pieces) // 2]


def cut_json(raw: bytes) -> bytes:
    """The first two thirds of a body."""
    return raw[: len(raw) * 2 // 3]


def whole_only(edit: Callable[[WireResponse], WireResponse]) -> OnWire:
    """Edit successful non-streaming responses."""
    return lambda reply, _request: edit(reply) if reply.status == 200 and not is_stream(reply) else reply


LEGAL = (
    scripted(
        "framed-in-every-form",
        "Any line end, comments, no space after the colon, several data lines, events and characters cut anywhere",
        CHARACTERS,
        *("json-over-data-lines", "no-blank", "comments", "lines-end-mixed", "few-octets-a-write", "json-in-chunks"),
    ),
    scripted("coded-when-accepted", "gzip, flushed event by event", CHARACTERS, change(on_wire=when_accepted)),
    scripted(
        "sized",
        "A stream with Content-Length, lines that end in CRLF, and a field of 64 kB, in writes of 1,000 bytes",
        LARGE_WORD,
        CHARACTERS,
        "lines-end-in-crlf",
        change(on_wire=streams(on_pieces(in_parts))),
        change(on_wire=streams(sized)),
    ),
    scripted(
        "large-field",
        "A field of 64 kB, in writes of 1,000 bytes",
        LARGE_WORD,
        change(on_wire=streams(on_pieces(in_parts))),
    ),
    scripted(
        "rich",
        "Reasoning, a refusal, annotations and audio; the second choice ends with content_filter",
        CHARACTERS,
        RICH,
        RICH_PARTS,
    ),
    scripted(
        "slow", "The head at once, silence, then events at an even pace", change(on_wire=streams(on_pieces(slow)))
    ),
    scripted(
        "usage-in-two-places",
        "The usage in a chunk, and in a vendor's field of the chunk before it",
        change(on_stream(usage_twice)),
    ),
    scripted(
        "usage-untold",
        "No usage in either mode; the lines of a stream end in CRLF",
        "usage-never-told",
        "usage-missing-from-whole",
        "lines-end-in-crlf",
    ),
)
BREAKING = (
    scripted("cut-in-event", "The connection is closed in an event", change(on_wire=streams(cut_in_event))),
    scripted("cut-at-the-start", "The connection is closed after the head", change(on_wire=streams(never_begun))),
    scripted(
        "unended", "The stream ends half-way, as if nothing was missing", change(on_wire=streams(on_pieces(unended)))
    ),
    scripted("failed-in-stream", "An error event in the middle of the stream", change(failed)),
    scripted("response-failed", "response.failed ends the stream", change(mutate_responses.on_events(response_failed))),
    scripted(
        "cut-json", "A non-streaming response ends within its JSON", change(on_wire=whole_only(recoded(cut_json)))
    ),
    scripted("refused", "400, with an error that names a field", change(refused)),
)
SCRIPTS = (*LEGAL, *BREAKING)
