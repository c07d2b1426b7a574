"""What else needs the API key: the list of models, and every other way to the model."""

from collections.abc import Iterator

from conformance.apis.errors import body
from conformance.apis.responses import items, output, response_states
from conformance.apis.websocket import NO_KEY, UNLOCKED, turn
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import APIS, GENERATIVE
from conformance.parsing.http1 import reply
from conformance.rules.auth.conditions import AUTHENTICATION, is_open, is_refused, key_tested, keyed
from conformance.rules.auth.example import BASELINE_RESPONSE, KEY, NO, REFUSED, REFUSED_BARE
from conformance.rules.example import answered
from conformance.rules.rsp.example import BASELINE_RESPONSE as RESPONSE
from conformance.rules.rsp.websocket_example import Said, conversation, create, refused
from conformance.rules.rsp.websocket_example import answered as turn_answered

OF_A_ROUTE = (404, 405, 501)
ANSWERS = ("choices", "output", "content", "data", "completion", "response")
"""Members that hold the completion, on the routes to a model."""


@rule(
    "AUTH007",
    SHOULD,
    "GET /models requires a valid API key if the API does",
    spec="https://platform.openai.com/docs/api-reference/models/list",
    fix="Check the API key on GET /models too, or document that the list is public.",
    applies_to=key_tested(Kind.MODELS, "wrong-key"),
    apis=APIS,
    good=[(answered(NO, status=401, probe="chat.models.wrong-key"), BASELINE_RESPONSE, REFUSED)],
    bad=[(answered({"object": "list", "data": []}, probe="chat.models.wrong-key"), BASELINE_RESPONSE, REFUSED)],
    compares_with={"wrong": Compare(Kind.AUTH, "wrong-key")},
)
def models_listed_to_anyone(x: Exchange, baseline: Exchange, wrong: Exchange) -> Iterator[Finding | NotJudged]:
    """Set-up wizards test an API key with GET /models: they accept an invalid one, and the first request fails."""
    if skip := keyed(baseline):
        yield skip
    elif not is_refused(wrong):
        yield not_applicable("the API did not reject the invalid API key")
    elif reply(x).status in OF_A_ROUTE:
        yield not_applicable(f"the target does not serve GET /models (HTTP {reply(x).status})")
    elif is_open(x):
        yield Finding(
            f"GET /models accepts an invalid API key, which the API rejects with HTTP {reply(wrong).status}",
            at=reply(x).head,
        )


def _another_route(x: Exchange) -> NotJudged | None:
    """The model was asked in another way than by the tested route, and without an API key."""
    is_handshake = x.case.kind is Kind.WEBSOCKET
    return key_tested(Kind.WEBSOCKET, NO_KEY)(x) if is_handshake else key_tested(Kind.OTHER_ROUTE)(x)


OF_RESPONSES = (
    answered(RESPONSE, probe="responses.hello", **KEY),
    answered(NO, status=401, probe="responses.auth.no-key"),
)
"""The baseline response, and the one to a request without a key."""


def _without_key(*turns: Said) -> Exchange:
    return conversation(*turns, subject=NO_KEY)


@rule(
    "AUTH008",
    MUST,
    "Every route to the model requires the API key",
    spec=AUTHENTICATION,
    fix="Check the API key before routing, for every path, and in the handshake of a WebSocket.",
    applies_to=_another_route,
    needs=("headers", "framing", "bytes"),
    apis=GENERATIVE,
    good=[
        (answered(NO, status=code, probe="chat.sibling.responses"), BASELINE_RESPONSE, REFUSED_BARE)
        for code in (401, 404)
    ]
    + [(_without_key((create(), refused("invalid_api_key", 401))), *OF_RESPONSES)],
    bad=[
        (_without_key((create(), turn_answered())), *OF_RESPONSES),
        (answered({"choices": [{"text": "Hi"}]}, probe="chat.sibling.completions"), BASELINE_RESPONSE, REFUSED_BARE),
        (answered({"output": []}, probe="chat.sibling.responses"), BASELINE_RESPONSE, REFUSED_BARE),
    ],
    compares_with={"bare": Compare(Kind.AUTH, "no-key")},
)
def route_without_a_lock(x: Exchange, baseline: Exchange, bare: Exchange) -> Iterator[Finding | NotJudged]:
    """Anyone can use the model through another path, or over its WebSocket, at the owner's expense.

    Middleware that checks the key of HTTP requests often never sees a WebSocket handshake.
    """
    if skip := keyed(baseline):
        yield skip
    elif not is_refused(bare):
        yield not_applicable("the target did not reject a request without an API key")
    elif _has_completion(x):
        route = "the WebSocket" if x.case.kind is Kind.WEBSOCKET else f"/{x.case.subject}"
        seen = f"{route} returns a completion without an API key; the tested route rejects that with HTTP {reply(bare).status}"
        yield Finding(seen, at=reply(x).head)


def _has_completion(x: Exchange) -> bool:
    """Whether the response has what the model generated."""
    if one := turn(x, UNLOCKED):
        return bool(items(one)) or any(map(output, response_states(one)))
    value = body(x)
    return is_open(x) and isinstance(value, dict) and any(name in value for name in ANSWERS)
