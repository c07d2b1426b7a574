"""Gateways that translate: which API a request and a reply have."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from conformance.apis.errors import error_response, names_field, one_line
from conformance.apis.request import body_sent, has_too_many_values, request_body
from conformance.apis.specs import spec
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import CONVERSATIONAL, Api
from conformance.parsing.http1 import reply
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_object
from conformance.parsing.sse import Event, payloads, span, stream
from conformance.rules.example import answered, completion, error
from conformance.rules.gw.arrivals import TOO_MANY_VALUES
from conformance.rules.gw.conditions import named, through_gateway
from conformance.rules.gw.example import both
from conformance.rules.gw.lane_conditions import NOTHING, generations, path_api, reply_api, request_lane
from conformance.rules.gw.lane_example import BY_CHAT, BY_MESSAGES, PROBE, at, chat_by_messages, messages_by_chat
from conformance.rules.msg.example import BASELINE_RESPONSE as MESSAGE
from conformance.schemas import load, validator

STREAMING_SPEC: Final = "https://platform.claude.com/docs/en/build-with-claude/streaming"
CHAT_SPEC: Final = "https://platform.openai.com/docs/api-reference/chat/create"

EXTENSIONS: Final = ("top_k", "thinking", "reasoning", "cache_control")
"""Fields of one API that upstreams of another one take, too, as their documentation says: top_k of vLLM, thinking and
reasoning of DeepSeek and OpenRouter."""


@rule(
    "GW120",
    MUST,
    "A reply is of the client's API, whatever the upstream's is",
    spec=STREAMING_SPEC,
    fix="Translate every reply, and every event of a stream, into the API of the path that the client called.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat()],
    bad=[messages_by_chat(client=completion()), chat_by_messages(client=MESSAGE)],
)
def reply_of_another_api(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The client finds nothing where its API has the response: its user sees an empty message, and the response is paid for.

    One event in the upstream's form, in the middle of a good stream, is a lost piece of the response.
    """
    mine = foreign_apis(x)
    theirs = {api for arrived in upstream if arrived.api == x.api for _, api in foreign_apis(arrived)}
    for event, api in mine[:1]:
        if api not in theirs:  # an upstream of the client's API that responds so itself is not the gateway's fault
            what = "an event of the stream" if event else "the reply"
            at = span(x, event) if event else None
            yield Finding(f"{what} is of {spec(api).title}", at=at, expected=f"one of {spec(x.api).title}")
    if not (upstream or reply(x).status):
        yield not_applicable("no reply was received")


def foreign_apis(x: Exchange) -> list[tuple[Event | None, Api]]:
    """What is of another API in a reply: events, or the whole of it, with that API."""
    whole = json_body(x)
    if whole is not None:
        found: list[tuple[Event | None, Api | None]] = [(None, reply_api(whole))]
    else:
        found = [(e, reply_api(value)) for e, value in zip(stream(x).dispatched, payloads(x), strict=True)]
    return [(event, api) for event, api in found if api and api != x.api]


@rule(
    "GW121",
    MUST,
    "What arrives upstream is a valid request of the API at its path",
    spec="https://platform.claude.com/docs/en/api/messages/create",
    fix="Translate the path together with the body, and the body into the form that the upstream's API documents: tool "
    "results are messages of role tool in Chat Completions, and blocks of a user message in Messages.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat(), chat_by_messages()],
    bad=[
        chat_by_messages(
            arrived=BY_MESSAGES | {"messages": [{"role": "tool", "tool_call_id": "c", "content": "7"}]},
        ),
        both(
            at("messages", answered(error(), status=404, body=BY_MESSAGES, probe=f"messages.{PROBE}")),
            at(
                "messages",
                answered(
                    error(),
                    status=404,
                    body=BY_CHAT | {"messages": [{"role": "system", "content": "Be brief."}, *BY_CHAT["messages"]]},
                    probe=f"messages.{PROBE}",
                ),
            ),
        ),
    ],
)
def invalid_request_upstream(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The upstream refuses the whole request, or reads only a part of it: the client, whose request is right, gets a 400
    that names fields which it never sent, and an agent ends at its first tool result.
    """
    arrived = next(iter(generations(upstream)), None)
    api = path_api(arrived) if arrived else None
    if arrived is None or api is None:
        yield NOTHING
        return
    if has_too_many_values(arrived):
        yield TOO_MANY_VALUES
        return
    if _wrong_places(x.api, body_sent(x)):
        yield not_applicable("the client's own request is not valid")
        return
    wrong = [place for place in _wrong_places(api, body_sent(arrived)) if not _is_error_reported(x, arrived, place)]
    others = [other for other in CONVERSATIONAL if other != api and _is_body_of(other, body_sent(arrived))]
    if api == x.api and not others:  # a request that keeps its API has rules of its own
        yield not_applicable("the upstream is asked in the client's API")
        return
    for place in wrong[:1]:
        of_other = f"; it is one of {spec(others[0]).title}" if others else ""
        yield Finding(
            f"the body at {spec(api).path} is no request of {spec(api).title}{of_other}: {place.path or 'the body'}: "
            f"{one_line(place.message, 200)}",
            expected=f"a body that is valid at {spec(api).path}",
        )


class _Place(NamedTuple):
    """What the schema of an API does not allow, and where."""

    path: str
    message: str


def _wrong_places(api: Api, body: Any) -> list[_Place]:
    """What a body has that its API does not allow, but for fields that are not documented."""
    try:
        errors = [e for e in validator(spec(api).request_schema).iter_errors(body) if not _is_unknown(e)]
    except RecursionError:  # nested deeper than any documented request
        return []
    return [_Place(".".join(map(str, error.absolute_path)), error.message) for error in errors]


def _is_body_of(api: Api, body: Any) -> bool:
    return spec(api).prompt in as_object(body) and not _wrong_places(api, body)


def _is_error_reported(x: Exchange, arrived: Exchange, place: _Place) -> bool:
    """Whether the client itself sent a value that the upstream's API does not allow, and gets an error about it."""
    is_same = place.path in request_body(x) and request_body(x)[place.path] == request_body(arrived).get(place.path)
    return is_same and names_field(error_response(x), place.path)


def _is_unknown(error: Any) -> bool:
    """Whether an error is only about an undocumented field."""
    return bool(error.validator == "additionalProperties")


@rule(
    "GW122",
    SHOULD,
    "No field of the client's API arrives at an upstream that does not document it",
    spec=CHAT_SPEC,
    fix="Forward only the fields of the upstream's API; if it takes a field as an extension, say so in the policy "
    "(gateway.added).",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat(), messages_by_chat(arrived=BY_CHAT | {"top_k": 5})],
    bad=[messages_by_chat(sent=BY_MESSAGES | {"system": "Be brief."}, arrived=BY_CHAT | {"system": "Be brief."})],
)
def field_of_another_api(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """A strict upstream responds with 400, and a lenient one silently ignores the field: the client's system text or
    stop sequences are lost.
    """
    arrived = request_lane(x, upstream)
    if isinstance(arrived, NotJudged):
        yield arrived
        return
    theirs, ours = _documented(arrived.api), _documented(x.api)
    for name in sorted((request_body(arrived).keys() & request_body(x).keys() & ours) - theirs):
        if name not in EXTENSIONS and not named(policy.gateway.added, name):
            yield Finding(f"`{name}` of {spec(x.api).title} arrived at {spec(arrived.api).path}")


def _documented(api: Api) -> set[str]:
    properties: Object = load(spec(api).request_schema)["properties"]
    return set(properties)
