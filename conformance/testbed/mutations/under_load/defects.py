"""Defects that show only while several requests are in progress, in what is generated for each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conformance.testbed.mutations import mutate_chat, mutate_messages
from conformance.testbed.mutations.mutate_chat import (
    Body,
    each_chunk,
    each_delta,
    each_message,
    in_turn,
    on_stream,
    on_whole,
    text_of,
    with_delta,
    with_fields,
    without_fields,
)
from conformance.testbed.mutations.mutate_messages import each_head
from conformance.testbed.mutations.mutate_under_load import as_neighbour, defect, is_busy, nonce_of
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest, WireResponse

AT = 12
"""The token that is lost, doubled or moved: a number in the middle of a text."""
Chunks = list[Body]


def another_s(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """The response to the request before."""
    return as_neighbour(reply, request) if reply.status == 200 and is_busy(request) else reply


def calls_of_another(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """Tool calls get the arguments of the request before."""
    return another_s(reply, request) if b'"tools"' in request.body and b"Call the tool" in request.body else reply


def error_of_another(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """An error is about the request before."""
    return as_neighbour(reply, request) if reply.status >= 400 else reply


def with_prompt_header(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """A header field with the prompt of the request before."""
    theirs = nonce_of(request.neighbour).decode()
    added = (("x-prompt-tag", theirs),) if theirs and reply.status == 200 and is_busy(request) else ()
    return replace(reply, headers=(*reply.headers, *added))


def with_a_foreign_delta(name: str) -> Any:
    """A delta of another stream gets into this one, in the field of that name."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        theirs = nonce_of(request.neighbour).decode()

        def inserted(chunks: Chunks) -> Chunks:
            return [*chunks[:AT], with_delta(chunks[AT], {name: f" {theirs}"}), *chunks[AT:]]

        return on_stream(lambda chunks: inserted(chunks) if theirs and len(chunks) > AT else chunks)(response, request)

    return change


def _numbered(chunks: Chunks) -> list[int]:
    """The places of the chunks with a number."""
    return [at for at, chunk in enumerate(chunks) if text_of(chunk).strip().isdecimal()]


def lost(chunks: Chunks) -> Chunks:
    """One number, and the comma after it, are not sent."""
    at = _numbered(chunks)
    return [*chunks[: at[7]], *chunks[at[8] :]] if len(at) > 8 else chunks


def doubled(chunks: Chunks) -> Chunks:
    """One number, and the comma after it, are sent twice."""
    at = _numbered(chunks)
    return [*chunks[: at[8]], *chunks[at[7] :]] if len(at) > 8 else chunks


def reordered(chunks: Chunks) -> Chunks:
    """One number is sent after the next."""
    at = _numbered(chunks)
    if len(at) <= 8:
        return chunks
    first, second = at[7], at[8]
    return [*chunks[:first], chunks[second], *chunks[first + 1 : second], chunks[first], *chunks[second + 1 :]]


def ended_early(chunks: Chunks) -> Chunks:
    """The last numbers are not sent."""
    at = _numbered(chunks)
    return [*chunks[: at[-3]], *chunks[at[-1] + 1 :]] if len(at) > 8 else chunks


def shortened(message: Body) -> Body:
    """The content without one number."""
    parts = (message["content"] or "").split(", ")
    return message | {"content": ", ".join((*parts[:7], *parts[8:]))} if len(parts) > 8 else message


def of_all(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Usage counts the tokens of all requests in progress."""
    count = request.running + 1

    def times(spent: Body) -> Body:
        return {name: value * count if isinstance(value, int) else value for name, value in spent.items()}

    return in_turn(mutate_chat.usage(times), mutate_messages.usage(times))(response, request)


def unbilled(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Usage is left out."""
    return in_turn(on_stream(_without_usage), on_whole(without_fields("usage")))(response, request)


def _without_usage(chunks: Sequence[Body]) -> Chunks:
    return [chunk for chunk in chunks if chunk["choices"]]


def at_that_second(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Ids are made of the clock."""
    chat, message = with_fields(id=f"chatcmpl-{request.at}"), with_fields(id=f"msg_{request.at}")
    return in_turn(each_chunk(chat), on_whole(chat), each_head(message))(response, request)


SILENT = in_turn(
    each_delta(lambda delta: delta | {"content": ""}, lambda delta: delta.get("content")),
    each_message(lambda message: message | {"content": ""} if message["content"] else message),
)
UNMARKED = without_fields("system_fingerprint")

DEFECTS = (
    Mutation(
        name="text-of-another-when-busy",
        title="With five requests in progress, each gets the response to the one before",
        caught_by="LOAD001",
        on_wire=another_s,
    ),
    Mutation(
        name="arguments-of-another-when-busy",
        title="With five requests in progress, tool calls get the arguments of another user's",
        caught_by="LOAD001",
        on_wire=calls_of_another,
    ),
    Mutation(
        name="header-of-another-when-busy",
        title="With five requests in progress, a header field repeats the prompt of another user",
        caught_by="LOAD001",
        on_wire=with_prompt_header,
    ),
    defect(
        "delta-of-another-when-busy",
        "With five requests in progress, a delta of another stream gets into each",
        "LOAD001",
        with_a_foreign_delta("content"),
    ),
    defect(
        "reasoning-of-another-when-busy",
        "With five requests in progress, the reasoning of another request gets into each stream",
        "LOAD001",
        with_a_foreign_delta("reasoning_content"),
    ),
    Mutation(
        name="error-of-another",
        title="While another request is in progress, an error is about that one",
        caught_by="LOAD002",
        on_wire=error_of_another,
    ),
    defect("text-missing-when-busy", "With five requests in progress, texts are empty", "LOAD003", SILENT),
    defect("token-lost-when-busy", "With five requests in progress, streams lose a token", "LOAD004", on_stream(lost)),
    defect(
        "token-doubled-when-busy",
        "With five requests in progress, a token is sent twice",
        "LOAD004",
        on_stream(doubled),
    ),
    defect(
        "tokens-reordered-when-busy",
        "With five requests in progress, two tokens change places",
        "LOAD004",
        on_stream(reordered),
    ),
    defect(
        "end-lost-when-busy",
        "With five requests in progress, streams lose their last tokens, and still finish",
        "LOAD004",
        on_stream(ended_early),
    ),
    defect(
        "word-lost-when-busy",
        "With five requests in progress, non-streaming texts lose a word",
        "LOAD004",
        each_message(shortened),
    ),
    defect(
        "ids-from-the-clock-when-busy",
        "With five requests in progress, ids are the Unix second",
        "LOAD005",
        at_that_second,
    ),
    defect("usage-of-all-when-busy", "Usage counts the tokens of all requests in progress", "LOAD006", of_all),
    defect("usage-missing-when-busy", "With five requests in progress, usage is missing", "LOAD006", unbilled),
    defect(
        "fingerprint-missing-when-busy",
        "With five requests in progress, responses have no system_fingerprint",
        "LOAD007",
        in_turn(each_chunk(UNMARKED), on_whole(UNMARKED)),
    ),
)
