"""Gateways that translate: what becomes of a request's fields, which have other names in other APIs, or none."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from conformance.apis.conversation import conversation
from conformance.apis.counterparts import SETTINGS, Setting, sent
from conformance.apis.errors import one_line
from conformance.apis.request import conversation_texts, request_body
from conformance.apis.specs import generation, spec
from conformance.apis.tools import offered
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.rule import rule
from conformance.model.target import GatewayPolicy, Policy
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import CONVERSATIONAL, Api
from conformance.parsing.json_values import Object, as_array, as_object, as_string
from conformance.rules.gw.conditions import named, through_gateway
from conformance.rules.gw.lane_conditions import generations, request_lane
from conformance.rules.gw.lane_example import BY_CHAT, BY_MESSAGES, chat_by_messages, messages_by_chat
from conformance.rules.gw.lane_tools import is_function

COUNTERPARTS: Final = "https://platform.claude.com/docs/en/api/openai-sdk"
CACHING: Final = "https://platform.claude.com/docs/en/build-with-claude/prompt-caching"
REFUSE: Final = (
    "Send the field under the name that the upstream's API has for it, or reject the request with a 400 that names it; "
    "if it is meant to be dropped, say so in the policy (gateway.dropped)."
)
HOTTEST: Final = 1
"""The highest temperature of Messages."""
SEEDED: Object = BY_CHAT | {"seed": 7}
FORMATTED: Object = BY_CHAT | {"response_format": {"type": "json_object"}}
STOPPED: Object = BY_MESSAGES | {"stop_sequences": ["END"]}


@rule(
    "GW128",
    MUST,
    "A field that decides the response keeps its value at an upstream of another API",
    spec=COUNTERPARTS,
    fix=REFUSE,
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat(STOPPED, BY_CHAT | {"stop": ["END"]})],
    bad=[
        messages_by_chat(STOPPED, BY_CHAT),
        messages_by_chat(BY_MESSAGES, {name: value for name, value in BY_CHAT.items() if name != "max_tokens"}),
        chat_by_messages(FORMATTED, BY_MESSAGES),
    ],
)
def decisive_field_lost(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """The response is longer than the client pays for, is prose where its parser expects JSON, or forgets what was said."""
    yield from _lost(x, upstream, policy.gateway, decisive=True)


@rule(
    "GW129",
    SHOULD,
    "Every other field keeps its meaning at an upstream of another API, or is rejected by name",
    spec=COUNTERPARTS,
    fix=REFUSE,
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat(BY_MESSAGES | {"metadata": {"user_id": "u"}}, BY_CHAT | {"user": "u"})],
    bad=[
        messages_by_chat(BY_MESSAGES | {"metadata": {"user_id": "u"}}, BY_CHAT),
        chat_by_messages(SEEDED, BY_MESSAGES),
    ],
)
def field_lost(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """Responses vary although they were seeded, effort is not what was chosen, and limits per user have no user.

    APIs differ here, and some vendors ignore in their compatible APIs what they can't do; it should be said.
    """
    yield from _lost(x, upstream, policy.gateway, decisive=False)


def _lost(
    x: Exchange, upstream: tuple[Exchange, ...], policy: GatewayPolicy, *, decisive: bool
) -> Iterator[Finding | NotJudged]:
    """The settings of a request that did not arrive, or with another value."""
    arrived = request_lane(x, upstream)
    if isinstance(arrived, NotJudged):
        yield arrived
        return
    mine = {s: dict(sent(s, x.api, request_body(x))) for s in SETTINGS if s.decisive == decisive}
    if not any(mine.values()):
        yield not_applicable("the request has no such field")
    for setting, fields in mine.items():
        name = next(iter(fields), "")
        if not fields or named(policy.dropped, name) or named(policy.dropped, name.partition(".")[0]):
            continue
        theirs = _arrived(setting, arrived)
        if not theirs and not _is_emulated(setting, x, upstream):
            places = " or ".join(f"`{path}`" for path in setting.fields(arrived.api)) or "a 400 that names it"
            yield Finding(f"`{name}` was lost: {spec(arrived.api).path} got no {setting.name}", expected=places)
        elif theirs and not named(policy.changed, name) and _is_changed(setting, fields, theirs, x, arrived.api):
            value = json.dumps(next(iter(theirs.values())))
            yield Finding(f"`{name}` arrived with another value: {one_line(value, 60)}")


def _arrived(setting: Setting, arrived: Exchange) -> Object:
    """The setting upstream, under its name or, as an extension of the upstream's API, under the client's."""
    body = request_body(arrived)
    found = dict(sent(setting, arrived.api, body))
    for api in CONVERSATIONAL:
        if not found and api != arrived.api:
            found = dict(sent(setting, api, body))
    return found


def _is_changed(setting: Setting, mine: Object, theirs: Object, x: Exchange, api: Api) -> bool:
    """Whether the value means something else in the upstream's API."""
    if setting.compared == "present":
        return False
    if setting.name == "cap" and (_is_thinking(x) or generation(api).min_cap in theirs.values()):
        return False  # thoughts need room in some APIs, and others have a least cap
    if setting.name == "temperature" and api == "messages" and any(_is_above(v) for v in mine.values()):
        return False  # each gateway has its own scale
    return not any(_same(value) == _same(other) for value in mine.values() for other in theirs.values())


