"""What becomes of the fields of a request."""

from collections.abc import Iterator

from conformance.apis.request import request_body
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.model.words import GENERATIVE
from conformance.rules.gw.conditions import named, through_gateway
from conformance.rules.gw.example import ASKED, forwarded

CHAT_SPEC = "https://platform.openai.com/docs/api-reference/chat/create"
USAGE = "stream_options"
"""A gateway may ask for usage itself; that has rules of its own."""


@rule(
    "GW001",
    MUST,
    "Every request field arrives at the upstream",
    spec=CHAT_SPEC,
    fix="Forward the field, or reject the request with a 400 that names it; if it is meant to be dropped, say so in the "
    "policy (gateway.dropped).",
    applies_to=through_gateway(),
    apis=GENERATIVE,
    good=[forwarded(ASKED, ASKED)],
    bad=[forwarded(ASKED, {name: value for name, value in ASKED.items() if name != "max_tokens"})],
)
def field_dropped(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding]:
    """The client believes that a field has its effect when it gets 200.

    A dropped cap is paid for; a dropped response_format breaks the parser.
    """
    for arrived in upstream[:1]:
        if arrived.api != x.api:
            return
        lost = request_body(x).keys() - request_body(arrived).keys() - {USAGE}
        for name in sorted(lost):
            if not named(policy.gateway.dropped, name):
                yield Finding(
                    f"`{name}` was sent, but did not arrive upstream", expected="the field, or a 400 that names it"
                )


@rule(
    "GW002",
    SHOULD,
    "No field arrives at the upstream that the client did not send",
    spec=CHAT_SPEC,
    fix="Forward the client's fields only; if fields are added on purpose, name them in the policy (gateway.added).",
    applies_to=through_gateway(),
    apis=GENERATIVE,
    good=[forwarded(ASKED, ASKED)],
    bad=[forwarded(ASKED, ASKED | {"ignore_eos": False})],
)
def field_added(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding]:
    """An upstream that rejects unknown fields answers 400 to a request that is right."""
    for arrived in upstream[:1]:
        if arrived.api != x.api:
            return
        for name in sorted(request_body(arrived).keys() - request_body(x).keys() - {USAGE}):
            if not named(policy.gateway.added, name):
                yield Finding(f"`{name}` arrived upstream, but was not sent")
