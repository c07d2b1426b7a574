"""What the upstream's response says arrives at the client: nothing lost, doubled, reordered or made up."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.answer_parts import answer_parts
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable
from conformance.model.words import CONVERSATIONAL, GENERATIVE
from conformance.rules.example import HELLO, answered, chunk, completion, streamed
from conformance.rules.gw.answers import answered as answered_through
from conformance.rules.gw.answers import compared, passed_on
from conformance.rules.gw.example import ASKED, both

STREAMING = "https://platform.openai.com/docs/api-reference/chat-streaming"
OBJECT = "https://platform.openai.com/docs/api-reference/chat/object"
CALLING = "https://platform.openai.com/docs/guides/function-calling#streaming"
THINKING = "https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking"
PROBE = "chat.gateway.variant"
USUAL = answered_through(Kind.GATEWAY_FAULT)
"""Any request but those whose responses are defective upstream: a gateway may repair them."""

STREAM = ASKED | {"stream": True}


def relayed(sent: Any, got: Any) -> tuple[Exchange, ...]:
    """A completion of the upstream, and what the client got of it; both without a stream."""
    return both(answered(got, body=ASKED, probe=PROBE), answered(sent, body=ASKED, probe=PROBE))


def restreamed(sent: tuple[Any, ...], got: tuple[Any, ...]) -> tuple[Exchange, ...]:
    """The payloads of the upstream's stream, and those that the client got."""
    return both(streamed(*got, body=STREAM, probe=PROBE), streamed(*sent, body=STREAM, probe=PROBE))


def calling(arguments: str, name: str = "get_weather") -> dict[str, Any]:
    """A completion that calls a tool."""
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return completion({"content": None, "tool_calls": [call]}, finish="tool_calls")


MERGED = (chunk({"role": "assistant", "content": "Hello there."}), chunk(finish="stop"), "[DONE]")
TWO_CHOICES = tuple(
    chunk(choices=[{"index": index, "delta": {"content": "Hi."}, "finish_reason": None}]) for index in (0, 1)
)
TWO_ENDS = tuple(chunk(choices=[{"index": index, "delta": {}, "finish_reason": "stop"}]) for index in (0, 1))
HEARD = {"id": "audio_1", "data": "AAAA", "expires_at": 1_760_000_000, "transcript": "Hello there."}
CITED = [{"type": "url_citation", "url_citation": {"url": "https://example.com", "start_index": 0, "end_index": 5}}]