def _is_thinking(x: Exchange) -> bool:
    return any(dict(sent(setting, x.api, request_body(x))) for setting in SETTINGS if setting.name == "effort")


def _is_above(value: Any) -> bool:
    return isinstance(value, int | float) and value > HOTTEST


def _same(value: Any) -> Any:
    """A value to compare: one stop sequence is a list of one."""
    return [value] if isinstance(value, str) else value


def _is_emulated(setting: Setting, x: Exchange, upstream: tuple[Exchange, ...]) -> bool:
    """Whether the gateway does by other means, or with other words, what the upstream's API has not."""
    arrived, *more = generations(upstream)
    if setting.name == "n":
        return bool(more)
    means = BY_OTHER_MEANS.get(setting.name)
    return means is not None and means(x, arrived)


def _requests_json(x: Exchange, arrived: Exchange) -> bool:
    """Whether the gateway added a prompt for JSON, or a tool whose arguments it is."""
    has_tool = offered(arrived).keys() - offered(x).keys()
    return bool(has_tool) or _count_json(request_body(arrived)) > _count_json(request_body(x))


def _count_json(body: Object) -> int:
    return "".join(conversation_texts(body)).lower().count("json")


def _includes_logprobs(_x: Exchange, arrived: Exchange) -> bool:
    return any("logprobs" in as_string(name) for name in as_array(request_body(arrived).get("include")))


def _searches(_x: Exchange, arrived: Exchange) -> bool:
    return any("web_search" in as_string(tool.get("type")) for tool in _tools(arrived))


def _has_earlier_turns(x: Exchange, arrived: Exchange) -> bool:
    return len(conversation(arrived)) > len(conversation(x))


BY_OTHER_MEANS: Final[dict[str, Callable[[Exchange, Exchange], bool]]] = {
    "format": _requests_json,
    "logprobs": _includes_logprobs,
    "web_search_options": _searches,
    "functions": lambda x, arrived: offered(arrived).keys() >= offered(x).keys(),
    **dict.fromkeys(("previous_response_id", "conversation", "prompt"), _has_earlier_turns),
}
"""How settings, by name, arrive without a field of their own."""


CACHED: Object = {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}
MARKED: Object = BY_MESSAGES | {"system": [CACHED]}


def _system(content: Any) -> Object:
    return BY_CHAT | {"messages": [{"role": "system", "content": content}, *BY_CHAT["messages"]]}


