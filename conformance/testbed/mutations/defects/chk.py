"""Defects in the chunks of a chat stream."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from conformance.testbed.mutations.mutate_chat import (
    Body,
    defect,
    each_chunk,
    each_delta,
    each_part,
    ends,
    on_stream,
    text_of,
    with_delta,
    with_fields,
    without_fields,
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


def merged(chunks: list[Body]) -> Iterator[Body]:
    """All choices as the first one, which only its last finish_reason ends."""
    last = max((at for at, chunk in enumerate(chunks) if ends_one(chunk)), default=-1)
    for at, chunk in enumerate(chunks):
        if at == last or not ends_one(chunk):
            yield indexed(chunk, 0)


CHUNK_DEFECTS = (
    defect(
        "chunk-object-of-completions",
        "Chunks have `object: text_completion.chunk`, as in the legacy Completions API",
        "CHK001",
        each_chunk(with_fields(object="text_completion.chunk")),
    ),
    defect(
        "chunk-of-own-making",
        'Events hold {"text": ...} instead of chunks',
        "CHK001",
        on_stream(lambda chunks: [{"text": text_of(chunk)} for chunk in chunks]),
    ),
    defect("chunk-without-id", "Chunks have no id", "CHK002", each_chunk(without_fields("id"))),
    defect(
        "chunk-id-changes",
        "Every chunk has a different id",
        "CHK003",
        on_stream(lambda chunks: numbered(chunks, "id", (f"chatcmpl-{n}" for n in range(len(chunks))))),
    ),
    defect(
        "chunk-created-as-text",
        "`created` is a string in chunks",
        "CHK004",
        each_chunk(with_fields(created="2026-11-01T00:00:00Z")),
    ),
    defect(
        "chunk-created-in-milliseconds",
        "`created` is in milliseconds in chunks",
        "CHK005",
        each_chunk(lambda chunk: chunk | {"created": chunk["created"] * 1000}),
    ),
    defect(
        "chunk-created-moves",
        "`created` differs from chunk to chunk",
        "CHK005",
        on_stream(lambda chunks: numbered(chunks, "created", range(1_760_000_000, 1_760_000_000 + len(chunks)))),
    ),
    defect("chunk-without-model", "Chunks have no model", "CHK006", each_chunk(without_fields("model"))),
    defect(
        "chunk-blank-at-the-end",
        "The last chunks have an empty id and model",
        "CHK007",
        each_chunk(with_fields(id="", model=""), lambda chunk: not chunk["choices"] or ends_one(chunk)),
    ),
    defect(
        "chunk-choices-null",
        "A chunk in mid-stream has `choices: null`",
        "CHK008",
        on_stream(lambda c: amid(c, choices=None)),
    ),
    defect(
        "chunk-usage-without-choices",
        "The usage chunk has no choices key",
        "CHK008",
        each_chunk(without_fields("choices"), lambda chunk: chunk.get("usage")),
    ),
    defect(
        "chunk-empty-heartbeat",
        "An empty chunk is sent as a keep-alive",
        "CHK009",
        on_stream(lambda chunks: amid(chunks, choices=[])),
    ),
    defect("chunk-no-choices-at-all", "No chunk has a choice", "CHK010", each_chunk(with_fields(choices=[]))),
    defect(
        "chunk-delta-null",
        "A delta without text is null",
        "CHK011",
        each_part(with_fields(delta=None), lambda choice: not choice["delta"]),
    ),
    defect(
        "chunk-message-for-delta",
        "Chunks hold a message instead of a delta",
        "CHK011",
        each_part(message_for_delta),
    ),
    defect(
        "chunk-index-from-one",
        "Choice indexes start at 1",
        "CHK012",
        each_part(lambda choice: choice | {"index": choice["index"] + 1}),
    ),
    defect("chunk-without-index", "Choices have no index in chunks", "CHK012", each_part(without_fields("index"))),
    defect("chunk-without-role", "No delta has a role", "CHK013", each_delta(without_fields("role"))),
    defect(
        "chunk-role-user",
        "The delta's role is user",
        "CHK014",
        each_delta(with_fields(role="user"), lambda d: "role" in d),
    ),
    defect(
        "chunk-role-blank",
        "All deltas but the first have an empty role",
        "CHK014",
        each_delta(with_fields(role=""), lambda d: "role" not in d),
    ),
    defect(
        "chunk-content-parts",
        "The delta's content is a list of parts",
        "CHK015",
        each_delta(lambda d: d | {"content": [{"type": "text", "text": d["content"]}]}, lambda d: d.get("content")),
    ),
    defect(
        "chunk-finish-reason-left-out",
        "finish_reason is left out where it is null",
        "CHK016",
        each_part(without_fields("finish_reason"), lambda choice: not ends(choice)),
    ),
    defect(
        "chunk-never-finishes",
        "No chunk has a finish_reason",
        "CHK017",
        each_part(with_fields(finish_reason=None)),
    ),
    defect(
        "chunk-second-never-finishes",
        "With n > 1, only the first choice gets a finish_reason",
        "CHK017",
        each_part(with_fields(finish_reason=None), lambda choice: choice["index"] > 0),
    ),
    defect(
        "chunk-finishes-twice",
        "The finish_reason is sent twice",
        "CHK018",
        on_stream(lambda chunks: repeat(chunks, ends_one)),
    ),
    defect(
        "chunk-finish-unknown",
        "finish_reason is the engine's internal value: eos",
        "CHK019",
        each_part(with_fields(finish_reason="eos"), ends),
    ),
    defect(
        "chunk-text-after-finish", "The last text is sent after the finish_reason", "CHK020", on_stream(ended_early)
    ),
    defect("chunk-cumulative", "Deltas are cumulative: each repeats all earlier text", "CHK021", on_stream(cumulative)),
    defect("chunk-answer-repeated", "The last chunk repeats the complete text", "CHK022", on_stream(repeated)),
    defect(
        "chunk-text-with-finish",
        "The last text is in the chunk with the finish_reason",
        "CHK023",
        on_stream(ended_with_text),
    ),
    defect(
        "chunk-message-beside-delta",
        "The chunk with the finish_reason also holds a message",
        "CHK024",
        each_part(with_message, ends),
    ),
    defect(
        "chunk-text-sent-twice",
        "Every delta with text is sent twice",
        "CHK025",
        on_stream(lambda chunks: repeat(chunks, text_of)),
    ),
    defect(
        "chunk-whole-answer",
        "The stream holds the non-streaming response as one event",
        "CHK001",
        on_stream(lambda chunks: [as_whole(chunks)]),
    ),
    defect(
        "chunk-index-counts-chunks",
        "The choice index counts chunks",
        "CHK012",
        on_stream(lambda chunks: [indexed(chunk, at) for at, chunk in enumerate(chunks)]),
    ),
    defect(
        "chunk-finish-none-as-text",
        'finish_reason is the string "None" until the end',
        "CHK028",
        each_part(with_fields(finish_reason="None"), lambda choice: not ends(choice)),
    ),
    defect(
        "chunk-finishes-everywhere",
        "Every delta with text has finish_reason stop",
        "CHK020",
        each_part(with_fields(finish_reason="stop"), lambda choice: choice["delta"].get("content")),
    ),
    defect(
        "chunk-second-ends-as-first",
        "The second choice's finish_reason has the first choice's index",
        "CHK027",
        each_part(with_fields(index=0), lambda choice: choice["index"] > 0 and ends(choice)),
    ),
    defect(
        "chunk-usage-under-another-id",
        "The usage chunk has a different id",
        "CHK003",
        each_chunk(lambda chunk: chunk | {"id": f"{chunk['id']}-usage"}, lambda chunk: not chunk["choices"]),
    ),
    defect(
        "chunk-role-of-the-first-alone",
        "With n > 1, only the first choice gets a role",
        "CHK013",
        each_part(
            lambda choice: choice | {"delta": without_fields("role")(choice["delta"])},
            lambda choice: choice["index"] > 0,
        ),
    ),
    defect("chunk-model-changes", "The model changes in mid-stream", "CHK026", on_stream(taken_over)),
    defect(
        "chunk-second-as-first",
        "All chunks of the second choice have the first choice's index",
        "CHK027",
        each_part(with_fields(index=0), lambda choice: choice["index"] > 0),
    ),
    defect(
        "chunk-finish-blank",
        "finish_reason is an empty string until the end",
        "CHK028",
        each_part(with_fields(finish_reason=""), lambda choice: not ends(choice)),
    ),
    defect(
        "chunk-choices-merged",
        "With n > 1, all text has index 0, and one finish_reason ends it",
        "CHK027",
        on_stream(merged),
    ),
)
