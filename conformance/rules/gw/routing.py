"""Which upstream is asked for which model and at which path; and what the gateway refuses on its own."""

import re
from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.errors import error_response
from conformance.apis.request import request_body
from conformance.apis.response_content import response_content
from conformance.apis.specs import spec
from conformance.model.case import BASELINE, Compare, Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS, Api
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import Object, as_array, as_object, display
from conformance.rules.conditions import OK, replied
from conformance.rules.example import JSON, answered, completion, error
from conformance.rules.gw.attempts import api_by_path, failure, fate, is_generation, is_steered, place, repeats
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import ASKED, both, with_request
from conformance.rules.gw.failing_example import FAULT, GOOD, elsewhere, refused
from conformance.rules.gw.key_fields import fields_sent

SIGN: Final = re.compile(r"fallback|model|provider|upstream|backend|deployment|served|route|target|attempt|retr")
"""Names of response headers by which gateways name who responded."""
DURATION: Final = re.compile(r"time|duration|latency|cost|after|(?:\b|_|-)ms\b")
STEERED: Final = "chat.gateway.header.routing"
NO_ROUTING: Final = (0, 429)
"""No status, and one that does not depend on where a request goes."""
REFUSAL: Final = "chat.gateway.refusal.example"
INVALID_JSON: Final = "invalid-json"
ROLES_OF_CHAT: Final = ("system", "developer", "tool", "function")
UNCAPPED: Final = {name: value for name, value in ASKED.items() if name != "max_tokens"}
OTHER: Final = elsewhere(answered(completion(model="other"), probe=FAULT))


