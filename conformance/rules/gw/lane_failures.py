"""Gateways that translate: errors and token usage of an upstream of another API."""

from collections.abc import Iterator
from typing import Final

from conformance.apis.errors import error_response, one_line
from conformance.apis.evidence import missing_part
from conformance.apis.request import request_body
from conformance.apis.response_content import response_content
from conformance.apis.specs import spec
from conformance.apis.token_counts import Usage
from conformance.apis.usage import usage
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import CONVERSATIONAL, Api
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import parse_json
from conformance.parsing.json_values import Object, as_object
from conformance.rules.example import answered, completion, error
from conformance.rules.gw.answers import sound, undecoded
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import both
from conformance.rules.gw.lane_conditions import NOTHING, SAME, generations, has_failed, path_api, reply_lane
from conformance.rules.gw.lane_example import BY_CHAT, BY_MESSAGES, PROBE, at, messages_by_chat
from conformance.rules.msg.example import BASELINE_RESPONSE as MESSAGE

ERRORS_SPEC: Final = "https://platform.claude.com/docs/en/api/errors"
STOP_REASONS: Final = "https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons"
USAGE_SPEC: Final = "https://platform.claude.com/docs/en/api/messages/create"

OVERLOADED: Object = {"type": "error", "error": {"type": "overloaded_error", "message": "Later."}}


def _after_failure(client: Object, status: int = 200) -> tuple[Exchange, ...]:
    """A chat upstream that failed, and what a Messages client got."""
    return both(
        at("messages", answered(client, status=status, body=BY_MESSAGES, probe=f"messages.{PROBE}")),
        at("chat", answered(error(), status=500, body=BY_CHAT, probe=f"chat.{PROBE}")),
    )