@rule(
    "GW130",
    SHOULD,
    "cache_control markers arrive at an upstream of another API, or their loss is declared",
    spec=CACHING,
    fix="Forward cache_control in the same places to upstreams that take it as an extension; for others, declare in the "
    "policy that it is dropped (gateway.dropped).",
    applies_to=through_gateway(),
    apis=("messages",),
    good=[messages_by_chat(MARKED, _system([CACHED]))],
    bad=[messages_by_chat(MARKED, _system("Be brief."))],
)
def cache_marker_lost(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """Each turn of an agent costs the full price of its long prompt, and nothing says so."""
    arrived = request_lane(x, upstream)
    if isinstance(arrived, NotJudged):
        yield arrived
        return
    mine, theirs = (_markers(request_body(y)) for y in (x, arrived))
    if not mine:
        yield not_applicable("the request has no cache_control")
    elif theirs < mine and not named(policy.gateway.dropped, "cache_control"):
        yield Finding(f"{mine} cache_control markers were sent, and {theirs} arrived", expected=f"{mine} markers")


def _with_key(key: str) -> Object:
    return BY_CHAT | {"prompt_cache_key": key}


SESSION: Object = BY_MESSAGES | {"metadata": {"user_id": "user_1_session_1"}}
OTHER_SESSION: Object = BY_MESSAGES | {"metadata": {"user_id": "user_1_session_2"}}


@rule(
    "GW142",
    SHOULD,
    "A prompt_cache_key of the gateway's own is another one for each session",
    spec="https://platform.openai.com/docs/guides/prompt-caching",
    fix="Derive prompt_cache_key from the whole of metadata.user_id, or send none.",
    applies_to=through_gateway(),
    apis=("messages",),
    compares_with={
        "others": Compare((Kind.GATEWAY_TURN, Kind.GATEWAY_CONTENT), many=True, any_mode=True, optional=True)
    },
    good=[(*messages_by_chat(SESSION, _with_key("1")), *messages_by_chat(OTHER_SESSION, _with_key("2")))],
    bad=[(*messages_by_chat(SESSION, _with_key("1")), *messages_by_chat(OTHER_SESSION, _with_key("1")))],
)
def sessions_share_cache_key(
    x: Exchange, upstream: tuple[Exchange, ...], others: tuple[Pair, ...]
) -> Iterator[Finding | NotJudged]:
    """Requests of one key are sent to one machine: more of them than it takes miss its cache, and are paid in full.

    Claude Code's user IDs begin with the user and end with the session.
    """
    session, key = _session_and_key(x, upstream)
    found = [_session_and_key(*other) for other in others]
    elsewhere = {other_key for other, other_key in found if other and other_key and other != session}
    if not (session and key and elsewhere):
        yield not_applicable("the gateway sends no prompt_cache_key for requests of different sessions")
    elif key in elsewhere:
        yield Finding(f"two sessions have the prompt_cache_key {one_line(key, 70)}")


def _session_and_key(x: Exchange, upstream: tuple[Exchange, ...]) -> tuple[str, str]:
    arrived = request_lane(x, upstream)
    if isinstance(arrived, NotJudged):
        return "", ""
    metadata = as_object(request_body(x).get("metadata"))
    return as_string(metadata.get("user_id")), as_string(request_body(arrived).get("prompt_cache_key"))


DEEPEST: Final = 12
"""Levels at which a request is searched for markers."""


def _markers(value: Any, depth: int = DEEPEST) -> int:
    """How many objects carry a marker, of Anthropic's kind or OpenAI's."""
    if isinstance(value, list) and depth:
        return sum(_markers(item, depth - 1) for item in value)
    if not isinstance(value, dict) or not depth:
        return 0
    own = any(isinstance(value.get(name), dict) for name in ("cache_control", "prompt_cache_breakpoint"))
    return own + sum(_markers(item, depth - 1) for item in value.values())


SEARCHING: Object = BY_MESSAGES | {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}


@rule(
    "GW139",
    MUST,
    "A tool that the upstream's API does not have is rejected by name, not left out",
    spec="https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview",
    fix="Respond with 400 and the tool's type and place, as in tools[0].type, unless the upstream has the same tool.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat(SEARCHING, BY_CHAT | {"web_search_options": {}})],
    bad=[messages_by_chat(SEARCHING, BY_CHAT)],
)
def tool_type_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The model never searches, and responds from memory; the client can't distinguish that from a search without results."""
    arrived = request_lane(x, upstream)
    if isinstance(arrived, NotJudged):
        yield arrived
        return
    special = [tool for tool in _tools(x) if not is_function(x, tool.get("type"))]
    if not special:
        yield not_applicable("the request offers no tools but functions")
    known = {word for tool in _tools(arrived) for word in _words(tool)}
    known |= {"web_search"} if "web_search_options" in request_body(arrived) else set()
    known |= {"mcp"} if "mcp_servers" in request_body(arrived) else set()
    has_as_many = sum(not is_function(arrived, tool.get("type")) for tool in _tools(arrived)) >= len(special)
    for tool in special:
        if not (has_as_many or known & _words(tool)):
            yield Finding(
                f"a tool of type {one_line(as_string(tool.get('type')) or 'unknown', 40)} did not arrive upstream",
                expected="the tool, or a 400 that names it",
            )


def _tools(x: Exchange) -> list[Object]:
    return [tool for tool in as_array(request_body(x).get("tools")) if isinstance(tool, dict)]


def _words(tool: Object) -> set[str]:
    """The name of a tool, and its type without the version: `web_search_20250305` and `web_search_preview` are one."""
    kind = as_string(tool.get("type")).rstrip("0123456789").rstrip("_").removesuffix("_preview")
    name = as_string(as_object(tool.get("function") or tool.get("custom") or tool).get("name"))
    nested = (as_string(as_object(inner).get("name")) for inner in as_array(tool.get("tools")))
    return {word for word in (kind, name, *nested) if word and word not in ("function", "custom")}
