"""Requests that show which of the client's header fields and credentials a gateway passes on."""

from typing import Final

from conformance.model.case import Kind
from conformance.model.probe import Probe, RawRequest
from conformance.model.profile import KEY
from conformance.model.words import THROUGH_GATEWAYS, Api
from conformance.probes.baseline import modes_of, token_cap, with_fields

TRACE: Final = "00-{trace}-00f067aa0ba902b7-01"
TRACE_ID: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
HOP: Final = "X-Canary-Hop"
OWN: Final = RawRequest(
    query="api_key=sk-canary-query",
    headers=(
        ("Accept-Encoding", None),
        ("Connection", f"keep-alive, {HOP}"),
        (HOP, "canary-hop"),
        ("Cookie", "session=canary-cookie"),
        ("X-Team-Note", "canary-note"),
        ("OpenAI-Organization", "org-canary"),
        ("OpenAI-Project", "proj-canary"),
        ("traceparent", TRACE.replace("{trace}", TRACE_ID)),
    ),
)
"""A cookie, a key in the query, fields of the client's own, one of this connection, and a trace."""
SPARE_KEYS: Final = RawRequest(headers=(("x-api-key", "sk-canary-x-api-key"), ("api-key", "sk-canary-api-key")))
"""Credentials beside the one that the gateway asks for."""
SUBSCRIPTION: Final = RawRequest(
    headers=(
        ("x-api-key", KEY),
        ("authorization", "Bearer sk-ant-oat01-canary-subscription"),
        ("anthropic-beta", "oauth-2025-04-20"),
    )
)
BETA: Final = "context-management-2025-06-27"
UNKNOWN_BETA: Final = "canary-feature-2026-11-30"
"""One that no upstream knows: the real API refuses such a request, and names the beta."""


def _own(api: Api) -> Probe:
    more = (("anthropic-beta", BETA),) if api == "messages" else ()
    return Probe(
        api=api,
        kind=Kind.GATEWAY_HEADER,
        subject="own",
        purpose="A request with a cookie, a key in its query, and header fields of the client's own.",
        script="hop-by-hop",
        modes=modes_of(api),
        build_body=with_fields(**token_cap(api, 64)),
        raw=RawRequest(query=OWN.query, headers=(*OWN.headers, *more)),
    )


def _spare_keys(api: Api) -> Probe:
    return Probe(
        api=api,
        kind=Kind.GATEWAY_HEADER,
        subject="spare-keys",
        purpose="A request with further credentials beside the key.",
        script="native-sse",
        modes=("unary",),
        suite="gate" if api == "chat" else "full",
        build_body=with_fields(**token_cap(api, 64)),
        raw=SPARE_KEYS,
    )


PROBES = (
    *map(_own, THROUGH_GATEWAYS),
    *(_spare_keys(api) for api in THROUGH_GATEWAYS if api != "messages"),
    Probe(
        api="messages",
        kind=Kind.GATEWAY_HEADER,
        subject="subscription",
        purpose="The token of a subscription, which the API takes as a bearer only, beside the key in x-api-key.",
        script="native-sse",
        modes=("unary",),
        build_body=with_fields(**token_cap("messages", 64)),
        raw=SUBSCRIPTION,
    ),
    Probe(
        api="messages",
        kind=Kind.GATEWAY_FAULT,
        subject="unknown-beta",
        purpose="A request with two betas, one of which the upstream does not know, and refuses by name.",
        script="unknown-beta",
        modes=("unary",),
        build_body=with_fields(**token_cap("messages", 64)),
        raw=RawRequest(headers=(("anthropic-beta", f"{BETA},{UNKNOWN_BETA}"),)),
        is_followed=False,
    ),
)
