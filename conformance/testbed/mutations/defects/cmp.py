"""Defects in non-streaming chat responses, and text that is lost in either mode."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from conformance.testbed.mutations.mutate_bytes import each, streams
from conformance.testbed.mutations.mutate_chat import (
    Body,
    defect,
    each_choice,
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
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, ServerRequest


def as_text(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """Only the text, as a JSON string."""
    whole = response.whole
    is_completion = isinstance(whole, dict) and whole.get("object") == "chat.completion"
    return replace(response, whole=whole["choices"][0]["message"]["content"]) if is_completion else response


def delta_for_message(choice: Body) -> Body:
    """A choice of a non-streaming response in the shape of a chunk's choice."""
    return {"index": choice["index"], "delta": choice["message"], "finish_reason": choice["finish_reason"]}


def replaced(delta: Body) -> Body:
    """Each character beyond the BMP replaced as if its four bytes were decoded one by one."""
    return delta | {
        "content": re.sub("[\U00010000-\U0010ffff]", "\ufffd" * 4, delta["content"] or "") or delta["content"]
    }


def ascii_only(delta: Body) -> Body:
    """The text without its non-ASCII characters."""
    return delta | {"content": delta["content"].encode("ascii", "ignore").decode()}


def as_thoughts(message: Body) -> Body:
    """The text moved into the reasoning field."""
    return without_fields("content")(message) | {"content": None, "reasoning_content": message["content"]}


def nothing_made(reported: Body) -> Body:
    """A usage without completion tokens."""
    return reported | {"completion_tokens": 0, "total_tokens": reported["prompt_tokens"]}


def dead(chunks: list[Body]) -> list[Body]:
    """A chunk without id, model, choices or tokens."""
    nothing = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return [chunks[0] | {"id": "", "model": "", "choices": [], "usage": nothing}]


LONG_PROMPT = 8_000
"""Bytes of a request body: more than any of the harness's own, less than hermes's."""


def unmade(chunks: list[Body]) -> Iterator[Body]:
    """The chunks of a text completion, without the text."""
    texts = [chunk for chunk in chunks if text_of(chunk)]
    for chunk in chunks:
        if texts and chunk.get("usage"):
            yield chunk | {"usage": nothing_made(chunk["usage"])}
        else:
            yield with_delta(chunk, {"content": ""}) if text_of(chunk) else chunk


def unmade_whole(whole: Body) -> Body:
    """A non-streaming text completion, without the text."""
    choices = [choice | {"message": choice["message"] | {"content": ""}} for choice in whole["choices"]]
    return whole | {"choices": choices, "usage": nothing_made(whole["usage"])}


WHOLE_DEFECTS = (
    defect(
        "whole-object-chunk",
        "A non-streaming response has `object: chat.completion.chunk`",
        "CMP001",
        on_whole(with_fields(object="chat.completion.chunk")),
    ),
    defect("whole-as-text", "A non-streaming response is only the text, as a JSON string", "CMP001", as_text),
    defect("whole-without-id", "A non-streaming response has no id", "CMP002", on_whole(without_fields("id"))),
    defect(
        "whole-created-as-text",
        "`created` is a string in a non-streaming response",
        "CMP003",
        on_whole(with_fields(created="2026-11-01T00:00:00Z")),
    ),
    defect("whole-without-model", "A non-streaming response has no model", "CMP004", on_whole(without_fields("model"))),
    defect(
        "whole-created-in-milliseconds",
        "`created` is in milliseconds in a non-streaming response",
        "CMP005",
        on_whole(lambda whole: whole | {"created": whole["created"] * 1000}),
    ),
    defect(
        "whole-no-choices",
        "A non-streaming response has an empty choices list",
        "CMP006",
        on_whole(with_fields(choices=[])),
    ),
    defect(
        "whole-choices-null",
        "A non-streaming response has `choices: null`",
        "CMP006",
        on_whole(with_fields(choices=None)),
    ),
    defect("whole-index-shared", "All choices have index 0", "CMP007", each_choice(with_fields(index=0))),
    defect(
        "whole-without-index",
        "Choices of a non-streaming response have no index",
        "CMP007",
        each_choice(without_fields("index")),
    ),
    defect(
        "whole-delta-for-message",
        "Choices of a non-streaming response hold a delta instead of a message",
        "CMP008",
        each_choice(delta_for_message),
    ),
    defect("whole-without-role", "Messages have no role", "CMP009", each_message(without_fields("role"))),
    defect(
        "whole-content-parts",
        "The message content is a list of parts",
        "CMP010",
        each_message(lambda message: message | {"content": [{"type": "text", "text": message["content"]}]}),
    ),
    defect(
        "whole-content-left-out",
        "content is left out where it is null",
        "CMP011",
        each_message(lambda message: message if message["content"] else without_fields("content")(message)),
    ),
    defect(
        "whole-never-finishes",
        "A non-streaming response has `finish_reason: null`",
        "CMP012",
        each_choice(with_fields(finish_reason=None)),
    ),
    defect(
        "whole-finish-null-as-text",
        'finish_reason of a non-streaming response is the string "null"',
        "CMP012",
        each_choice(with_fields(finish_reason="null")),
    ),
    defect(
        "whole-finish-unknown",
        "finish_reason is upper-case: STOP",
        "CMP013",
        each_choice(lambda choice: choice | {"finish_reason": choice["finish_reason"].upper()}),
    ),
    defect(
        "answer-lost-when-streaming",
        "A stream has no text, though tokens were generated and billed",
        "CMP014",
        each_delta(with_fields(content=""), lambda delta: delta.get("content")),
    ),
    defect(
        "answer-lost",
        "A non-streaming response has no text, though tokens were generated and billed",
        "CMP014",
        each_message(lambda message: message | {"content": None}),
    ),
    defect(
        "answer-never-made-when-streaming",
        "A stream has no text and bills no completion tokens",
        "CMP014",
        on_stream(unmade),
    ),
    defect(
        "answer-never-made",
        "A non-streaming response has no text and bills no completion tokens",
        "CMP014",
        on_whole(lambda whole: whole if whole["choices"][0]["message"].get("tool_calls") else unmade_whole(whole)),
    ),
    defect(
        "long-prompt-unanswered",
        "A prompt of more than 8,000 bytes gets no text, streaming or not, and bills no completion tokens",
        "CMP018",
        lambda response, request: (
            in_turn(on_stream(unmade), on_whole(unmade_whole))(response, request)
            if len(request.body) > LONG_PROMPT
            else response
        ),
    ),
    defect(
        "stream-dead-but-ended",
        "A stream whose source failed is one blank chunk with usage of zeros, and the end marker",
        "CHK010",
        on_stream(dead),
    ),
    defect(
        "answer-as-thoughts",
        "The text is in reasoning_content, and content is empty",
        "CMP015",
        in_turn(each_delta(as_thoughts, lambda delta: delta.get("content")), each_message(as_thoughts)),
    ),
    defect(
        "answer-lost-of-the-second",
        "With n > 1, only the first choice has text",
        "CMP017",
        each_choice(
            lambda choice: choice | {"message": choice["message"] | {"content": None}},
            lambda choice: choice["index"] > 0,
        ),
    ),
)