@rule(
    "GW134",
    MUST,
    "The failure of an upstream of another API stays a failure",
    spec=ERRORS_SPEC,
    fix="Translate errors, response.failed and broken streams into an error of the client's API, in the status or as an "
    "error event; never into a response that ends well.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[_after_failure(OVERLOADED, 529)],
    bad=[_after_failure(MESSAGE | {"content": []})],
)
def failure_told_as_answer(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The agent treats nothing, or half a response, as complete: it goes on with it, and nothing retries."""
    last = next(reversed(generations(upstream)), None)
    if last is None or last.api == x.api:
        yield NOTHING if last is None else SAME
        return
    why = "it sent an error" if has_failed(last) else missing_part(last)
    if not why or last.ending.how == "hung-up":
        yield not_applicable("the upstream's response is complete")
        return
    is_whole = 200 <= reply(x).status < 300 and not has_failed(x) and not missing_part(x)
    if is_whole and x.ending.how != "hung-up":
        ends = ", ".join(finish for choice in response_content(x).choices for finish in choice.finishes)
        yield Finding(
            f"the upstream failed ({why}), and the client got a response that ends with "
            f"{one_line(ends, 40) or 'no error'}",
            expected=f"an error of {spec(x.api).title}",
        )


@rule(
    "GW141",
    MUST,
    "A complete response of an upstream of another API arrives complete",
    spec=STOP_REASONS,
    fix="Translate every legal response, also one that is incomplete, refused, or made of calls alone; an error is only for "
    "an upstream that failed.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat()],
    bad=[messages_by_chat(client=OVERLOADED, status=500), messages_by_chat(client="")],
)
def answer_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The upstream bills the response, and the client has none: it retries.

    Arguments that are not JSON can't be reported in every API; an error says so, and a stream that breaks off does not.
    """
    last = next(reversed(generations(upstream)), None)
    if last is None or last.api == x.api:
        yield NOTHING if last is None else SAME
        return
    is_broken = _has_broken_arguments(last)
    if last.ending.how == "hung-up" or x.ending.how in ("hung-up", "timeout"):
        yield untestable(f"one side did not wait for the response: {x.ending.how}, {last.ending.how} upstream")
    elif why := sound(last):
        yield not_applicable(why)
    elif x.case.kind is Kind.GATEWAY_FAULT and not is_broken:
        yield not_applicable("the upstream's response has a defect")
    elif has_failed(x) and not is_broken:
        yield Finding(f"the client got an error (HTTP {reply(x).status})", expected="the response")
    elif has_failed(x):
        return
    elif hidden := undecoded(x):
        yield hidden
    elif lack := missing_part(x):
        yield Finding(f"the client's response is not complete: {lack}", expected="the response, or an error event")


def _has_broken_arguments(x: Exchange) -> bool:
    """Whether a call can't be reported in an API whose arguments are an object."""
    arguments = (call.arguments for choice in response_content(x).choices for call in choice.calls)
    return any(text.strip() and not isinstance(parse_json(text.encode("utf-8", "replace")), dict) for text in arguments)


@rule(
    "GW135",
    MUST,
    "Token usage of an upstream of another API arrives with the same counts",
    spec=USAGE_SPEC,
    fix="Carry usage over in both modes and for every ending: prompt_tokens includes cached tokens, input_tokens of "
    "Messages does not.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat()],
    bad=[
        messages_by_chat(client=MESSAGE | {"usage": {"input_tokens": 9, "output_tokens": 3}}),
        messages_by_chat(client={name: value for name, value in MESSAGE.items() if name != "usage"}),
    ],
)
def usage_changed(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The client's own accounts, limits and budgets count tokens that were not billed, or none at all."""
    answered_by = reply_lane(x, upstream)
    if isinstance(answered_by, NotJudged):
        yield answered_by
        return
    mine, theirs = usage(x), usage(answered_by)
    if theirs is None or (mine is None and not _always_counts(x)):
        yield not_applicable("the upstream sent no usage" if theirs is None else "the client did not ask for usage")
    elif mine is None:
        yield Finding("the upstream sent usage, and the client got none", expected=_shown(theirs))
    elif _counts(mine) not in (_counts(theirs), _sum(upstream)):
        yield Finding(f"usage arrived as {_shown(mine)}", expected=_shown(theirs))


def _always_counts(x: Exchange) -> bool:
    """Whether every response of the client's kind has usage; a chat client asks for it in streams."""
    options = as_object(request_body(x).get("stream_options"))
    return x.api != "chat" or x.mode == "unary" or options.get("include_usage") is True


def _counts(found: Usage) -> tuple[int, ...]:
    """What is billed: tokens of input, of output, and those of the input that came from a cache."""
    return found.prompt, found.completion, found.cached


def _sum(upstream: tuple[Exchange, ...]) -> tuple[int, ...]:
    """The usage of all attempts together, as some gateways account for them."""
    found = (_counts(counted) for arrived in upstream if (counted := usage(arrived)))
    return tuple(map(sum, zip(*found, strict=True)))


def _shown(found: Usage) -> str:
    cached = f" ({found.cached} cached)" if found.cached else ""
    return f"{found.prompt} tokens of input{cached} and {found.completion} of output"


@rule(
    "GW136",
    SHOULD,
    "Token usage is the upstream's, asked for where that is needed, and not an estimate",
    spec="https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options",
    fix="Send stream_options.include_usage to chat upstreams in streams for clients whose API always has usage; where the "
    "upstream sends none, report 0 or nothing.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat()],
    bad=[messages_by_chat(upstream={name: value for name, value in completion().items() if name != "usage"})],
)
def usage_estimated(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """An estimate looks like a bill: costs are computed from it, and differ from what is paid."""
    answered_by = reply_lane(x, upstream)
    if isinstance(answered_by, NotJudged):
        yield answered_by
        return
    options = as_object(request_body(answered_by).get("stream_options"))
    is_unasked = answered_by.api == "chat" and answered_by.mode == "stream" and not options.get("include_usage")
    if is_unasked and _always_counts(x):
        yield Finding("the client's API has usage in every stream, and the gateway did not ask the upstream for it")
    mine = usage(x)
    if usage(answered_by) is None and mine and (mine.prompt or mine.completion):
        yield Finding(f"the upstream sent no usage, and the client got {_shown(mine)}", expected="no counts, or 0")


FORMS: Final[dict[Api, tuple[str, ...]]] = {
    "chat": ("openai",),
    "messages": ("anthropic",),
    "responses": ("openai", "event"),
}
"""The forms of an error in each API; an event of Responses has no envelope."""


@rule(
    "GW137",
    SHOULD,
    "An error of an upstream of another API has the form of the client's API",
    spec=ERRORS_SPEC,
    fix="Write the upstream's error in the envelope of the client's API, with its status, message, and Retry-After.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[_after_failure(OVERLOADED, 529)],
    bad=[_after_failure(error("Later.", "rate_limit_error"), 429)],
)
def error_in_another_form(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """SDKs find no type, code or param, so that programs can't tell one error from another.

    They retry by the status, and show the body as it is. Inside a stream, anthropic-python skips an error event of
    another name, so that the response breaks off without a reason. What is no error object at all is for GW064.
    """
    last = next(reversed(generations(upstream)), None)
    error = error_response(x)
    if last is None or path_api(last) == x.api:
        yield NOTHING if last is None else SAME
        return
    if not (error and has_failed(last)):
        yield not_applicable("the upstream sent no error, or the client got none")
    elif error.form not in FORMS[x.api]:
        yield Finding(
            f"the error has the form {error.form}", at=error.at, expected=f"the error object of {spec(x.api).title}"
        )
