"""Defects in the usage of the chat API."""

from typing import Any

from conformance.testbed.mutations.mutate_chat import (
    Body,
    defect,
    each_chunk,
    on_stream,
    on_whole,
    usage,
    with_fields,
    without_fields,
)
from conformance.testbed.mutations.mutate_requests import dropping, holds, rewriting, streaming
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, ServerRequest


def on_every_chunk(chunks: list[Body]) -> list[Body]:
    """The usage of the last chunk on every chunk."""
    reported = chunks[-1].get("usage")
    return [chunk | {"usage": reported} for chunk in chunks] if reported else chunks


def on_last_choice(chunks: list[Body]) -> list[Body]:
    """The usage in the chunk with the finish_reason, and no usage chunk."""
    reported = chunks[-1].get("usage")
    if not reported:
        return chunks
    *before, last = chunks[:-1]
    return [*before, last | {"usage": reported}]


def counts(prompt: Any, completion: Any, total: Any) -> dict[str, Any]:
    """The three counts of a usage."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def raised(reported: Body) -> Body:
    """A thousand completion tokens more."""
    return reported | counts(
        reported["prompt_tokens"], reported["completion_tokens"] + 1000, reported["total_tokens"] + 1000
    )


USAGE_DEFECTS = (
    defect(
        "usage-never-told",
        "A stream lacks the requested usage",
        "USE001",
        on_stream(lambda chunks: [without_fields("usage")(chunk) for chunk in chunks if chunk["choices"]]),
    ),
    defect(
        "usage-as-text",
        "The usage counts are strings",
        "USE002",
        usage(lambda reported: reported | counts(*(str(reported[name]) for name in counts(0, 0, 0)))),
    ),
    defect(
        "usage-sum-wrong",
        "total_tokens is not the sum",
        "USE003",
        usage(lambda reported: reported | {"total_tokens": reported["total_tokens"] + 7}),
    ),
    defect("usage-on-every-chunk", "Every chunk has the usage", "USE004", on_stream(on_every_chunk)),
    defect(
        "usage-with-finish",
        "The usage is in the chunk with the finish_reason",
        "USE005",
        on_stream(on_last_choice),
    ),
    defect(
        "usage-missing-from-whole", "A non-streaming response has no usage", "USE006", on_whole(without_fields("usage"))
    ),
    defect(
        "usage-cached-above-prompt",
        "cached_tokens exceeds prompt_tokens",
        "USE007",
        usage(lambda reported: reported | {"prompt_tokens_details": {"cached_tokens": reported["prompt_tokens"] + 1}}),
    ),
    defect("usage-zeros", "All usage counts are 0", "USE008", usage(with_fields(**counts(0, 0, 0)))),
    defect("usage-over-the-cap", "completion_tokens far exceeds the requested token cap", "USE009", usage(raised)),
    defect(
        "usage-of-one-prompt-token",
        "prompt_tokens is always 1",
        "USE010",
        usage(lambda reported: reported | counts(1, reported["completion_tokens"], 1 + reported["completion_tokens"])),
    ),
    defect(
        "usage-of-the-last-step",
        "completion_tokens is always 1",
        "USE011",
        usage(lambda reported: reported | counts(reported["prompt_tokens"], 1, reported["prompt_tokens"] + 1)),
    ),
    defect(
        "usage-chunk-twice",
        "The usage chunk is sent twice",
        "USE004",
        on_stream(lambda chunks: [*chunks, chunks[-1]] if chunks[-1].get("usage") else chunks),
    ),
    defect(
        "usage-null-at-the-end",
        "The last chunk has no choices, and usage is null",
        "USE001",
        each_chunk(with_fields(usage=None), lambda chunk: not chunk["choices"]),
    ),
    Mutation(
        name="usage-never-told-beside-tools",
        title="A stream with tools lacks the requested usage",
        caught_by="USE001",
        on_request=dropping("stream_options", where=holds("tools", list)),
    ),
)


def by_choices(*, prompt: bool) -> OnResponse:
    """The prompt counted once per choice, or the completion for one choice only."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        n = request.json.get("n") if request.api == "chat" and isinstance(request.json, dict) else None
        if not isinstance(n, int) or n < 2:
            return response

        def edit(reported: Body) -> Body:
            one = reported["prompt_tokens"] * (n if prompt else 1)
            other = reported["completion_tokens"] // (1 if prompt else n)
            return reported | counts(one, other, one + other)

        return usage(edit)(response, request)

    return change


def counting_down(chunks: list[Body]) -> list[Body]:
    """Usages that decrease from chunk to chunk."""
    reported = chunks[-1].get("usage")
    if not reported:
        return chunks
    left = range(len(chunks) - 1, -1, -1)
    usages = [reported | counts(reported["prompt_tokens"], n, reported["prompt_tokens"] + n) for n in left]
    return [chunk | {"usage": usage} for chunk, usage in zip(chunks, usages, strict=True)]


def two_more(reported: Body) -> Body:
    """Two completion tokens too many."""
    return reported | counts(reported["prompt_tokens"], reported["completion_tokens"] + 2, reported["total_tokens"] + 2)


def with_usage_option(body: Body) -> Body:
    """A body that requests usage."""
    return body | {"stream_options": {"include_usage": True}}


def enlarged(reported: Body) -> Body:
    """A hundred thousand prompt tokens more."""
    return reported | counts(
        reported["prompt_tokens"] + 100_000, reported["completion_tokens"], reported["total_tokens"] + 100_000
    )


COMPARED_DEFECTS = (
    defect("usage-of-two-tokens-more", "completion_tokens is two too high", "USE012", usage(two_more)),
    defect("usage-of-one-choice", "With n > 1, the usage counts one choice", "USE013", by_choices(prompt=False)),
    defect(
        "usage-of-a-prompt-a-choice",
        "With n > 1, the usage counts the prompt once per choice",
        "USE014",
        by_choices(prompt=True),
    ),
    defect("usage-shrinking", "Every chunk has a usage, with decreasing counts", "USE015", on_stream(counting_down)),
    defect(
        "usage-left-out-of-chunks",
        "Chunks before the last lack `usage: null`, though usage was requested",
        "USE016",
        each_chunk(without_fields("usage"), lambda chunk: chunk.get("usage") is None),
    ),
    Mutation(
        name="usage-unasked",
        title="A stream has a usage chunk with empty choices, though none was requested",
        caught_by="USE017",
        on_request=rewriting(
            with_usage_option, lambda request: streaming(request) and "stream_options" not in request.json
        ),
    ),
    defect(
        "usage-of-a-larger-prompt",
        "prompt_tokens is far above what the request can have",
        "USE018",
        usage(enlarged),
    ),
)
"""Defects that show in comparison with another count: logprobs, the cap, the baseline request, the previous chunk."""