MOST_TEXT = 4096
"""Bytes of text after which a broken proxy drops the rest."""


def limited(chunks: list[Body]) -> Iterator[Body]:
    """The chunks without the text beyond a number of bytes."""
    sent = 0
    for chunk in chunks:
        sent += len(text_of(chunk).encode())
        if not text_of(chunk) or sent <= MOST_TEXT:
            yield chunk


def with_texts(edit: Callable[[list[str]], list[str]]) -> OnResponse:
    """Edit the texts of a stream's deltas; an empty text leaves out the chunk."""

    def edited(chunks: list[Body]) -> Iterator[Body]:
        at = [place for place, chunk in enumerate(chunks) if text_of(chunk)]
        texts = dict(zip(at, edit([text_of(chunks[place]) for place in at]), strict=True))
        for place, chunk in enumerate(chunks):
            if texts.get(place) != "":
                yield with_delta(chunk, {"content": texts[place]}) if place in texts else chunk

    return on_stream(edited)


PIECES = (
    defect(
        "first-token-lost",
        "Streams lack their first token",
        "CMP019",
        with_texts(lambda t: ["" if at == 0 else text for at, text in enumerate(t)]),
    ),
    defect(
        "last-token-lost",
        "Streams lack their last token",
        "CMP019",
        with_texts(lambda t: ["" if at == len(t) - 1 else text for at, text in enumerate(t)]),
    ),
    defect(
        "first-token-doubled",
        "Streams have their first token twice",
        "CMP019",
        with_texts(lambda t: [text * (2 if at == 0 else 1) for at, text in enumerate(t)]),
    ),
    defect(
        "last-token-doubled",
        "Streams have their last token twice",
        "CMP019",
        with_texts(lambda t: [text * (2 if at == len(t) - 1 else 1) for at, text in enumerate(t)]),
    ),
    defect(
        "stream-limited-to-4096-bytes",
        "Streams lack all text after 4,096 bytes, and end as if they were complete",
        "CMP019",
        on_stream(limited),
    ),
)

CHARACTERS = (
    defect(
        "characters-replaced",
        "Tokens are decoded one by one: multi-token characters become U+FFFD",
        "CMP016",
        in_turn(each_delta(replaced, lambda d: d.get("content")), each_message(replaced)),
    ),
    defect(
        "characters-dropped",
        "Streams drop non-ASCII characters",
        "CMP016",
        each_delta(ascii_only, lambda delta: delta.get("content")),
    ),
    Mutation(
        name="characters-read-as-latin-1",
        title="A proxy decodes streams as Latin-1 and re-encodes them as UTF-8",
        caught_by="CMP016",
        on_wire=streams(each(lambda raw: raw.decode("latin-1").encode())),
    ),
)
