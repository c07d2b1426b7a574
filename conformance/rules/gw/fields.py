"""What becomes of the fields of a request: each arrives equal, or is refused by name, and nothing is added."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.forwarding.aspects import Aspect
from conformance.apis.forwarding.records import Fate
from conformance.apis.request import request_body
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged
from conformance.model.words import APIS
from conformance.rules.gw.arrivals import SENT, Upstream, about, findings, forwarded_of, sent_with
from conformance.rules.gw.example import ASKED, forwarded, forwarded_text

CHAT_SPEC: Final = "https://platform.openai.com/docs/api-reference/chat/create"
JSON_SPEC: Final = "https://www.rfc-editor.org/rfc/rfc8259#section-6"
OF_OTHER_MODELS: Final = ((Kind.GATEWAY_REFUSAL, "unknown-model"), (Kind.GATEWAY_CACHE, "model"))
"""The requests that name another model than the target's, which the policy's name is not for."""
EXPECTED: Final = "the value as it was sent, or a 400 that names the field"
COOL: Final = ASKED | {"temperature": 0}
TICK: Final[dict[str, Any]] = {"type": "function", "function": {"name": "tick"}}
LOOSE: Final = TICK | {"function": {"name": "tick", "strict": False}}
HUGE: Final = '{"model":"m","messages":[{"role":"user","content":"Hi"}],"seed":%s}'


@rule(
    "GW001",
    MUST,
    "Every request field arrives at the upstream",
    spec=CHAT_SPEC,
    fix="Forward the field, or reject the request with a 400 that names it; if it is meant to be dropped, say so in the "
    "policy (gateway.dropped).",
    applies_to=SENT,
    apis=APIS,
    good=[forwarded(ASKED, ASKED)],
    bad=[
        forwarded(ASKED, {name: value for name, value in ASKED.items() if name != "max_tokens"}),
        forwarded(
            ASKED | {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "strict": True}}},
            ASKED | {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        ),
    ],
)
def field_dropped(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """The client believes that a field has its effect when it gets 200.

    A dropped cap is paid for; a dropped response_format breaks the parser. Members of a field count, too.
    """
    yield from findings(
        x, upstream, policy, about(Aspect.FIELD, fate=Fate.DROPPED), "the field, or a 400 that names it"
    )


@rule(
    "GW002",
    SHOULD,
    "No field arrives at the upstream that the client did not send",
    spec=CHAT_SPEC,
    fix="Forward the client's fields only; if fields are added on purpose, name them in the policy (gateway.added).",
    applies_to=SENT,
    apis=APIS,
    good=[
        forwarded(ASKED, ASKED),
        forwarded(ASKED | {"stream": True}, ASKED | {"stream": True, "stream_options": {"include_usage": True}}),
        forwarded(ASKED | {"tools": [TICK]}, ASKED | {"tools": [LOOSE], "stream": False, "logprobs": False}),
    ],
    bad=[forwarded(ASKED, ASKED | {"ignore_eos": False})],
)
def field_added(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """An upstream that rejects unknown fields responds with 400 to a request that is right.

    Usage at the end of a stream may be requested, for the gateway's own accounts; and what is the documented default
    may be written out.
    """
    yield from findings(x, upstream, policy, about(Aspect.FIELD, fate=Fate.ADDED))


@rule(
    "GW003",
    MUST,
    "Every value arrives as it was sent",
    spec=CHAT_SPEC,
    fix="Forward the value unchanged, or reject the request with a 400 that names the field; if it is changed on "
    "purpose, name the field in the policy (gateway.changed).",
    applies_to=SENT,
    apis=APIS,
    good=[forwarded(ASKED, ASKED), forwarded_text(HUGE % "1.0", HUGE % "1")],
    bad=[
        forwarded(ASKED, ASKED | {"max_tokens": 4096}),
        forwarded(ASKED | {"stream": True}, ASKED | {"stream": False}),
    ],
)
def value_changed(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """The response then belongs to another request, at another price, and nothing says so."""
    yield from findings(x, upstream, policy, about(Aspect.FIELD, fate=Fate.CHANGED), EXPECTED)


@rule(
    "GW004",
    MUST,
    "An explicit 0 or false arrives",
    spec=CHAT_SPEC,
    fix="Tell a field that is 0 or false from one that is absent: forward whatever was sent (in Go a pointer instead of "
    "omitempty, in JavaScript `!== undefined`).",
    applies_to=sent_with(Aspect.EMPTY),
    apis=APIS,
    good=[
        forwarded(COOL, COOL),
        forwarded(COOL | {"stream": False}, COOL),
        forwarded(COOL | {"tools": [LOOSE]}, COOL | {"tools": [TICK]}),
    ],
    bad=[forwarded(COOL, ASKED), forwarded(COOL | {"parallel_tool_calls": False}, COOL)],
)
def falsy_value_dropped(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """Temperature 0 makes responses repeatable, and the default is 1; `store: false` keeps data from being stored.

    A gateway that drops what is 0 or false returns the defaults. What is the documented default itself may be left out:
    `stream: false`, or `strict: false` of a tool of Chat Completions.
    """
    yield from findings(x, upstream, policy, about(Aspect.EMPTY), EXPECTED)


@rule(
    "GW005",
    SHOULD,
    "An explicit null, or an empty text, list or object arrives",
    spec=CHAT_SPEC,
    fix="Tell a field that is null or empty from one that is absent, and forward whatever was sent.",
    applies_to=sent_with(Aspect.NOTHING),
    apis=APIS,
    good=[forwarded(ASKED | {"stop": None, "metadata": {}}, ASKED | {"stop": None, "metadata": {}})],
    bad=[forwarded(ASKED | {"stop": None, "metadata": {}}, ASKED)],
)
def empty_value_dropped(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """To most servers null is as good as absent. Where an owner has set defaults, it is the way to turn them off."""
    yield from findings(x, upstream, policy, about(Aspect.NOTHING), EXPECTED)


@rule(
    "GW006",
    MUST,
    "Numbers keep their digits",
    spec=JSON_SPEC,
    fix="Forward the bytes, or parse JSON with exact integers: json-bigint in JavaScript, json.Number in Go.",
    applies_to=sent_with(Aspect.DIGITS),
    apis=APIS,
    good=[
        forwarded_text(HUGE % "9007199254740993", HUGE % "9007199254740993"),
        forwarded_text(HUGE % "1.10", HUGE % "1.1"),
    ],
    bad=[
        forwarded_text(HUGE % "9007199254740993", HUGE % "9007199254740992"),
        forwarded_text(HUGE % "0.7", HUGE % "0.699999988079071"),
    ],
)
def digits_lost(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """Integers above 2^53 are no doubles: a gateway that reads them as such changes a seed, or an ID in a tool call.

    That `1.10` becomes `1.1`, or `1.0` becomes `1`, changes no value.
    """
    yield from findings(x, upstream, policy, about(Aspect.DIGITS), "the same digits")


@rule(
    "GW007",
    MUST,
    "A value outside of its range is forwarded or refused, not replaced",
    spec=CHAT_SPEC,
    fix="Let the upstream decide, or reject the request with a 400 that names the field.",
    applies_to=sent_with(Aspect.RANGE),
    apis=APIS,
    good=[forwarded(ASKED | {"top_p": 1.1}, ASKED | {"top_p": 1.1})],
    bad=[forwarded(ASKED | {"top_p": 1.1}, ASKED | {"top_p": 1})],
)
def value_clamped(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """The client's mistake stays hidden: it gets 200, and a response to a request that it did not make."""
    yield from findings(x, upstream, policy, about(Aspect.RANGE), EXPECTED)


