"""Cached tokens: counted once, and read where they were written."""

from collections.abc import Iterator
from typing import Final

from conformance.apis.chat import span_of
from conformance.apis.usage import reports, usage
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE, Api
from conformance.parsing.json_values import as_object, is_integer
from conformance.rules.example import answered, completion
from conformance.rules.msg.example import BASELINE_RESPONSE
from conformance.rules.use.conditions import counted_well
from conformance.rules.use.example import usage_object

CACHING: Final = "https://platform.openai.com/docs/guides/prompt-caching"
MARKING: Final = "https://platform.claude.com/docs/en/build-with-claude/prompt-caching"
MESSAGES: Final[tuple[Api, ...]] = ("messages",)
LEAST: Final = 64
"""Tokens; vendors cache prefixes in blocks of at least as many, and no date in a chat template is as long.

The prompts must differ by the cached tokens: those that a router sends to two tokenizers differ otherwise.
"""
FIRST: Final = {"first": Compare(Kind.CACHE)}


def _again(x: Exchange) -> NotJudged | None:
    """The second of two equal requests, whose usage has valid counts."""
    return counted_well(x) if x.case.kind is Kind.CACHE and x.case.repeat else OUT_OF_SCOPE


def _chat(prompt: int, cached: int, probe: str = "chat.cache.again") -> Exchange:
    counts = usage_object(prompt, 3, prompt + 3, prompt_tokens_details={"cached_tokens": cached})
    return answered(completion(usage=counts), probe=probe)


def _message(fresh: int, written: int, read: int, probe: str = "messages.cache.again") -> Exchange:
    counts = {"input_tokens": fresh, "cache_creation_input_tokens": written, "cache_read_input_tokens": read}
    return answered(BASELINE_RESPONSE | {"usage": counts | {"output_tokens": 3}}, probe=probe)


@rule(
    "USE019",
    MUST,
    "Cached tokens are counted once: two equal requests have prompts of the same length",
    spec=CACHING,
    fix="Count cached tokens in prompt_tokens and input_tokens; on Messages in cache_read_input_tokens alone.",
    applies_to=_again,
    apis=GENERATIVE,
    modes=("unary",),
    compares_with=FIRST,
    good=[
        (_chat(1500, 1408), _chat(1500, 0, "chat.cache")),
        (_message(20, 0, 1480), _message(20, 1480, 0, "messages.cache")),
    ],
    bad=[
        (_chat(92, 1408), _chat(1500, 0, "chat.cache")),
        (_chat(2908, 1408), _chat(1500, 0, "chat.cache")),
        (_message(1500, 0, 1480), _message(20, 1480, 0, "messages.cache")),
    ],
)
def cached_tokens_counted_otherwise(x: Exchange, first: Exchange) -> Iterator[Finding | NotJudged]:
    """Bills are computed from these counts: cached tokens are paid twice, or the context limit is reached unnoticed."""
    now, before = usage(x), usage(first)
    if not now or not before:
        yield untestable("usage is missing in one of the compared responses")
        return
    cached, apart = abs(now.cached - before.cached), abs(now.prompt - before.prompt)
    if cached < LEAST:
        yield not_applicable("the usage of both requests counts the same cached tokens")
    elif abs(apart - cached) < LEAST:
        counts = f"{before.prompt} prompt tokens with {before.cached} cached ones, and {now.prompt} with {now.cached}"
        yield Finding(f"usage counts for two equal requests {counts}", at=span_of(x))


def _written(x: Exchange) -> int:
    """The tokens that a message wrote to the cache."""
    counts = [as_object(report.value).get("cache_creation_input_tokens") for report in reports(x)]
    return max((int(count) for count in counts if is_integer(count)), default=0)


@rule(
    "USE020",
    SHOULD,
    "A prefix that was written to the cache is read from it by the next equal request",
    spec=MARKING,
    fix="Route requests with the same prefix to the same replica, and pass cache_control on unchanged.",
    applies_to=_again,
    apis=MESSAGES,
    modes=("unary",),
    compares_with=FIRST,
    good=[(_message(20, 0, 1480), _message(20, 1480, 0, "messages.cache"))],
    bad=[(_message(20, 1480, 0), _message(20, 1480, 0, "messages.cache"))],
)
def prefix_written_again(x: Exchange, first: Exchange) -> Iterator[Finding | NotJudged]:
    """Writing costs more than not caching: an agent that marks its prompts pays a quarter more for each turn."""
    now = usage(x)
    if not _written(first):
        yield not_applicable("the first request wrote nothing to the cache")
    elif _written(x) and now and not now.cached:
        seen = f"the second of two equal requests wrote {_written(x)} tokens to the cache, and read none"
        yield Finding(seen, at=span_of(x))
