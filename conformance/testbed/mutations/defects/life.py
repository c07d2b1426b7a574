"""Defects: mixed-up concurrent responses, lost keep-alive connections, and leftovers of disconnected clients."""

from dataclasses import replace
from typing import Any

from conformance.model.marker_words import ABANDONED_WORD, BURST_WORDS
from conformance.testbed.mutations.mutate_bytes import answers
from conformance.testbed.mutations.mutate_bytes import defect as written
from conformance.testbed.mutations.mutate_chat import (
    each_chunk,
    each_message,
    in_turn,
    on_whole,
    usage,
    with_delta,
    with_fields,
)
from conformance.testbed.mutations.mutate_messages import each_head
from conformance.testbed.mutations.mutate_requests import refusal
from conformance.testbed.server.model import ECHO
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, ServerRequest, WireResponse

NEXT = dict(zip(BURST_WORDS, (*BURST_WORDS[1:], BURST_WORDS[0]), strict=True))
A_SLOT_S, DEAF_S = 1.6, 6.0


def worker_lost(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """503 after any client disconnect: the only worker is lost."""
    lost = request.disconnects and request.method == "POST"
    return refusal(503, "No worker is free.", code="overloaded") if lost else response


def slot_waited_for(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """The only slot stays busy with the abandoned generation; the next request waits for it."""
    deaf = replace(reply, ignore_disconnect_s=DEAF_S)
    if not (request.disconnects and request.running and request.method == "POST" and reply.status == 200):
        return deaf
    first, *rest = deaf.pieces
    return replace(deaf, pieces=(replace(first, wait_s=first.wait_s + A_SLOT_S), *rest))


def next_one_s(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Each concurrent request gets another's response."""
    found = ECHO.search(request.body.decode(errors="replace"))
    if response.events is None or not found or found[1] not in NEXT:
        return response
    return replace(response, events=tuple(_saying(event, found[1], NEXT[found[1]]) for event in response.events))


def _saying(event: Event, old: str, new: str) -> Event:
    data: Any = event.data
    if isinstance(data, dict):
        for choice in data.get("choices", ()):
            text = choice["delta"].get("content") or ""
            if old in text:
                delta = choice["delta"] | {"content": text.replace(old, new)}
                data = data | {"choices": [choice | {"delta": delta}]}
    return replace(event, data=data)


def lost_when_kept(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """The second request on a connection gets no response."""
    return replace(reply, head=b"", pieces=(), framing="close", end="abort") if request.earlier else reply


NAMED = with_fields(id="chatcmpl-0")


def at_that_second(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Responses with ids made from the clock."""
    named = with_fields(id=f"chatcmpl-{request.at}")
    return in_turn(each_chunk(named), on_whole(named))(response, request)


def with_the_rest(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The rest of the disconnected client's response leaks into the next one."""
    if not request.disconnects or not response.events or request.api != "chat":
        return response
    first, *others = response.events
    leaked = Event(data=with_delta(first.data, {"content": f" {ABANDONED_WORD}, {ABANDONED_WORD}."}))
    return replace(response, events=(first, leaked, *others))


def one_too_many(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Concurrent requests beyond the upstream connection pool get 500."""
    found = ECHO.search(request.body.decode(errors="replace"))
    return refusal(500, "Pool exhausted.", type="server_error") if found and found[1] in BURST_WORDS[5:] else response


def is_retried(request: ServerRequest) -> bool:
    """The request of a disconnected client, again."""
    return bool(request.disconnects) and ABANDONED_WORD.encode() in request.body


def session_kept(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The prompt of a disconnected client's request also holds its aborted turn."""
    added = usage(lambda spent: spent | {name: spent[name] + 32 for name in ("prompt_tokens", "total_tokens")})
    return added(response, request) if is_retried(request) else response


def cache_damaged(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A disconnected client's request, sent again, gets the rest of the aborted text."""
    rest = each_message(lambda message: message | {"content": (message["content"] or "")[3:]})
    return rest(response, request) if is_retried(request) else response


DEFECTS = (
    Mutation(
        name="session-kept-after-hang-up",
        title="A request sent again after a disconnect continues the aborted conversation",
        caught_by="LIFE009",
        on_response=session_kept,
    ),
    Mutation(
        name="cache-damaged-by-hang-up",
        title="A request sent again after a disconnect gets a damaged text",
        caught_by="LIFE009",
        on_response=cache_damaged,
    ),
    Mutation(
        name="worker-lost-to-hang-up",
        title="After a client disconnects, every later request gets 503",
        caught_by="LIFE001",
        on_response=worker_lost,
    ),
    written(
        "answers-made-for-nobody",
        "Generation continues to the end after the client disconnects",
        "LIFE002",
        answers(lambda reply: replace(reply, ignore_disconnect_s=DEAF_S)),
    ),
    written(
        "slot-kept-for-nobody",
        "The next request waits for an abandoned generation to finish",
        "LIFE003",
        slot_waited_for,
    ),
    Mutation(
        name="answers-swapped",
        title="Concurrent requests get each other's responses",
        caught_by="LIFE004",
        on_response=next_one_s,
    ),
    Mutation(
        name="one-id-for-all",
        title="All responses have the same id",
        caught_by="LIFE005",
        on_response=in_turn(each_chunk(NAMED), on_whole(NAMED)),
    ),
    Mutation(
        name="one-id-for-all-messages",
        title="All responses of Messages have the same id",
        caught_by="LIFE005",
        on_response=each_head(with_fields(id="msg_0")),
    ),
    written(
        "second-request-lost",
        "The second request on a keep-alive connection gets no response",
        "LIFE006",
        lost_when_kept,
    ),
    Mutation(
        name="ids-from-the-clock",
        title="Response ids are the Unix second of the request, so concurrent ones collide",
        caught_by="LIFE005",
        on_response=at_that_second,
    ),
    Mutation(
        name="leftovers-after-hang-up",
        title="After a client disconnects, the rest of its response leaks into the next one",
        caught_by="LIFE007",
        on_response=with_the_rest,
    ),
    Mutation(
        name="crowd-crashes",
        title="With five requests in progress, further concurrent requests get 500",
        caught_by="LIFE008",
        on_response=one_too_many,
    ),
)
