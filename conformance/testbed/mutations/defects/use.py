"""Defects in the usage that the chat API tells."""

from typing import Any

from conformance.testbed.mutations.mutate_chat import Body, each_chunk, less, more, on_stream, on_whole, planted, usage
from conformance.testbed.mutations.mutate_requests import dropping, holds
from conformance.testbed.server.reply import Answer, Asked, Change, OnAnswer


def told_everywhere(chunks: list[Body]) -> list[Body]:
    """The usage of the last chunk on every chunk."""
    told = chunks[-1].get("usage")
    return [chunk | {"usage": told} for chunk in chunks] if told else chunks


def told_with_the_end(chunks: list[Body]) -> list[Body]:
    """The usage in the chunk with the finish_reason, and no chunk of its own."""
    told = chunks[-1].get("usage")
    if not told:
        return chunks
    *before, last = chunks[:-1]
    return [*before, last | {"usage": told}]


def counts(prompt: Any, completion: Any, total: Any) -> dict[str, Any]:
    """The three counts of a usage."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


def raised(told: Body) -> Body:
    """A thousand completion tokens more."""
    return told | counts(told["prompt_tokens"], told["completion_tokens"] + 1000, told["total_tokens"] + 1000)


USAGE_DEFECTS = (
    planted(
        "usage-never-told",
        "A stream does not tell the usage that it was asked for",
        "USE001",
        on_stream(lambda chunks: [less("usage")(chunk) for chunk in chunks if chunk["choices"]]),
    ),
    planted(
        "usage-as-text",
        "The counts of the usage are texts",
        "USE002",
        usage(lambda told: told | counts(*(str(told[name]) for name in counts(0, 0, 0)))),
    ),
    planted(
        "usage-sum-wrong",
        "The total is not the sum",
        "USE003",
        usage(lambda told: told | {"total_tokens": told["total_tokens"] + 7}),
    ),
    planted("usage-on-every-chunk", "Every chunk tells the usage", "USE004", on_stream(told_everywhere)),
    planted(
        "usage-with-finish",
        "The usage comes in the chunk with the finish_reason",
        "USE005",
        on_stream(told_with_the_end),
    ),
    planted("usage-missing-from-whole", "A whole answer has no usage", "USE006", on_whole(less("usage"))),
    planted(
        "usage-cached-above-prompt",
        "More tokens were cached than the prompt has",
        "USE007",
        usage(lambda told: told | {"prompt_tokens_details": {"cached_tokens": told["prompt_tokens"] + 1}}),
    ),
    planted("usage-zeros", "The usage counts nothing", "USE008", usage(more(**counts(0, 0, 0)))),
    planted("usage-over-the-cap", "The usage counts far more tokens than the request allowed", "USE009", usage(raised)),
    planted(
        "usage-of-one-prompt-token",
        "The usage counts one prompt token, however long the prompt",
        "USE010",
        usage(lambda told: told | counts(1, told["completion_tokens"], 1 + told["completion_tokens"])),
    ),
    planted(
        "usage-of-the-last-step",
        "The usage counts one completion token, however long the answer",
        "USE011",
        usage(lambda told: told | counts(told["prompt_tokens"], 1, told["prompt_tokens"] + 1)),
    ),
    planted(
        "usage-null-at-the-end",
        "The last chunk has no choices, and usage null",
        "USE001",
        each_chunk(more(usage=None), lambda chunk: not chunk["choices"]),
    ),
    Change(
        name="usage-never-told-beside-tools",
        title="A stream does not tell the usage beside tools",
        caught_by="USE001",
        asked=dropping("stream_options", where=holds("tools", list)),
    ),
)


def by_choices(*, prompt: bool) -> OnAnswer:
    """The prompt counted for each choice, or the completion for one choice alone."""

    def change(answer: Answer, asked: Asked) -> Answer:
        n = asked.json.get("n") if asked.api == "chat" and isinstance(asked.json, dict) else None
        if not isinstance(n, int) or n < 2:
            return answer

        def edit(told: Body) -> Body:
            one = told["prompt_tokens"] * (n if prompt else 1)
            other = told["completion_tokens"] // (1 if prompt else n)
            return told | counts(one, other, one + other)

        return usage(edit)(answer, asked)

    return change


def counting_down(chunks: list[Body]) -> list[Body]:
    """Usages that shrink from chunk to chunk."""
    told = chunks[-1].get("usage")
    if not told:
        return chunks
    left = range(len(chunks) - 1, -1, -1)
    usages = [told | counts(told["prompt_tokens"], n, told["prompt_tokens"] + n) for n in left]
    return [chunk | {"usage": usage} for chunk, usage in zip(chunks, usages, strict=True)]


def two_more(told: Body) -> Body:
    """Two completion tokens that nobody made."""
    return told | counts(told["prompt_tokens"], told["completion_tokens"] + 2, told["total_tokens"] + 2)


COMPARED_DEFECTS = (
    planted("usage-of-two-tokens-more", "The usage counts two tokens that nobody made", "USE012", usage(two_more)),
    planted("usage-of-one-choice", "The usage counts one of several choices", "USE013", by_choices(prompt=False)),
    planted(
        "usage-of-a-prompt-a-choice", "The usage counts the prompt for each choice", "USE014", by_choices(prompt=True)
    ),
    planted("usage-shrinking", "Every chunk tells a usage, each a smaller one", "USE015", on_stream(counting_down)),
    planted(
        "usage-left-out-of-chunks",
        "Chunks before the last have no usage where it was asked for",
        "USE016",
        each_chunk(less("usage"), lambda chunk: chunk.get("usage") is None),
    ),
)
"""Defects that show against another count: the tokens listed, the cap, the greeting, the chunk before."""