@rule(
    "GW080",
    MUST,
    "Another upstream is asked only if the policy declares a fallback",
    spec="https://docs.litellm.ai/docs/proxy/reliability",
    fix="Declare the fallback (gateway.fallback of the policy), or pass the first upstream's error on.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[both(GOOD, refused(), OTHER), both(refused(), refused())],
    bad=[both(GOOD, refused(), OTHER), both(refused(), refused(400), elsewhere(refused(400)))],
)
def undeclared_fallback(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """Prompts go to a provider that was not agreed on, and another model responds in the name of the first."""
    if all(fate(arrived) in ("answered", "unknown") for arrived in upstream):
        yield not_applicable("no upstream failed")
    for again in repeats(upstream):
        if again.is_elsewhere and fate(again.before) not in ("answered", "unknown") and not policy.gateway.fallback:
            seen = f"{place(again.before)} failed with {failure(again.before)}, and {place(again.after)} was asked"
            yield Finding(seen, at=reply(x).head, expected="the first upstream's error")
            return


@rule(
    "GW081",
    MUST,
    "A fallback shows in the response: by the model's name or by a header, in both modes",
    spec="https://github.com/BerriAI/litellm/issues/31722",
    fix="Pass the responding upstream's model name on in every chunk, or name it in a response header.",
    applies_to=through_gateway(),
    apis=APIS,
    compares_with={"after": Compare(Kind.GATEWAY_AFTER, many=True, optional=True)},
    good=[
        both(answered(completion(model="other"), probe=FAULT), refused(), OTHER),
        both(answered(completion(), headers=[JSON, ("x-served-model", "other")], probe=FAULT), refused(), OTHER),
    ],
    bad=[
        both(answered(completion(), probe=FAULT), refused(), OTHER),
        both(answered(completion(), headers=[JSON, ("x-upstream-time", "9")], probe=FAULT), refused(), OTHER),
    ],
)
def fallback_hidden(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy, after: tuple[Pair, ...]
) -> Iterator[Finding | NotJudged]:
    """The user believes that the model that was asked for has responded, and blames or trusts it."""
    sent = [arrived for arrived in upstream if is_generation(arrived)]
    if not sent or place(sent[-1]) == place(sent[0]) or fate(sent[-1]) != "answered":
        yield not_applicable("no other upstream responded")
    elif reply(x).status not in OK or error_response(x):
        yield not_applicable("the client did not get the other upstream's response (see GW073)")
    else:
        named, answering = response_content(x).models, response_content(sent[-1]).models
        is_named = bool(named) and set(named) <= set(answering)
        if not answering or request_body(x).get("model") in answering or policy.gateway.model in answering:
            yield not_applicable("the other upstream responds under the model's name that was asked for")
        elif not is_named and not _signs(x, after):
            seen = f"{place(sent[-1])} responded as {display(answering[0])}, but the response names {display(named)}"
            yield Finding(seen, at=reply(x).head, expected="its name, or a header that tells of the fallback")


def _signs(x: Exchange, after: tuple[Pair, ...]) -> set[tuple[str, str]]:
    """Headers that may name who responded, and that usual responses do not have like that."""
    usual = {(h.name, h.value) for pair in after for h in reply(pair.client).headers}
    found = {(h.name, h.value) for h in reply(x).headers if SIGN.search(h.name) and not DURATION.search(h.name)}
    return found - usual


@rule(
    "GW082",
    MUST,
    "The path upstream is that of the body's API",
    spec="https://github.com/BerriAI/litellm/issues/41385",
    fix="Derive path and body from the same upstream's API, for a fallback, too.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[
        both(GOOD, GOOD),
        both(GOOD, refused(), OTHER),
        both(GOOD, answered(completion(), body=UNCAPPED, probe="messages.hello")),
        both(GOOD, with_request(GOOD, '{"model":"m","messages":[{"ro')),
    ],
    bad=[
        both(
            GOOD,
            answered(
                completion(), body=ASKED | {"messages": [{"role": "system", "content": "s"}]}, probe="messages.hello"
            ),
        ),
        both(refused(), refused(), refused(404, probe="responses.hello")),
    ],
)
def path_of_another_api(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The upstream refuses the request by 404 or 400, though gateway and upstream both support it."""
    sent = request_body(x)
    if spec(x.api).prompt not in sent or is_steered(x):
        yield not_applicable("the client's request has no conversation, or GW083 is about it")
        return
    if not upstream:
        yield not_applicable("no request arrived upstream")
    for arrived in upstream:
        path = arrived.case.subject
        if not is_generation(arrived):
            if reply(arrived).status in (404, 405):
                yield Finding(f"the request went to {path}, where the upstream serves nothing")
        elif (seen := _of_another(request_body(arrived), api_by_path(arrived))) and seen != _of_another(sent, x.api):
            yield Finding(f"the request went to {path or spec(arrived.api).path}, but its body has {seen}")


def _of_another(body: Object, api: Api) -> str:
    """What shows that a body is one of another API than that of its path; or empty.

    A body that lacks a member, was cut, or is no object, is not one of another API for that.
    """
    if spec(api).prompt not in body:
        others = [other for other in APIS if spec(other).prompt in body]
        return f"`{spec(others[0]).prompt}`, and no `{spec(api).prompt}`" if others else ""
    if api != "messages":
        return ""
    roles = {as_object(message).get("role") for message in as_array(body.get("messages"))}
    found = sorted(role for role in ROLES_OF_CHAT if role in roles)
    return f"a message of the role {found[0]}" if found else ""


@rule(
    "GW083",
    MUST,
    "A client can't steer the gateway by the gateway's own headers",
    spec="https://github.com/envoyproxy/ai-gateway/pull/2410",
    fix="Overwrite or remove the headers by which the gateway routes inside itself, before it reads any of them.",
    applies_to=through_gateway(Kind.GATEWAY_HEADER, Kind.GATEWAY_FAULT),
    apis=APIS,
    compares_with={"usual": BASELINE},
    good=[
        both(answered(completion(), body=ASKED, probe=STEERED), answered(completion(), body=ASKED, probe=STEERED))
        + both(answered(completion(), body=ASKED), answered(completion(), body=ASKED))
    ],
    bad=[
        both(
            answered(completion(), body=ASKED, probe=STEERED),
            answered(completion(), body=ASKED | {"model": "steered-model"}, probe=STEERED),
        )
        + both(answered(completion(), body=ASKED), answered(completion(), body=ASKED)),
        both(refused(404, error("No route."), probe=STEERED))
        + both(answered(completion(), body=ASKED), answered(completion(), body=ASKED)),
    ],
)
def steered_by_header(x: Exchange, upstream: tuple[Exchange, ...], usual: Pair) -> Iterator[Finding | NotJudged]:
    """A tenant reaches models that its key does not allow, or that are billed to others."""
    if not is_steered(x):
        yield not_applicable("the request has none of these headers")
    elif not usual.upstream or not _is_answered(usual.client):
        yield untestable("the same request without these headers did not reach the upstream, or got no response")
    elif not upstream and reply(x).status in NO_ROUTING:
        yield untestable("the request got no response, or the gateway limits the rate: that may have other reasons")
    elif not upstream and not _is_answered(x) and not _is_refused_by_name(x):
        seen = f"with the gateway's own headers set, the request got {reply(x).status}"
        yield Finding(seen, at=reply(x).head, expected="the response of the same request without them")
    else:
        for arrived in upstream:
            yield from _steered(x, arrived, usual.upstream[0])


def _is_answered(x: Exchange) -> bool:
    return reply(x).status in OK and not error_response(x)


def _is_refused_by_name(x: Exchange) -> bool:
    """Whether the gateway refuses a header that the client must not set, and says which."""
    message = error_response(x).message.lower()
    return reply(x).status in range(400, 500) and any(
        f.name.startswith("x-") and f.name in message for f in fields_sent(x)
    )


def _steered(x: Exchange, arrived: Exchange, usual: Exchange) -> Iterator[Finding]:
    """What of a request's route is not as usual, and which of the client's headers stand beside the gateway's own."""
    seen: dict[str, tuple[Any, Any]] = {
        "path": (arrived.case.subject, usual.case.subject),
        "model": (request_body(arrived).get("model"), request_body(usual).get("model")),
    }
    if arrived.case.kind is not Kind.RECORDED:
        del seen["path"]
    for name, (now, before) in seen.items():
        if now != before:
            yield Finding(f"by the client's headers the {name} upstream became {display(now)}, not {display(before)}")
    sent, there = _extensions(x), _extensions(arrived)
    for name, values in sent.items():
        values_there = there.get(name, set())
        if values < values_there:
            yield Finding(f"{name} is there with {display(sorted(values_there))}", expected="the gateway's value alone")


def _extensions(x: Exchange) -> dict[str, set[str]]:
    """The values of a request's headers whose names begin with `x-`."""
    lines = x.sent.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    found: dict[str, set[str]] = {}
    for name, _, value in (line.partition(":") for line in lines):
        if name.lower().startswith("x-"):
            found.setdefault(name.strip().lower(), set()).add(value.strip())
    return found


def _refused_itself(x: Exchange) -> NotJudged | None:
    return through_gateway(Kind.GATEWAY_REFUSAL)(x) or replied(x)


@rule(
    "GW085",
    MUST,
    "What the gateway itself refuses is a 4xx",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-15.5",
    fix="Respond with 400 for a body that is not JSON, 404 for a model without a route, and 401 for a wrong key.",
    applies_to=_refused_itself,
    apis=APIS,
    good=[both(refused(400, probe="chat.gateway.refusal.invalid-json"))],
    bad=[
        both(refused(500, probe="chat.gateway.refusal.invalid-json")),
        both(refused(503, probe=REFUSAL)),
        both(answered(completion(), probe="chat.gateway.refusal.invalid-json")),
        both(refused(429, probe="chat.gateway.refusal.wrong-key")),
    ],
)
def mistake_not_refused(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """SDKs send a request again after a 5xx or 429, with the same mistake; and an operator is called for nothing."""
    status = reply(x).status
    if upstream:
        yield not_applicable("the request was forwarded (see GW062)")
    elif status < 400 and x.case.subject != INVALID_JSON:
        yield not_applicable("the gateway did not refuse the request")
    elif not 400 <= status < 500 or status in (408, 429):
        yield Finding(f"a request with a mistake got HTTP {status}", at=reply(x).head, expected="a 4xx")