@rule(
    "GW008",
    SHOULD,
    "Texts and lists keep their shape",
    spec=CHAT_SPEC,
    fix="Forward a text as a text, and a list as a list.",
    applies_to=SENT,
    apis=APIS,
    good=[forwarded(ASKED | {"stop": "x"}, ASKED | {"stop": "x"})],
    bad=[
        forwarded(ASKED | {"stop": "x"}, ASKED | {"stop": ["x"]}),
        forwarded(ASKED, ASKED | {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}),
    ],
)
def shape_changed(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """Both shapes mean the same in the API's reference, but not every server accepts both.

    Chat templates of many models take a text only. The text of a call's arguments counts, too: written anew, it is
    another prompt, which no cache knows.
    """
    yield from findings(x, upstream, policy, about(Aspect.SHAPE))


@rule(
    "GW009",
    MUST,
    "The model's name arrives as it was sent, or as the policy says",
    spec=CHAT_SPEC,
    fix="Forward the model's name; if the upstream has another one, name it in the policy (gateway.model).",
    applies_to=SENT,
    apis=APIS,
    good=[forwarded(ASKED, ASKED)],
    bad=[forwarded(ASKED, ASKED | {"model": "cheaper"})],
)
def model_replaced(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """The client pays for one model, and another one replies."""
    yield from findings(x, upstream, policy, about(Aspect.MODEL))
    arrived, alias = forwarded_of(x, upstream), policy.gateway.model
    name = request_body(x).get("model")
    if (
        arrived is not None
        and isinstance(name, str)
        and alias not in (None, name)
        and request_body(arrived).get("model") == name
        and (x.case.kind, x.case.subject) not in OF_OTHER_MODELS
    ):
        yield Finding(f"the model's name arrived as the client's, and not as {alias!r}, which the policy names")
