"""The text and end of a stream, compared with the non-streaming response."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import span_of
from conformance.apis.errors import error_response, is_verdict_on_request, quoted
from conformance.apis.evidence import unanswered_reason
from conformance.apis.response_content import response_content
from conformance.field_support.capability import effect_shown
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange, Span
from conformance.model.rule import rule
from conformance.model.verdict import OUT_OF_SCOPE, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import display
from conformance.rules.conditions import OK, all_of, mode_supported, not_rejected_for_other_reasons, readable
from conformance.rules.eqv.conditions import alike, answered, valid_request
from conformance.rules.eqv.example import STREAM, TWIN, UNARY, stream, unary
from conformance.rules.eqv.spec import CHOICES, CREATE
from conformance.rules.example import HELLO, completion, error, streamed
from conformance.rules.example import answered as replied_with


@rule(
    "EQV001",
    SHOULD,
    "The same content has the same finish_reason, streaming or not",
    spec=CHOICES,
    fix="Take finish_reason from the engine in both modes, instead of ending every stream with `stop`.",
    applies_to=answered,
    apis=GENERATIVE,
    good=[(STREAM, UNARY), (stream(finish="length"), unary(finish="length"))],
    bad=[(STREAM, unary(finish="length")), (stream(finish="length"), UNARY)],
)
def another_finish_reason(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """An agent requests a continuation, or runs its tools, in one mode but not in the other."""
    if skip := alike(stream, unary):
        yield skip
        return
    for late, whole in zip(response_content(stream).choices, response_content(unary).choices, strict=True):
        if late.finish and whole.finish and late.finish != whole.finish:
            seen = f"finish_reason is {display(late.finish)} streaming and {display(whole.finish)} non-streaming, for the same content"
            yield Finding(seen, at=span_of(stream))


def _twin(x: Exchange) -> NotJudged | None:
    return answered(x) if x.case.kind is Kind.REPEAT and not x.case.repeat else OUT_OF_SCOPE


STREAM_WORDS, UNARY_WORDS = stream("One, two", "length", **TWIN), unary("One, two", "length", **TWIN)


@rule(
    "EQV002",
    SHOULD,
    "The content is the same at temperature 0, streaming or not",
    spec=f"{CREATE}#chat-create-temperature",
    fix="Build the prompt, the sampling parameters and the content in one place for both modes.",
    applies_to=_twin,
    compares_with={"again": Compare(Kind.REPEAT, repeat=1, mode="unary")},
    apis=GENERATIVE,
    good=[(STREAM_WORDS, UNARY_WORDS, UNARY_WORDS)],
    bad=[
        (stream("One two", "length", **TWIN), UNARY_WORDS, UNARY_WORDS),
        (stream("One", **TWIN), UNARY_WORDS, UNARY_WORDS),
    ],
)
def another_text(stream: Exchange, unary: Exchange, again: Exchange) -> Iterator[Finding | NotJudged]:
    """One of the two code paths loses a field, a message or a space; tests of one mode do not cover the other."""
    mine, whole, twice = (tuple(choice.text for choice in response_content(x).choices) for x in (stream, unary, again))
    if skip := answered(again):
        yield skip
    elif not any(whole):
        yield untestable("the non-streaming response has no content")
    elif whole != twice:
        yield untestable("two non-streaming responses differ at temperature 0")
    elif mine != whole:
        seen = f"the stream has the content {display(''.join(mine))}, but two non-streaming responses have {display(''.join(whole))}"
        yield Finding(seen, at=span_of(stream))


def _open(x: Exchange) -> NotJudged | None:
    return all_of(valid_request, mode_supported, not_rejected_for_other_reasons, readable)(x)


def _fate(x: Exchange) -> tuple[str, str]:
    """The result of the request (`works`, `fails`, or empty if unknown), and its description."""
    answered_well, refused = reply(x).status in OK, error_response(x)
    if refused:
        return (
            "fails" if is_verdict_on_request(refused) else "",
            f"rejected the request with HTTP {refused.status} {quoted(refused.message)}",
        )
    if not answered_well or unanswered_reason(x):
        return "", ""
    found = effect_shown(x)
    if found is None:
        return "works", "accepted the request"
    name, sight = found
    if sight.state in ("dropped", "announced"):
        return "fails", f"ignored `{name}`"
    return ("works", f"honoured `{name}`") if sight.state == "honoured" else ("", "")


LOGPROBS: dict[str, Any] = {"probe": "chat.witness.logprobs", "body": {"logprobs": True, "top_logprobs": 1}}
NO_LOGPROBS = replied_with(error("No logprobs.", param="logprobs"), status=400, mode="stream", **LOGPROBS)
ENTRY = {"token": "Hi", "logprob": -0.1, "top_logprobs": [{"token": "Hi", "logprob": -0.1}]}
LOGGED = replied_with(completion(choices=[completion()["choices"][0] | {"logprobs": {"content": [ENTRY]}}]), **LOGPROBS)


@rule(
    "EQV003",
    SHOULD,
    "A request that works in one mode works in the other",
    spec=CREATE,
    fix="Parse and validate the request in one place, before branching on `stream`.",
    applies_to=_open,
    apis=GENERATIVE,
    good=[(STREAM, UNARY), (NO_LOGPROBS, replied_with(error(param="logprobs"), status=400, **LOGPROBS))],
    bad=[
        (NO_LOGPROBS, LOGGED),
        (streamed(*HELLO, **LOGPROBS), LOGGED),
        (STREAM, replied_with(error("No tools."), status=400)),
    ],
)
def works_in_one_mode(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """One of the two code paths loses a field that the other one implements; tests of one mode do not cover the other."""
    (late, how_late), (whole, how_whole) = _fate(stream), _fate(unary)
    if not late or not whole:
        yield untestable("the result of the request is not known in both modes")
    elif late != whole:
        yield Finding(f"streaming, the target {how_late}; non-streaming, it {how_whole}", at=_whole(stream))


def _whole(x: Exchange) -> Span:
    return reply(x).locate(0, len(reply(x).content)) if reply(x).content else reply(x).head


REPLAY: dict[str, Any] = {"probe": "chat.tools.replay"}


def _replayed(x: Exchange) -> NotJudged | None:
    """A history with tool results got a complete response."""
    return answered(x) if x.case.kind is Kind.REPLAY else OUT_OF_SCOPE


def _is_nothing(x: Exchange) -> bool:
    """Whether a response ended by itself, with nothing for a user or an agent; reasoning until the cap is no such end."""
    choices = response_content(x).choices
    return bool(choices) and all(choice.is_empty and choice.end != "length" for choice in choices)


@rule(
    "EQV009",
    SHOULD,
    "The response to a history with tool results is not empty in both modes",
    spec=CREATE,
    fix="Render tool calls and results with the model's own chat template, and check what it generates after them.",
    applies_to=_replayed,
    compares_with={"baseline": Compare(Kind.BASELINE, mode="unary")},
    apis=GENERATIVE,
    good=[(stream(**REPLAY), unary(**REPLAY), UNARY), (stream("", **REPLAY), unary(**REPLAY), UNARY)],
    bad=[(stream("", **REPLAY), unary("", **REPLAY), UNARY)],
)
def nothing_after_tool_results(stream: Exchange, unary: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """The tool has run, and the agent's user sees nothing: a broken chat template shows only on the second turn.

    A model may end its turn at once, so one empty response of the two is accepted.
    """
    if answered(baseline) or _is_nothing(baseline):
        yield untestable("the baseline request has no complete response with content")
    elif _is_nothing(stream) and _is_nothing(unary):
        yield Finding("the response to a history with tool results is empty in both modes", at=span_of(stream))
