"""What becomes of the conversation: messages, texts, parts, tools, cache markers and reasoning."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.forwarding.aspects import Aspect
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, Finding, NotJudged
from conformance.model.words import APIS, CONVERSATIONAL
from conformance.rules.gw.arrivals import SENT, Upstream, about, findings, sent_with
from conformance.rules.gw.example import ASKED, NONCE, forwarded

CHAT_SPEC: Final = "https://platform.openai.com/docs/api-reference/chat/create"
Body = dict[str, Any]


def _saying(*messages: Body) -> Body:
    """The request with messages before its own."""
    return ASKED | {"messages": [*messages, *ASKED["messages"]]}


def _with_parts(*parts: Body) -> Body:
    """The request with parts before its text."""
    return ASKED | {
        "messages": [{"role": "user", "content": [*parts, {"type": "text", "text": f"{NONCE}:native-sse"}]}]
    }


def _user_messages(*turns: list[Body]) -> Body:
    """The request with user messages of these parts only."""
    return ASKED | {"messages": [{"role": "user", "content": parts} for parts in turns]}


SYSTEM: Final[Body] = {"role": "system", "content": "Be brief,\u00a0please."}
IMAGE: Final[Body] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}
TICK: Final[Body] = {"type": "function", "function": {"name": "tick"}}
GREP: Final[Body] = {"type": "custom", "custom": {"name": "grep"}}
LOOK: Final[Body] = {"name": "look", "input_schema": {"type": "object"}}
MARKED: Final[Body] = {"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral"}}
THOUGHT: Final[Body] = {"type": "thinking", "thinking": "I\u2009think  so.\n", "signature": "c2lnbmVk+/=="}
CALLING: Final[Body] = {
    "role": "assistant",
    "tool_calls": [{"id": "call_0", "type": "function", "function": {"name": "tick", "arguments": "{}"}}],
}
EXTRA: Final[Body] = {"type": "text", "text": "Be nice."}
RESULTS: Final[list[Body]] = [
    {"type": "tool_result", "tool_use_id": "toolu_0", "content": "7"},
    {"type": "text", "text": "So?"},
]
CLAUDE: Final = "messages.gateway.turn"


def _thinking(**changes: Any) -> Body:
    """A second turn of Messages, with a thinking block."""
    turn = {"role": "assistant", "content": [THOUGHT | changes, {"type": "text", "text": "Yes."}]}
    return _saying({"role": "user", "content": "So?"}, turn)


@rule(
    "GW010",
    MUST,
    "Every message, prompt or input arrives, in its place",
    spec=CHAT_SPEC,
    fix="Forward each message, call and result in its order, or reject the request with a 400 that names it.",
    applies_to=SENT,
    apis=APIS,
    good=[
        forwarded(_saying(SYSTEM), _saying(SYSTEM)),
        forwarded(_saying(SYSTEM), _saying(SYSTEM | {"role": "developer"})),
        forwarded(_saying(CALLING | {"content": ""}), _saying(CALLING | {"content": None})),
        forwarded(_user_messages(RESULTS), _user_messages(RESULTS[:1], RESULTS[1:]), probe=CLAUDE),
    ],
    bad=[
        forwarded(_saying(SYSTEM), ASKED),
        forwarded(_saying(SYSTEM), _saying({"role": "system"})),
        forwarded(_user_messages(RESULTS), _user_messages(RESULTS[:1]), probe=CLAUDE),
    ],
)
def message_lost(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """The model continues a conversation that never took place, or a text gets the embedding of another. Calls and
    their results count as messages do.

    In Messages, consecutive messages of one role are one turn: they may be combined or split.
    """
    yield from findings(x, upstream, policy, about(Aspect.MESSAGE), "the messages as they were sent")


@rule(
    "GW011",
    MUST,
    "No text is added to the conversation",
    spec=CHAT_SPEC,
    fix="Forward the conversation as it is; if the gateway adds to prompts on purpose, say so in the policy "
    "(gateway.prompt).",
    applies_to=SENT,
    apis=APIS,
    good=[
        forwarded(ASKED, ASKED),
        forwarded(_user_messages(RESULTS), _user_messages(RESULTS[:1], RESULTS[1:]), probe=CLAUDE),
        forwarded(_user_messages(RESULTS[:1], RESULTS[1:]), _user_messages(RESULTS), probe=CLAUDE),
    ],
    bad=[
        forwarded(ASKED, _saying(SYSTEM)),
        forwarded(_user_messages(RESULTS), _user_messages(RESULTS[:1], [EXTRA], RESULTS[1:]), probe=CLAUDE),
        forwarded(_saying(SYSTEM), _saying(SYSTEM | {"content": f"{SYSTEM['content']} You are ACME's assistant."})),
    ],
)
def prompt_decorated(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """The client pays for text that it did not write, and gets the response to it."""
    yield from findings(x, upstream, policy, about(Aspect.PROMPT))


@rule(
    "GW013",
    MUST,
    "Texts arrive to the character",
    spec="https://www.rfc-editor.org/rfc/rfc8259#section-7",
    fix="Forward texts as they are: no trimming, no normalisation, no cutting, and UTF-8 in and out.",
    applies_to=SENT,
    apis=APIS,
    good=[forwarded(_saying(SYSTEM), _saying(SYSTEM))],
    bad=[forwarded(_saying(SYSTEM), _saying(SYSTEM | {"content": "Be brief, please."}))],
)
def text_changed(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """Code, diffs and file names are wrong after one changed space. Escapes may be written in another way."""
    yield from findings(x, upstream, policy, about(Aspect.TEXT), "the same characters")


@rule(
    "GW014",
    MUST,
    "Every tool arrives",
    spec=CHAT_SPEC,
    fix="Forward each tool of each type, or reject the request with a 400 that names the type.",
    applies_to=sent_with(Aspect.TOOL),
    apis=CONVERSATIONAL,
    good=[
        forwarded(ASKED | {"tools": [TICK, GREP]}, ASKED | {"tools": [TICK, GREP]}),
        forwarded(ASKED | {"tools": [LOOK | {"type": "custom"}]}, ASKED | {"tools": [LOOK]}, probe=CLAUDE),
    ],
    bad=[forwarded(ASKED | {"tools": [TICK, GREP]}, ASKED | {"tools": [TICK]})],
)
def tool_lost(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """The model never calls a tool that it does not know, and the client waits for the call."""
    yield from findings(x, upstream, policy, about(Aspect.TOOL), "the tool, or a 400 that names its type")


@rule(
    "GW015",
    MUST,
    "Images, audio and files arrive, to the byte",
    spec="https://platform.openai.com/docs/guides/images-vision",
    fix="Forward each content part with its data, or reject the request with a 400 that names the part's type.",
    applies_to=sent_with(Aspect.PART),
    apis=CONVERSATIONAL,
    good=[
        forwarded(_with_parts(IMAGE), _with_parts(IMAGE)),
        forwarded(_user_messages(RESULTS), _user_messages(RESULTS[:1], RESULTS[1:]), probe=CLAUDE),
        forwarded(_user_messages(RESULTS), _user_messages(RESULTS[:1]), probe=CLAUDE),
    ],
    bad=[
        forwarded(_with_parts(IMAGE), _with_parts()),
        forwarded(_with_parts(IMAGE), _with_parts(IMAGE | {"image_url": {"url": "data:image/png;base64,aGVsbG8"}})),
    ],
)
def part_lost(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """The model describes with confidence a picture that it has not seen."""
    yield from findings(x, upstream, policy, about(Aspect.PART), "the part, or a 400 that names its type")


@rule(
    "GW016",
    MUST,
    "Prompt caching is requested as the client did",
    spec="https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching",
    fix="Forward `cache_control`, `prompt_cache_key` and the like at each place, or reject the request with a 400 that "
    "names them.",
    applies_to=sent_with(Aspect.CACHE),
    apis=CONVERSATIONAL,
    good=[forwarded(_with_parts(MARKED), _with_parts(MARKED), probe=CLAUDE)],
    bad=[
        forwarded(_with_parts(MARKED), _with_parts({"type": "text", "text": "Rules."}), probe=CLAUDE),
        forwarded(ASKED | {"prompt_cache_key": "a"}, ASKED | {"prompt_cache_key": "gateway"}),
    ],
)
def cache_marker_lost(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """Without its markers each turn pays the full price of the whole conversation, and no error says so."""
    yield from findings(x, upstream, policy, about(Aspect.CACHE), "the marker, at its place")


@rule(
    "GW017",
    MUST,
    "Reasoning of earlier turns arrives to the byte",
    spec="https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking",
    fix="Keep thinking blocks, signatures and encrypted content as the texts that they are: no trimming, and nothing "
    "written anew.",
    applies_to=sent_with(Aspect.REASONING),
    apis=CONVERSATIONAL,
    good=[forwarded(_thinking(), _thinking(), probe=CLAUDE)],
    bad=[
        forwarded(_thinking(), _thinking(thinking="I think so."), probe=CLAUDE),
        forwarded(_thinking(), _thinking(signature="c2lnbmVk-_=="), probe=CLAUDE),
    ],
)
def reasoning_changed(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """A signature is over the bytes of the thought: one changed space is a 400 on the second turn of a tool call."""
    yield from findings(x, upstream, policy, about(Aspect.REASONING), "the same characters")