@rule(
    "GW030",
    MUST,
    "The text of a response arrives at the client as the upstream sent it",
    spec=STREAMING,
    fix="Parse the upstream's stream as the specification says (any line end, no space after the colon, comments, events "
    "cut anywhere), decode characters only once they are whole, and forward every event in order.",
    applies_to=USUAL,
    apis=GENERATIVE,
    good=[restreamed(HELLO, HELLO), restreamed(HELLO, MERGED), relayed(completion(), completion(id="gen-1"))],
    bad=[
        restreamed(HELLO, (HELLO[0], *HELLO[2:])),
        restreamed(HELLO, (*HELLO[:2], HELLO[1], *HELLO[2:])),
        relayed(completion({"content": "Grüße"}), completion({"content": "Gr��e"})),
    ],
)
def text_altered(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The user reads a text with holes or damaged characters, and nothing tells that it is not the model's."""
    yield from compared(x, upstream, "text")


@rule(
    "GW031",
    MUST,
    "Tool calls arrive at the client as the upstream sent them",
    spec=CALLING,
    fix="Forward every fragment of a tool call once, with its index, and its arguments as the same text.",
    applies_to=USUAL,
    apis=CONVERSATIONAL,
    good=[
        relayed(calling('{"city": "Oslo"}'), calling('{"city":"Oslo"}')),
        relayed(calling('{"city": "Os'), calling('{"city": "Os')),
    ],
    bad=[
        relayed(calling('{"id": 9007199254740993}'), calling('{"id": 9007199254740992}')),
        relayed(calling('{"city": "Oslo"}'), calling("{}")),
    ],
)
def calls_altered(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """An agent acts on the arguments: it reads another file, or pays another sum."""
    yield from compared(x, upstream, "calls")


@rule(
    "GW032",
    MUST,
    "Every choice ends at the client for the reason that the upstream gave",
    spec=OBJECT,
    fix="Forward the finish reason of each choice, in both modes: `length` and `content_filter` stay what they are.",
    applies_to=USUAL,
    apis=GENERATIVE,
    good=[
        restreamed((*TWO_CHOICES, *TWO_ENDS, "[DONE]"), (*TWO_CHOICES, *TWO_ENDS, "[DONE]")),
        relayed(completion(finish="length"), completion(finish="length")),
    ],
    bad=[
        restreamed((*TWO_CHOICES, *TWO_ENDS, "[DONE]"), (*TWO_CHOICES, TWO_ENDS[0], "[DONE]")),
        relayed(completion(finish="length"), completion(finish="stop")),
        relayed(completion(finish="content_filter"), completion(finish="stop")),
    ],
)
def ending_altered(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """A text that was cut off, or filtered, looks like all of it; a choice without an end is waited for."""
    sent = passed_on(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
        return
    before, after = answer_parts(sent)["ending"], answer_parts(x)["ending"]
    for place, reason in before.items():
        got = after.get(place)
        calls = answer_parts(sent)["calls"].get(place)
        is_named_call = (reason, got) == ("stop", "tool_calls") and calls  # some servers end a named call with `stop`
        if got != reason and not is_named_call:
            ending = f"ended with {got!r}" if got else "has no ending"
            yield Finding(f"{place} {ending} at the client; the upstream ended it with {reason!r}", expected=reason)


@rule(
    "GW033",
    MUST,
    "The reasoning of a response arrives at the client",
    spec=THINKING,
    fix="Forward reasoning under the name that the upstream sends or the one that the clients read, in both modes, and "
    "signatures and encrypted content byte by byte; if it is hidden on purpose, say so (gateway.hides_reasoning).",
    applies_to=USUAL,
    apis=CONVERSATIONAL,
    good=[
        relayed(completion({"reasoning": "They greet."}), completion({"reasoning": "They greet."})),
        relayed(completion({"reasoning": "They greet."}), completion({"reasoning_content": "They greet."})),
    ],
    bad=[
        relayed(completion({"reasoning": "They greet."}), completion()),
        relayed(completion({"reasoning_content": "They greet."}), completion({"reasoning_content": "They"})),
    ],
)
def reasoning_altered(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """It is billed, and on the next turn some models reject a thought that is not what they signed."""
    if policy.gateway.hides_reasoning:
        yield not_applicable("the gateway hides reasoning on purpose (gateway.hides_reasoning)")
    else:
        yield from compared(x, upstream, "reasoning")


@rule(
    "GW034",
    MUST,
    "Refusals, annotations, log probabilities, audio and other parts of a response arrive at the client",
    spec=OBJECT,
    fix="Forward every field of the message and of the choice, in both modes, with equal values.",
    applies_to=USUAL,
    apis=GENERATIVE,
    good=[
        relayed(completion({"audio": HEARD, "content": None}), completion({"audio": HEARD, "content": ""})),
        relayed(completion({"annotations": CITED}), completion({"annotations": CITED, "x_vendor": 1})),
    ],
    bad=[
        relayed(completion({"audio": HEARD, "content": None}), completion({"content": None})),
        relayed(completion({"annotations": CITED}), completion({"annotations": []})),
        relayed(completion({"content": None, "refusal": "I can't."}), completion({"content": "", "refusal": None})),
    ],
)
def part_altered(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Whoever asked for audio, sources or probabilities has paid for them, and finds none."""
    yield from compared(x, upstream, "more")
