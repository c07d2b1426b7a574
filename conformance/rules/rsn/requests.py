"""What requests ask of reasoning: effort, thinking, and the model's own reasoning sent back."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import span_of
from conformance.apis.errors import error_response, quoted
from conformance.apis.response_content import response_content
from conformance.apis.responses import output, response_states
from conformance.apis.usage import reasoning_tokens
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import all_of, mode_supported, not_rejected_for_other_reasons, probe_is, readable
from conformance.rules.conditions_by_api import finished
from conformance.rules.example import answered, completion
from conformance.rules.msg.example import BASELINE_RESPONSE as MESSAGE
from conformance.rules.msg.example import block, text
from conformance.rules.msg.example import streamed as streamed_message
from conformance.rules.rsn.conditions import has_thoughts, reasoned, shown
from conformance.rules.rsn.spec import ANTHROPIC, OPENAI
from conformance.rules.rsn.tokens import counts
from conformance.rules.rsp.example import SPOKEN
from conformance.rules.rsp.example import response as answered_response


def _with_effort(x: Exchange) -> NotJudged | None:
    if skip := probe_is(Kind.REASONING, subjects=("high",))(x):
        return skip
    return reasoned(x)


def thought(tokens: int, effort: str = "high", *, mode: Any = "unary") -> Exchange:
    """A completion with that many reasoning tokens."""
    return answered(completion(usage=counts(tokens + 3, tokens)), probe=f"chat.reasoning.{effort}", mode=mode)


def _amount(x: Exchange) -> tuple[int, str]:
    """How much the model reasoned: the counted tokens and the text."""
    return reasoning_tokens(x) or 0, shown(x)


def _is_unfinished(x: Exchange) -> bool:
    return any(choice.end == "length" or choice.is_empty for choice in response_content(x).choices)


LOW, HIGH = thought(8, "low"), thought(30)


@rule(
    "RSN008",
    SHOULD,
    "The effort of reasoning has an effect, or is rejected",
    spec=OPENAI,
    fix="Pass the effort on to the model, or reject it with an error that names it.",
    applies_to=_with_effort,
    apis=("chat", "responses"),
    compares_with={
        "low_stream": Compare(Kind.REASONING, "low", mode="stream"),
        "low_unary": Compare(Kind.REASONING, "low", mode="unary"),
    },
    good=[(HIGH, HIGH, LOW, LOW)],
    bad=[(HIGH, HIGH, thought(30, "low"), thought(30, "low"))],
)
def effort_ignored(
    stream: Exchange, unary: Exchange, low_stream: Exchange, low_unary: Exchange
) -> Iterator[Finding | NotJudged]:
    """Users pay for thoughts that they did not want, or wait in vain for better responses.

    A model may reason as long with less effort: only the same amount, to the token and in both modes, is evidence.
    """
    pairs = ((low_stream, stream), (low_unary, unary))
    if any(finished(low) or not has_thoughts(low) for low, _ in pairs):
        yield untestable("the responses with low effort have no reasoning to compare with")
    elif any(_is_unfinished(x) for pair in pairs for x in pair):
        yield untestable("the token cap ended the reasoning, or no text follows it")
    elif all(_amount(low) == _amount(high) for low, high in pairs):
        seen = f"the model reasons as much with low effort as with high: {_in_words(unary)}"
        yield Finding(f"{seen}, in both modes", at=span_of(unary))
    elif not all(_amount(low) < _amount(high) for low, high in pairs):
        yield untestable("the model does not reason more with high effort than with low in both modes: it varies")


def _in_words(x: Exchange) -> str:
    tokens, text = _amount(x)
    return f"{tokens} tokens" if tokens else f"{len(text)} characters"


def _thinking_requested(x: Exchange) -> NotJudged | None:
    if skip := probe_is(Kind.REASONING, subjects=("thinking",))(x):
        return skip
    return finished(x)


ASKED: dict[str, Any] = {"probe": "messages.reasoning.thinking"}
DEEP = {"type": "thinking", "thinking": "They greet me.", "signature": "c2ln"}
SAID = {"type": "text", "text": "Hello."}
PLAIN = (streamed_message(*text("Hello."), **ASKED), answered(MESSAGE, **ASKED))
DEEP_PAIR = (
    streamed_message(*block(DEEP), *text("Hello.", index=1), **ASKED),
    answered(MESSAGE | {"content": [DEEP, SAID]}, **ASKED),
)


@rule(
    "RSN009",
    SHOULD,
    "thinking is honoured, or rejected",
    spec=ANTHROPIC,
    fix="Return a thinking block if `thinking` is enabled, or reject that value with an error that names the field.",
    applies_to=_thinking_requested,
    apis=("messages",),
    good=[DEEP_PAIR],
    bad=[PLAIN],
)
def thinking_ignored(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """Users enable thinking for hard tasks, and get responses without it, and no error."""
    if not has_thoughts(stream) and not has_thoughts(unary):
        yield Finding("`thinking` is enabled, but no response has a thinking block, in either mode", at=span_of(unary))


def _sent_back(x: Exchange) -> NotJudged | None:
    return all_of(probe_is(Kind.REASONING_REPLAY), mode_supported, not_rejected_for_other_reasons, readable)(x)


REPLAYED: dict[str, Any] = {"probe": "messages.reasoning.replay.thinking"}
INVALID = {"type": "error", "error": {"type": "invalid_request_error", "message": "Invalid `signature`."}}


@rule(
    "RSN010",
    MUST,
    "The target's own reasoning is accepted in the next turn, sent back unchanged",
    spec=ANTHROPIC,
    fix="Pass signatures and encrypted content on unchanged, to the client and back; sign what the response contains.",
    applies_to=_sent_back,
    apis=("messages", "responses"),
    good=[answered(MESSAGE, **REPLAYED)],
    bad=[answered(INVALID, status=400, **REPLAYED)],
)
def own_thoughts_refused(x: Exchange) -> Iterator[Finding]:
    """Clients send each response back with its reasoning: from the second turn on, every request of an agent fails."""
    error = error_response(x)
    if error:
        seen = f"the response's own reasoning, sent back unchanged, is rejected with HTTP {reply(x).status}"
        yield Finding(f"{seen}: {quoted(error.message or error.text)}", at=error.at)


def _seals(x: Exchange) -> NotJudged | None:
    if skip := probe_is(Kind.REASONING, subjects=("sealed",))(x) or finished(x):
        return skip
    return None if _items(x) else not_applicable("the response has no reasoning item")


def _items(x: Exchange) -> list[dict[str, Any]]:
    states = response_states(x)
    return [item for item in output(states[-1]) if item.get("type") == "reasoning"] if states else []


ITEM = {"type": "reasoning", "id": "rs_1", "summary": []}
WANTED: dict[str, Any] = {"probe": "responses.reasoning.sealed"}


@rule(
    "RSN011",
    SHOULD,
    "include: reasoning.encrypted_content is honoured, or rejected",
    spec=OPENAI,
    fix="Put encrypted_content into each reasoning item if the request includes it, or reject the value of `include`.",
    applies_to=_seals,
    apis=("responses",),
    good=[answered_response(output=[ITEM | {"encrypted_content": "x"}, SPOKEN], **WANTED)],
    bad=[answered_response(output=[ITEM, SPOKEN], **WANTED)],
)
def unsealed_thoughts(x: Exchange) -> Iterator[Finding]:
    """Clients that let the server store nothing lose the reasoning between turns, and pay for it again."""
    if any(not item.get("encrypted_content") for item in _items(x)):
        yield Finding("a reasoning item has no encrypted_content, though the request includes it", at=span_of(x))
