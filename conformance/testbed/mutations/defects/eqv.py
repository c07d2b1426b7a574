"""Defects that affect one of the two modes: what is lost or changed when streaming."""

from conformance.testbed.mutations.defects.fld import wants_logprobs
from conformance.testbed.mutations.defects.par import refusing, where
from conformance.testbed.mutations.mutate_chat import (
    Body,
    defect,
    each_choice,
    each_chunk,
    each_delta,
    each_part,
    in_turn,
    on_stream,
    text_of,
    usage,
    with_fields,
    without_fields,
)
from conformance.testbed.mutations.mutate_requests import dropping, holds, streaming, with_error
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, ServerRequest


def on_streams(edit: OnResponse) -> OnResponse:
    """Edit the responses to streaming requests, errors included."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        return edit(response, request) if streaming(request) else response

    return change


def logprobs_streamed(request: ServerRequest) -> bool:
    """A streaming request sets logprobs."""
    return streaming(request) and wants_logprobs(request)


def has_usage(chunk: Body) -> bool:
    """The chunk has a usage."""
    return bool(chunk.get("usage"))


def recounted(prompt: int, words: int) -> OnResponse:
    """Scale the prompt and the completion count in a stream's usage, each to a percentage."""

    def edited(chunk: Body) -> Body:
        reported = chunk["usage"]
        one, other = reported["prompt_tokens"] * prompt // 100, reported["completion_tokens"] * words // 100
        counts = {"prompt_tokens": one, "completion_tokens": other, "total_tokens": one + other}
        return chunk | {"usage": reported | counts}

    return each_chunk(edited, has_usage)


def begun_again(chunks: list[Body]) -> list[Body]:
    """The first half of the text, then all of it."""
    texts = [at for at, chunk in enumerate(chunks) if text_of(chunk)]
    return [*chunks[: texts[len(texts) // 2]], *chunks[texts[0] :]] if len(texts) > 3 else chunks


def one_lost(chunks: list[Body]) -> list[Body]:
    """All chunks but the third that holds text."""
    texts = [chunk for chunk in chunks if text_of(chunk)]
    return [chunk for chunk in chunks if len(texts) < 4 or chunk is not texts[2]]


def after_tools(request: ServerRequest) -> bool:
    """The history has a tool's result, and no tool may be called."""
    return request.api == "chat" and request.json.get("tool_choice") == "none" and b'"tool_call_id"' in request.body


silent = in_turn(
    on_stream(lambda chunks: [chunk for chunk in chunks if not text_of(chunk)]),
    each_part(with_fields(finish_reason="stop"), lambda choice: choice["finish_reason"]),
    each_choice(lambda choice: choice | {"message": choice["message"] | {"content": ""}, "finish_reason": "stop"}),
    usage(lambda spent: spent | {"completion_tokens": 1, "total_tokens": spent["prompt_tokens"] + 1}),
)

EQUIVALENCE = (
    defect(
        "stop-at-the-end-of-every-stream",
        "Streams always end with finish_reason `stop`",
        "EQV001",
        each_part(with_fields(finish_reason="stop"), lambda choice: choice["finish_reason"] == "length"),
    ),
    defect(
        "blanks-lost-when-streaming",
        "Streams drop the leading space of tokens",
        "EQV002",
        each_delta(lambda delta: delta | {"content": delta["content"].lstrip()}, lambda delta: delta.get("content")),
    ),
    defect(
        "history-answered-with-nothing",
        "After tool results the response is empty",
        "EQV009",
        where(after_tools, silent),
    ),
    defect(
        "logprobs-refused-when-streaming",
        "logprobs are rejected when streaming only",
        "EQV003",
        where(logprobs_streamed, refusing("'logprobs' is not supported when streaming.", param="logprobs")),
    ),
    Mutation(
        name="logprobs-dropped-when-streaming",
        title="logprobs are silently dropped when streaming",
        caught_by="EQV003",
        on_request=dropping("logprobs", "top_logprobs", where=logprobs_streamed),
    ),
    defect(
        "prompt-counted-in-part-when-streaming",
        "Usage in a stream leaves out cached prompt tokens",
        "EQV005",
        recounted(prompt=60, words=100),
    ),
    defect(
        "answer-counted-in-part-when-streaming",
        "Usage in a stream counts every other completion token",
        "EQV006",
        recounted(prompt=100, words=50),
    ),
    defect(
        "model-of-another-name-when-streaming",
        "Streams report the engine's internal model name",
        "EQV007",
        each_chunk(with_fields(model="engine/weights-v1")),
    ),
    defect(
        "fingerprint-lost-when-streaming",
        "Streams lack system_fingerprint",
        "EQV008",
        each_chunk(without_fields("system_fingerprint")),
    ),
    defect(
        "error-code-lost-when-streaming",
        "Errors lose code and param when streaming",
        "EQV004",
        on_streams(with_error(with_fields(code=None, param=None), 400)),
    ),
    defect(
        "begun-again-when-streaming",
        "A gateway retries in mid-stream and repeats text that was already sent",
        "EQV002",
        on_stream(begun_again),
    ),
    defect("delta-lost-when-streaming", "The third text delta of a stream is lost", "EQV002", on_stream(one_lost)),
    defect(
        "stopped-answer-ends-with-length",
        "A non-streaming response that hit a stop sequence has finish_reason `length`",
        "EQV001",
        where(holds("stop"), each_choice(with_fields(finish_reason="length"))),
    ),
)
