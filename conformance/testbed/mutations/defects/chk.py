"""Defects in the chunks of a chat stream."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from conformance.testbed.mutations.mutate_chat import (
    Body,
    each_chunk,
    each_delta,
    each_part,
    ends,
    less,
    more,
    on_stream,
    planted,
    text_of,
    with_delta,
)


def numbered(chunks: list[Body], name: str, values: Iterable[object]) -> list[Body]:
    """The chunks, each with its own value in a field."""
    return [chunk | {name: value} for chunk, value in zip(chunks, values, strict=False)]


def repeat(chunks: list[Body], where: Callable[[Body], object]) -> Iterator[Body]:
    """The chunks, with those for which `where` holds repeated."""
    for chunk in chunks:
        yield from [chunk, chunk] if where(chunk) else [chunk]


def ends_one(chunk: Body) -> bool:
    """Whether a choice ends in this chunk."""
    return any(map(ends, chunk["choices"]))


def amid(chunks: list[Body], **changes: object) -> list[Body]:
    """The chunks, with a changed copy of the second one inserted after it."""
    return [*chunks[:2], chunks[min(1, len(chunks) - 1)] | changes, *chunks[2:]]


def cumulative(chunks: list[Body]) -> Iterator[Body]:
    """Every delta repeats all earlier text."""
    texts = accumulate(text_of(chunk) for chunk in chunks)
    for chunk, text in zip(chunks, texts, strict=True):
        yield with_delta(chunk, {"content": text}) if text_of(chunk) else chunk


def repeated(chunks: list[Body]) -> Iterator[Body]:
    """The chunk with the finish_reason repeats the complete text."""
    text = "".join(map(text_of, chunks))
    for chunk in chunks:
        end = next((c["finish_reason"] for c in chunk["choices"] if ends(c)), None)
        yield with_delta(chunk, {"content": text}, end) if end and text else chunk


def ended_early(chunks: list[Body]) -> list[Body]:
    """The finish_reason is sent before the last text."""
    texts = [at for at, chunk in enumerate(chunks) if text_of(chunk)]
    end = next((at for at, chunk in enumerate(chunks) if ends_one(chunk)), 0)
    if not texts or texts[-1] > end:
        return chunks
    rest = [chunk for at, chunk in enumerate(chunks) if at != end]
    return [*rest[: texts[-1]], chunks[end], *rest[texts[-1] :]]


def ended_with_text(chunks: list[Body]) -> Iterator[Body]:
    """The last text is in the chunk with the finish_reason."""
    texts = [at for at, chunk in enumerate(chunks) if text_of(chunk)]
    for at, chunk in enumerate(chunks):
        if len(chunk["choices"]) == 1 and ends(chunk["choices"][0]) and texts:
            yield with_delta(chunk, {"content": text_of(chunks[texts[-1]])}, chunk["choices"][0]["finish_reason"])
        elif at not in texts[-1:]:
            yield chunk


def message_for_delta(choice: Body) -> Body:
    """A choice of a chunk in the shape of a non-streaming choice."""
    return {"index": choice["index"], "message": choice["delta"], "finish_reason": choice["finish_reason"]}


def as_whole(chunks: list[Body]) -> Body:
    """All chunks combined into one completion."""
    message = {"role": "assistant", "content": "".join(map(text_of, chunks))}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return chunks[0] | {"object": "chat.completion", "choices": [choice], "usage": chunks[-1].get("usage")}


def indexed(chunk: Body, index: int) -> Body:
    """The chunk, with this index in its choices."""
    return chunk | {"choices": [choice | {"index": index} for choice in chunk["choices"]]}


def with_message(choice: Body) -> Body:
    """A choice of a chunk with a message in addition to its delta."""
    return choice | {"message": {"role": "assistant", "content": "Hello!"}}


def taken_over(chunks: list[Body]) -> list[Body]:
    """The second half names another model."""
    half = len(chunks) // 2
    return [*chunks[:half], *(chunk | {"model": "fallback"} for chunk in chunks[half:])]


CHUNK_DEFECTS = (
    planted(
        "chunk-object-of-completions",
        "Chunks have `object: text_completion.chunk`, as in the legacy Completions API",
        "CHK001",
        each_chunk(more(object="text_completion.chunk")),
    ),
    planted(
        "chunk-of-own-making",
        'Events hold {"text": ...} instead of chunks',
        "CHK001",
        on_stream(lambda chunks: [{"text": text_of(chunk)} for chunk in chunks]),
    ),
    planted("chunk-without-id", "Chunks have no id", "CHK002", each_chunk(less("id"))),
    planted(
        "chunk-id-changes",
        "Every chunk has a different id",
        "CHK003",
        on_stream(lambda chunks: numbered(chunks, "id", (f"chatcmpl-{n}" for n in range(len(chunks))))),
    ),
    planted(
        "chunk-created-as-text",
        "`created` is a string in chunks",
        "CHK004",
        each_chunk(more(created="2026-11-01T00:00:00Z")),
    ),
    planted(
        "chunk-created-in-milliseconds",
        "`created` is in milliseconds in chunks",
        "CHK005",
        each_chunk(lambda chunk: chunk | {"created": chunk["created"] * 1000}),
    ),
    planted(
        "chunk-created-moves",
        "`created` differs from chunk to chunk",
        "CHK005",
        on_stream(lambda chunks: numbered(chunks, "created", range(1_760_000_000, 1_760_000_000 + len(chunks)))),
    ),
    planted("chunk-without-model", "Chunks have no model", "CHK006", each_chunk(less("model"))),
    planted(
        "chunk-blank-at-the-end",
        "The last chunks have an empty id and model",
        "CHK007",
        each_chunk(more(id="", model=""), lambda chunk: not chunk["choices"] or ends_one(chunk)),
    ),
    planted(
        "chunk-choices-null",
        "A chunk in mid-stream has `choices: null`",
        "CHK008",
        on_stream(lambda c: amid(c, choices=None)),
    ),
    planted(
        "chunk-usage-without-choices",
        "The usage chunk has no choices key",
        "CHK008",
        each_chunk(less("choices"), lambda chunk: chunk.get("usage")),
    ),
    planted(
        "chunk-empty-heartbeat",
        "An empty chunk is sent as a keep-alive",
        "CHK009",
        on_stream(lambda chunks: amid(chunks, choices=[])),
    ),
    planted("chunk-no-choices-at-all", "No chunk has a choice", "CHK010", each_chunk(more(choices=[]))),
    planted(
        "chunk-delta-null",
        "A delta without text is null",
        "CHK011",
        each_part(more(delta=None), lambda choice: not choice["delta"]),
    ),
    planted(
        "chunk-message-for-delta",
        "Chunks hold a message instead of a delta",
        "CHK011",
        each_part(message_for_delta),
    ),
    planted(
        "chunk-index-from-one",
        "Choice indexes start at 1",
        "CHK012",
        each_part(lambda choice: choice | {"index": choice["index"] + 1}),
    ),
    planted("chunk-without-index", "Choices have no index in chunks", "CHK012", each_part(less("index"))),
    planted("chunk-without-role", "No delta has a role", "CHK013", each_delta(less("role"))),
    planted(
        "chunk-role-user", "The delta's role is user", "CHK014", each_delta(more(role="user"), lambda d: "role" in d)
    ),
    planted(
        "chunk-role-blank",
        "All deltas but the first have an empty role",
        "CHK014",
        each_delta(more(role=""), lambda d: "role" not in d),
    ),
    planted(
        "chunk-content-parts",
        "The delta's content is a list of parts",
        "CHK015",
        each_delta(lambda d: d | {"content": [{"type": "text", "text": d["content"]}]}, lambda d: d.get("content")),
    ),
    planted(
        "chunk-finish-reason-left-out",
        "finish_reason is left out where it is null",
        "CHK016",
        each_part(less("finish_reason"), lambda choice: not ends(choice)),
    ),
    planted(
        "chunk-never-finishes",
        "No chunk has a finish_reason",
        "CHK017",
        each_part(more(finish_reason=None)),
    ),
    planted(
        "chunk-second-never-finishes",
        "With n > 1, only the first choice gets a finish_reason",
        "CHK017",
        each_part(more(finish_reason=None), lambda choice: choice["index"] > 0),
    ),
    planted(
        "chunk-finishes-twice",
        "The finish_reason is sent twice",
        "CHK018",
        on_stream(lambda chunks: repeat(chunks, ends_one)),
    ),
    planted(
        "chunk-finish-unknown",
        "finish_reason is the engine's internal value: eos",
        "CHK019",
        each_part(more(finish_reason="eos"), ends),
    ),
    planted(
        "chunk-text-after-finish", "The last text is sent after the finish_reason", "CHK020", on_stream(ended_early)
    ),
    planted(
        "chunk-cumulative", "Deltas are cumulative: each repeats all earlier text", "CHK021", on_stream(cumulative)
    ),
    planted("chunk-answer-repeated", "The last chunk repeats the complete text", "CHK022", on_stream(repeated)),
    planted(
        "chunk-text-with-finish",
        "The last text is in the chunk with the finish_reason",
        "CHK023",
        on_stream(ended_with_text),
    ),
    planted(
        "chunk-message-beside-delta",
        "The chunk with the finish_reason also holds a message",
        "CHK024",
        each_part(with_message, ends),
    ),
    planted(
        "chunk-text-sent-twice",
        "Every delta with text is sent twice",
        "CHK025",
        on_stream(lambda chunks: repeat(chunks, text_of)),
    ),
    planted(
        "chunk-whole-answer",
        "The stream holds the non-streaming response as one event",
        "CHK001",
        on_stream(lambda chunks: [as_whole(chunks)]),
    ),
    planted(
        "chunk-index-counts-chunks",
        "The choice index counts chunks",
        "CHK012",
        on_stream(lambda chunks: [indexed(chunk, at) for at, chunk in enumerate(chunks)]),
    ),
    planted(
        "chunk-finish-none-as-text",
        'finish_reason is the string "None" until the end',
        "CHK019",
        each_part(more(finish_reason="None"), lambda choice: not ends(choice)),
    ),
    planted(
        "chunk-finishes-everywhere",
        "Every delta with text has finish_reason stop",
        "CHK020",
        each_part(more(finish_reason="stop"), lambda choice: choice["delta"].get("content")),
    ),
    planted(
        "chunk-second-ends-as-first",
        "The second choice's finish_reason has the first choice's index",
        "CHK027",
        each_part(more(index=0), lambda choice: choice["index"] > 0 and ends(choice)),
    ),
    planted(
        "chunk-usage-under-another-id",
        "The usage chunk has a different id",
        "CHK003",
        each_chunk(lambda chunk: chunk | {"id": f"{chunk['id']}-usage"}, lambda chunk: not chunk["choices"]),
    ),
    planted(
        "chunk-role-of-the-first-alone",
        "With n > 1, only the first choice gets a role",
        "CHK013",
        each_part(lambda choice: choice | {"delta": less("role")(choice["delta"])}, lambda choice: choice["index"] > 0),
    ),
    planted("chunk-model-changes", "The model changes in mid-stream", "CHK026", on_stream(taken_over)),
    planted(
        "chunk-second-as-first",
        "All chunks of the second choice have the first choice's index",
        "CHK027",
        each_part(more(index=0), lambda choice: choice["index"] > 0),
    ),
)
