"""Usage, model, metadata and errors of a stream, compared with the non-streaming response."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import distinct_values, span_of
from conformance.apis.errors import ErrorResponse, error_response
from conformance.apis.request import request_body
from conformance.apis.response_content import response_content
from conformance.apis.usage import usage
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MAY, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import GENERATIVE, WITH_CHOICES
from conformance.parsing.json_values import display
from conformance.rules.eqv.conditions import alike, counted, documented_with_content
from conformance.rules.eqv.example import STREAM, UNARY, stream, unary, usage_object
from conformance.rules.eqv.spec import CHUNK, ERRORS, USAGE
from conformance.rules.err.mistakes import mistaken
from conformance.rules.example import HELLO, answered, chunk, completion, error, streamed

PROMPT = ("messages", "prompt", "suffix", "system", "input", "instructions", "tools", "response_format", "text")
"""The fields of a request that the model reads, in any API."""
SPECIAL = 3
"""Tokens that start or end a turn: some servers count them, none shows them."""


@rule(
    "EQV005",
    SHOULD,
    "Usage counts the same prompt tokens, streaming or not",
    spec=USAGE,
    fix="Count the prompt in one place, cached tokens included, before branching on `stream`.",
    applies_to=counted,
    apis=GENERATIVE,
    good=[(STREAM, UNARY)],
    bad=[(stream(usage=usage_object(prompt=9)), UNARY), (STREAM, unary(usage=usage_object(prompt=0)))],
)
def prompt_counted_otherwise(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """The same request has two prices, and clients compute two different sizes of the remaining context.

    Counting is deterministic: equal prompts have equal counts. Cached tokens are part of the prompt.
    """
    late, whole = usage(stream), usage(unary)
    if any(request_body(stream).get(name) != request_body(unary).get(name) for name in PROMPT):
        yield not_applicable("the framework sends a different prompt when streaming")
    elif late and whole and late.prompt != whole.prompt:
        yield Finding(
            f"usage counts {late.prompt} prompt tokens streaming and {whole.prompt} non-streaming", at=span_of(stream)
        )


@rule(
    "EQV006",
    SHOULD,
    "Usage counts the same completion tokens for the same content, streaming or not",
    spec=USAGE,
    fix="Take completion_tokens from the engine in both modes, instead of counting chunks.",
    applies_to=counted,
    apis=GENERATIVE,
    good=[(STREAM, UNARY), (stream(usage=usage_object(words=4)), UNARY)],
    bad=[
        (stream(usage=usage_object(words=9)), UNARY),
        (stream(usage=usage_object(words=1)), unary(usage=usage_object(words=8))),
    ],
)
def completion_counted_otherwise(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """The same content has two prices. Three tokens more or fewer are allowed: some servers count end-of-turn tokens."""
    late, whole = usage(stream), usage(unary)
    if skip := alike(stream, unary):
        yield skip
    elif _thinks(stream) or _thinks(unary):
        yield not_applicable("the response has reasoning")
    elif late and whole and abs(late.completion - whole.completion) > SPECIAL:
        seen = f"usage counts {late.completion} completion tokens streaming and {whole.completion} non-streaming"
        yield Finding(f"{seen}, for the same content", at=span_of(stream))


def _thinks(x: Exchange) -> bool:
    spent = usage(x)
    is_counted = spent is not None and spent.reasoning > 0
    return is_counted or any(choice.reasoning for choice in response_content(x).choices)


@rule(
    "EQV007",
    SHOULD,
    "model is the same, streaming or not",
    spec=f"{CHUNK}#chat/streaming-model",
    fix="Set model from the same source in both modes.",
    applies_to=documented_with_content,
    apis=GENERATIVE,
    good=[(STREAM, UNARY), (streamed(*HELLO[:-1]), UNARY)],
    bad=[(streamed(*(chunk({"content": t}, model="gpt") for t in ("Hi", "!"))), UNARY)],
)
def another_model(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """Costs and logs are keyed by model: the same usage is booked under two names, or under one without a price."""
    late, whole = response_content(stream).models, response_content(unary).models
    if not late or not whole:
        yield not_applicable("one of the responses has no model")
    elif not {*late} & {*whole}:
        yield Finding(
            f"model is {display(late[0])} streaming and {display(whole[0])} non-streaming", at=span_of(stream)
        )


OF_THE_SYSTEM = ("system_fingerprint", "service_tier")
MARKED = answered(completion(system_fingerprint="fp_1"))


@rule(
    "EQV008",
    MAY,
    "system_fingerprint and service_tier are sent in both modes, or in neither",
    spec=f"{CHUNK}#chat/streaming-system_fingerprint",
    fix="Send system_fingerprint and service_tier in both modes, or in neither.",
    applies_to=documented_with_content,
    apis=WITH_CHOICES,
    good=[(STREAM, UNARY), (streamed(chunk({"content": "Hi"}, system_fingerprint="fp_2")), MARKED)],
    bad=[(STREAM, MARKED), (streamed(chunk({"content": "Hi"}, service_tier="flex")), UNARY)],
)
def fingerprint_in_one_mode(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """Clients that compare system_fingerprint, or verify the billed service_tier, can do so in one mode only."""
    for name in OF_THE_SYSTEM:
        late, whole = distinct_values(stream, name), distinct_values(unary, name)
        if bool(late) != bool(whole):
            where = "the stream" if late else "the non-streaming response"
            yield Finding(f"{name} is sent only in {where}", at=span_of(stream))


ROLE: dict[str, Any] = {"probe": "chat.mistake.bad-role"}


def _refusing(x: Exchange) -> NotJudged | None:
    if skip := mistaken(x):
        return skip
    error = error_response(x)
    is_early = 400 <= error.status < 500 and error.has_error_object
    return None if is_early else not_applicable("the invalid request was not rejected with a 4xx and an error object")


@rule(
    "EQV004",
    SHOULD,
    "An invalid request gets the same error type, code and param, streaming or not",
    spec=ERRORS,
    fix="Validate the request, and build the error, in one place for both modes.",
    applies_to=_refusing,
    apis=GENERATIVE,
    good=[
        (answered(error(param="p"), status=400, mode="stream", **ROLE), answered(error(param="p"), status=400, **ROLE))
    ],
    bad=[
        (
            answered(error(), status=400, mode="stream", **ROLE),
            answered(error(param="messages[0].role", code="invalid_value"), status=400, **ROLE),
        )
    ],
)
def refused_in_other_words(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """A client that acts on an error's type, code or param does not recognise the error in the other mode."""
    late, early = error_response(stream), error_response(unary)
    for name in ("type", "param", "code"):
        if _word(late, name) != _word(early, name):
            seen = f"error.{name} is {_word(late, name)} streaming and {_word(early, name)} non-streaming, for the same invalid request"
            yield Finding(seen, at=late.at)


def _word(error: ErrorResponse, name: str) -> str:
    return display(error.error.get(name))
