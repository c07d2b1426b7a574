"""Defects in how usage counts cached tokens: of every other request with a long prefix."""

from collections.abc import Callable
from dataclasses import replace

from conformance.model.marker_words import CACHED_PREFIX
from conformance.testbed.mutations.mutate_chat import Body, defect
from conformance.testbed.server.reply import ModelResponse, OnResponse, ServerRequest

CACHED = 1024
"""Tokens of a prefix that is cached."""
Count = Callable[[Body, bool], Body]
"""Changes a usage; the flag says whether the prefix was cached before."""


def counting(of_chat: Count | None = None, of_messages: Count | None = None) -> OnResponse:
    """Count the cached tokens of a request with a long prefix: each second one finds it in the cache."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        count = {"chat": of_chat, "messages": of_messages}.get(request.api or "")
        if count is None or CACHED_PREFIX.encode() not in request.body or response.status >= 400 or not response.whole:
            return response
        is_known = request.id[-1:] in "13579"  # ids are numbered: of two requests in a row, one is odd
        return replace(response, whole=response.whole | {"usage": count(response.whole["usage"], is_known)})

    return change


def in_details(usage: Body, is_known: bool) -> Body:  # noqa: FBT001 - the flag of Count
    """Cached tokens are a part of the prompt's."""
    return usage | {"prompt_tokens_details": {"cached_tokens": CACHED if is_known else 0}}


def left_out(usage: Body, is_known: bool) -> Body:  # noqa: FBT001
    """Cached tokens are not counted in the prompt."""
    fewer = CACHED if is_known else 0
    fresh = {name: usage[name] - fewer for name in ("prompt_tokens", "total_tokens")}
    return in_details(usage, is_known) | fresh


def written(usage: Body, is_known: bool) -> Body:  # noqa: FBT001
    """A prefix is written to the cache, and read the next time."""
    counts = {"cache_creation_input_tokens": 0 if is_known else CACHED, "cache_read_input_tokens": CACHED * is_known}
    return usage | counts | {"input_tokens": usage["input_tokens"] - CACHED}


def never_read(usage: Body, _is_known: bool) -> Body:  # noqa: FBT001
    """A prefix is written to the cache each time."""
    return written(usage, is_known=False)


DEFECTS = (
    defect(
        "cached-tokens-left-out",
        "prompt_tokens does not count the cached tokens of every other request",
        "USE019",
        counting(of_chat=left_out),
    ),
    defect(
        "prefix-written-each-time",
        "A marked prefix is written to the cache by each request, and read by none",
        "USE020",
        counting(of_messages=never_read),
    ),
)
