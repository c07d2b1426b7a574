"""The body of a request: it arrives whole, and is one that the upstream's API accepts; refusals say why."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.errors import error_response, mentions_word, rejected_fields
from conformance.apis.forwarding.differences import quoted
from conformance.apis.forwarding.records import Fate, dotted, exact_body, overlap, schema_faults
from conformance.apis.request import MOST_VALUES, body_sent, has_too_many_values, request_body
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.content import SEALED
from conformance.parsing.http1 import reply, request_content, request_header
from conformance.parsing.json_exact import repeated_names
from conformance.parsing.json_text import NOT_JSON, fault_of
from conformance.rules.example import answered, error
from conformance.rules.gw.answers import OTHER_API
from conformance.rules.gw.arrivals import SENT, Upstream, compared, forwarded_of, nothing_arrived
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import ASKED, both, forwarded, forwarded_text
from conformance.rules.gw.key_fields import has_another_credential

CHAT_SPEC: Final = "https://platform.openai.com/docs/api-reference/chat/create"
WHOLE: Final = '{"model":"m","messages":[{"role":"user","content":"Hi"}],"user":"x"}'
TWICE: Final = '{"model":"m","messages":[{"role":"user","content":"Hi"}],"n":1,"n":2}'
OPTIONS: Final = {"include_usage": True}


@rule(
    "GW020",
    MUST,
    "The request's body arrives whole",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-8.6",
    fix="Read the whole body before it is forwarded, or stream it, and let Content-Length be that of what is sent.",
    applies_to=SENT,
    apis=APIS,
    good=[forwarded_text(WHOLE, WHOLE)],
    bad=[forwarded_text(WHOLE, ""), forwarded_text(WHOLE, WHOLE[:-30])],
)
def body_cut(x: Exchange, upstream: Upstream) -> Iterator[Finding | NotJudged]:
    """The upstream responds with 400 to a request that is right, and only to long ones, or now and then."""
    if why := nothing_arrived(x, upstream):
        yield why
    posted = [one for one in upstream if one.sent.startswith(b"POST")]
    for arrived in posted[:1] if isinstance(body_sent(x), dict) else ():
        coding = ", ".join(request_header(arrived, "content-encoding")).lower()
        if coding in SEALED:
            yield untestable(f"the request upstream has Content-Encoding: {coding}, which the harness can't decode")
        elif arrived.ending.how in ("interrupted", "limit") or x.ending.how == "hung-up":
            yield untestable("the request was broken off on purpose, or not recorded to its end")
        elif body_sent(arrived) is NOT_JSON:
            sizes = f"{len(request_content(x))} bytes were sent, {len(request_content(arrived))} arrived"
            fault = fault_of(request_content(arrived))
            yield Finding(f"{sizes}, which are not JSON: {fault}", expected="the body as it was sent")
    if not isinstance(body_sent(x), dict):
        yield not_applicable("the request has no JSON object")


@rule(
    "GW021",
    MUST,
    "stream_options are sent with a stream only",
    spec=CHAT_SPEC,
    fix="Add stream_options where `stream` is true, and remove them where the gateway turns streaming off.",
    applies_to=SENT,
    apis=("chat", "responses", "completions"),
    good=[forwarded(ASKED, ASKED), forwarded(ASKED, ASKED | {"stream": True, "stream_options": OPTIONS})],
    bad=[forwarded(ASKED, ASKED | {"stream_options": OPTIONS})],
)
def options_without_stream(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """The API rejects stream_options without a stream: "Only set this when you set stream: true"."""
    found = compared(x, upstream, policy)
    arrived = forwarded_of(x, upstream)
    if isinstance(found, NotJudged):
        yield found
    elif arrived and _has_idle_options(request_body(arrived)) and not _has_idle_options(request_body(x)):
        yield Finding("stream_options arrived upstream, but `stream` is not true there")


def _has_idle_options(body: dict[str, Any]) -> bool:
    return body.get("stream_options") is not None and body.get("stream") is not True


@rule(
    "GW022",
    MUST,
    "A valid request is valid upstream",
    spec=CHAT_SPEC,
    fix="Leave out what the client did not send, instead of null, and keep to the types of the API.",
    applies_to=SENT,
    apis=APIS,
    good=[forwarded(ASKED, ASKED), forwarded(ASKED, ASKED | {"stop": None})],
    bad=[forwarded(ASKED, ASKED | {"tools": None, "tool_choice": None})],
)
def request_invalid(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """What the gateway adds or maps must be of the types that the API defines: others are rejected with 400.

    What it drops or changes has rules of its own, and unknown fields, too. A request that grows without bound is too
    large for any upstream.
    """
    found = compared(x, upstream, policy)
    arrived = forwarded_of(x, upstream)
    if arrived and has_too_many_values(arrived) and not has_too_many_values(x):
        yield Finding(f"the request arrived with more than {MOST_VALUES} JSON values", expected="those that were sent")
        return
    if isinstance(found, NotJudged) or arrived is None:
        yield found if isinstance(found, NotJudged) else OTHER_API
        return
    if schema_faults(x):
        yield not_applicable("the client's request is invalid, too")
        return
    changed = [record.path for record in found if record.fate in (Fate.DROPPED, Fate.CHANGED)]
    for fault in schema_faults(arrived) if found else ():
        place = dotted(fault.path)
        if not any(overlap(place, path) for path in changed):
            yield Finding(f"{f'`{place}`' if place else 'the body'} is invalid upstream: {fault.clause}")


def _with_repeated_name(x: Exchange) -> NotJudged | None:
    return SENT(x) or (None if any(repeated_names(exact_body(x))) else OUT_OF_SCOPE)


@rule(
    "GW023",
    SHOULD,
    "Of a name that occurs twice, no value is chosen that others would not choose",
    spec="https://www.rfc-editor.org/rfc/rfc8259#section-4",
    fix="Reject names that occur twice, forward the bytes, or keep the last value, as most parsers do.",
    applies_to=_with_repeated_name,
    apis=APIS,
    good=[forwarded_text(TWICE, TWICE), forwarded_text(TWICE, TWICE.replace('"n":1,', ""))],
    bad=[forwarded_text(TWICE, TWICE.replace(',"n":2', ""))],
)
def first_value_kept(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """Where the gateway checks one value and the upstream uses the other, limits on models and tokens can be passed."""
    sent = dict(repeated_names(exact_body(x)))
    found, arrived = compared(x, upstream, policy), forwarded_of(x, upstream)
    if isinstance(found, NotJudged) or arrived is None:
        yield found if isinstance(found, NotJudged) else OTHER_API
        return
    there = dict(repeated_names(exact_body(arrived)))
    for path, values in sent.items():
        if there.get(path) != values and _at(exact_body(arrived), path) in values[:-1]:
            yield Finding(f"`{'.'.join(map(str, path))}` was sent twice, and an earlier value arrived, not the last")


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


PROBING: Final = through_gateway(Kind.GATEWAY_FIELD, Kind.GATEWAY_CONTENT, Kind.GATEWAY_TURN, Kind.GATEWAY_REPEAT)
ABOUT_CONTENT: Final = (400, 422)


@rule(
    "GW024",
    SHOULD,
    "A refusal of the gateway's own says what it refuses",
    spec=CHAT_SPEC,
    fix="Name the field, message, part or tool type in the error's message and in `param`.",
    applies_to=PROBING,
    apis=APIS,
    good=[
        both(
            answered(
                error("`n` is not supported.", param="n"), status=400, body=ASKED | {"n": 2}, probe="chat.gateway.field"
            )
        ),
        both(
            answered(
                error("Messages of the role user are not supported."), status=400, body=ASKED, probe="chat.gateway.turn"
            )
        ),
    ],
    bad=[both(answered(error("Bad Request"), status=400, body=ASKED, probe="chat.gateway.field"))],
)
def refusal_without_name(x: Exchange, upstream: Upstream) -> Iterator[Finding | NotJudged]:
    """A client that knows which field is refused can leave it out; one that does not gives up."""
    if upstream:
        yield not_applicable("the request arrived upstream")
    elif has_another_credential(x):
        yield not_applicable("the request has another client's key, which the gateway need not know")
    elif reply(x).status not in ABOUT_CONTENT:
        yield not_applicable(
            f"the gateway responded with {reply(x).status} on its own: no refusal of what is in the request"
        )
    elif not rejected_fields(x) and not _names_anything(x):
        yield Finding(f"HTTP {reply(x).status} names nothing of the request: {quoted(error_response(x).message)}")


def _names_anything(x: Exchange) -> bool:
    """Whether the error mentions a member, a type or a role of the request."""
    error = error_response(x)
    text = " ".join((error.message, error.param or "", *error.places))
    return any(mentions_word(text, word) for word in {*_words(request_body(x))})


def _words(value: Any) -> Iterator[str]:
    """The names of all members in a body, and the values of `type` and `role`."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            if name in ("type", "role") and isinstance(item, str):
                yield item
            yield from _words(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
