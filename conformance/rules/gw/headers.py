"""Header fields on both sides of a gateway: which are forwarded, which are not, and which are its own."""

import gzip
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from conformance.apis.request import request_body
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MAY, MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS, CONVERSATIONAL
from conformance.parsing.http1 import reply, request_header
from conformance.rules.conditions import OK
from conformance.rules.example import JSON, answered, completion
from conformance.rules.gw.answers import source
from conformance.rules.gw.conditions import named, through_gateway
from conformance.rules.gw.credentials import NOTHING_ARRIVED, request_with
from conformance.rules.gw.example import both
from conformance.rules.gw.key_fields import BASELINES, CARRIERS, COOKIE, all_pairs, fields_sent, key_upstream

CONNECTION: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1"
CONTENT_TYPE: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-8.3"
ACCEPT_ENCODING: Final = "https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3"
ORGANIZATIONS: Final = "https://platform.openai.com/docs/api-reference/authentication"
VERSIONS: Final = "https://platform.claude.com/docs/en/api/versioning"
BETAS: Final = "https://platform.claude.com/docs/en/api/beta-headers"
TRACES: Final = "https://www.w3.org/TR/trace-context/#traceparent-header"
INTERNAL: Final = "https://github.com/coder/coder/pull/23731"
REQUEST_IDS: Final = "https://platform.openai.com/docs/api-reference/debugging-requests"

CONTROLS: Final = ("close", "keep-alive", "te", "upgrade", "trailer", "transfer-encoding", "http2-settings", "")
"""Connection options that concern the connection itself: each side has its own."""
OF_CONTENT_AND_API: Final = (
    *("accept", "accept-*", "content-*", "user-agent", "x-stainless-*", "anthropic-*", "openai-*"),
    *("traceparent", "tracestate", "baggage", "b3", "x-b3-*", "sentry-trace", "uber-trace-id", "x-datadog-*"),
    *("idempotency-key", "*request-id", "*correlation-id", "*trace-id", "x-cloud-trace-context", "prefer"),
    *("host", "connection", "keep-alive", "transfer-encoding", "te", "expect", "date", "cache-control", "pragma"),
    *("via", "forwarded", "x-forwarded-*", "x-real-ip", "x-envoy-*", "x-amz-*", "x-goog-*", "x-ms-*", "priority"),
    *("http-referer", "referer", "origin", "x-title", "x-retry-count", "x-attempt*", "sec-*", "upgrade", "trailer"),
)
"""Fields that describe content, API, trace, connection or path of a request: no secret of a client or a gateway."""
ACCOUNTS: Final = ("openai-organization", "openai-project")
"""Fields that choose the account which pays."""
TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
REQUEST_ID: Final = re.compile(r"(?:request|correlation|trace)-?id|traceparent|cf-ray")


def hops(options: Sequence[str]) -> set[str]:
    """The fields that Connection names as those of one connection."""
    return {part.strip().lower() for value in options for part in value.split(",")} - {*CONTROLS}


@rule(
    "GW094",
    SHOULD,
    "Header fields of the client's own stay with the gateway",
    spec=ORGANIZATIONS,
    fix="Forward only the fields that describe the content, the API and the trace; name further ones in the policy "
    "(gateway.headers).",
    applies_to=through_gateway(Kind.GATEWAY_HEADER),
    apis=APIS,
    good=[both(request_with(("x-team", "canary")), request_with(("authorization", "Bearer sk-canary-upstream")))],
    bad=[
        both(
            request_with(("OpenAI-Organization", "org-canary")),
            request_with(("authorization", "Bearer sk-canary-upstream"), ("openai-organization", "org-canary")),
        )
    ],
    compares_with={"baselines": BASELINES},
)
def client_header_forwarded(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy, baselines: Sequence[Pair]
) -> Iterator[Finding | NotJudged]:
    """A third party reads what was meant for the gateway; an organisation of the client's is none of the upstream's."""
    if not upstream:
        yield NOTHING_ARRIVED
    elif key_upstream(all_pairs(x, upstream, baselines), policy) == "client":
        yield not_applicable("the gateway passes the client's key on: the upstream is the client's own")
    else:
        for arrived in upstream[:1]:
            there = {(field.name, field.value) for field in fields_sent(arrived)}
            of_connection = hops(request_header(x, "connection"))
            for field in fields_sent(x):
                is_forwarded = (field.name, field.value) in there and not named(policy.gateway.headers, field.name)
                if is_forwarded and _is_own(field.name) and field.name not in of_connection:
                    yield Finding(f"the header field {field.name} of the client arrived upstream")


def _is_own(name: str) -> bool:
    """Whether a field is neither a credential, which other rules judge, nor describes content, API or path."""
    return name in ACCOUNTS or not (name in CARRIERS or name == COOKIE or named(OF_CONTENT_AND_API, name))


@rule(
    "GW095",
    MAY,
    "The gateway's own header fields do not reach the upstream",
    spec=INTERNAL,
    fix="Remove the gateway's own fields at the last hop, or name them in the policy (gateway.headers).",
    applies_to=through_gateway(Kind.BASELINE, Kind.GATEWAY_HEADER),
    apis=APIS,
    good=[
        both(request_with(), request_with(("via", "1.1 gw"))),
        both(request_with(("x-team", "a")), request_with(("x-team", "a"))),
    ],
    bad=[both(request_with(), request_with(("x-ai-bridge-session", "u-17")))],
)
def internal_header_upstream(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy
) -> Iterator[Finding | NotJudged]:
    """They tell a third party about users, routes and limits behind the gateway."""
    if not upstream:
        yield NOTHING_ARRIVED
    given = {field.name for field in fields_sent(x)}
    for arrived in upstream[:1]:
        for name in sorted({field.name for field in fields_sent(arrived)} - given):
            if _is_own(name) and name not in ACCOUNTS and not named(policy.gateway.headers, name):
                yield Finding(f"the header field {name} arrived upstream, but was not sent by the client")


HOP: tuple[tuple[str, str], ...] = (("connection", "keep-alive, x-hop"), ("x-hop", "1"))


@rule(
    "GW096",
    SHOULD,
    "Header fields that Connection names are not forwarded",
    spec=CONNECTION,
    fix="Remove from each message the fields that its Connection field names, and Connection itself, before forwarding it.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[both(request_with(*HOP), request_with()), both(request_with(), answered(completion(), headers=(JSON, *HOP)))],
    bad=[
        both(request_with(*HOP), request_with(("x-hop", "1"))),
        both(answered(completion(), headers=(JSON, HOP[1])), answered(completion(), headers=(JSON, *HOP))),
    ],
)
def hop_by_hop_forwarded(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """They describe one connection, and RFC 9110 demands that they end there.

    Widespread proxies, such as nginx, pass them on all the same, and no client or upstream is known to be harmed.
    """
    by_client = hops(request_header(x, "connection"))
    by_upstream = {name for arrived in upstream for name in hops(reply(arrived).values("connection"))}
    if not by_client and not by_upstream:
        yield not_applicable("neither side names fields of its connection")
    for arrived in upstream:
        for name in sorted(by_client & {field.name for field in fields_sent(arrived)}):
            yield Finding(f"{name} is a field of the client's connection, but arrived upstream")
    for name in sorted(by_upstream):
        if reply(x).values(name) and reply(x).values(name) == reply(upstream[-1]).values(name):
            yield Finding(
                f"{name} is a field of the upstream's connection, but reached the client", at=reply(x).span(name)
            )


MESSAGES: dict[str, Any] = {"probe": "messages.hello"}
VERSION = ("anthropic-version", "2023-06-01")
BETA = ("anthropic-beta", "context-1m-2025-08-07, interleaved-thinking-2025-05-14")


@rule(
    "GW097",
    MUST,
    "A request to the Messages API names its version",
    spec=VERSIONS,
    fix="Forward anthropic-version, and set it where a request is translated to the Messages API.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[both(request_with(VERSION, **MESSAGES), request_with(VERSION, **MESSAGES))],
    bad=[both(request_with(VERSION, **MESSAGES), request_with(**MESSAGES))],
)
def version_missing(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The API requires it, and responds with 400 to a request without."""
    there = [arrived for arrived in upstream if arrived.api == "messages"]
    if not there:
        yield not_applicable("no request arrived at the Messages API of the upstream")
    elif x.api == "messages" and not request_header(x, "anthropic-version"):
        yield not_applicable("the client named no version")
    for arrived in there:
        if not request_header(arrived, "anthropic-version") and "anthropic_version" not in request_body(arrived):
            yield Finding("a request arrived upstream without anthropic-version")


def _betas(x: Exchange) -> set[str]:
    """The betas that a request names, in its header or, as on Bedrock, in its body."""
    in_body = request_body(x).get("anthropic_beta")
    named_there = {str(name) for name in in_body} if isinstance(in_body, list) else set()
    return {part.strip() for value in request_header(x, "anthropic-beta") for part in value.split(",")} - {
        ""
    } | named_there


@rule(
    "GW098",
    SHOULD,
    "The version and the betas of the Messages API arrive as the client named them",
    spec=BETAS,
    fix="Forward anthropic-version and each value of anthropic-beta, or reject the request with a 400 that names the beta.",
    applies_to=through_gateway(),
    apis=("messages",),
    good=[both(request_with(VERSION, BETA, **MESSAGES), request_with(VERSION, BETA, **MESSAGES))],
    bad=[
        both(request_with(VERSION, BETA, **MESSAGES), request_with(VERSION, **MESSAGES)),
        both(request_with(VERSION, **MESSAGES), request_with(("anthropic-version", "2023-01-01"), **MESSAGES)),
    ],
)
def beta_dropped(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """Without its beta a request is rejected, or served without the feature that the client relies on.

    The request that counts is the one whose response the client got: a gateway may drop a refused beta in a further one.
    """
    arrived = source(x, upstream)
    if isinstance(arrived, NotJudged):
        yield arrived
        return
    lost = sorted(_betas(x) - _betas(arrived))
    if lost and not named(policy.gateway.dropped, "anthropic-beta"):
        yield Finding(f"anthropic-beta arrived upstream without {', '.join(lost)}")
    was, is_now = request_header(x, "anthropic-version"), request_header(arrived, "anthropic-version")
    if was and is_now and was != is_now and not named(policy.gateway.changed, "anthropic-version"):
        yield Finding(f"anthropic-version is {is_now[0][:40]} upstream; the client sent {was[0][:40]}")


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def trace_id(x: Exchange) -> str:
    """The trace that a request belongs to, or empty."""
    found = (TRACEPARENT.fullmatch(value.strip().lower()) for value in request_header(x, "traceparent"))
    return next((match[1] for match in found if match), "")


@rule(
    "GW099",
    SHOULD,
    "A request upstream belongs to the trace of the client's",
    spec=TRACES,
    fix="Forward traceparent, or send a child of it: another span in the same trace.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[
        both(request_with(("traceparent", TRACE)), request_with(("traceparent", TRACE))),
        both(request_with(("traceparent", TRACE)), request_with(("traceparent", TRACE.replace("00f0", "10f0")))),
    ],
    bad=[
        both(request_with(("traceparent", TRACE)), request_with()),
        both(request_with(("traceparent", TRACE)), request_with(("traceparent", TRACE.replace("4bf9", "5bf9")))),
    ],
)
def trace_ends(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Who looks for a slow or failed request finds no further than the gateway."""
    trace = trace_id(x)
    if not trace:
        yield not_applicable("the client sent no traceparent")
    elif not upstream:
        yield NOTHING_ARRIVED
    for arrived in upstream if trace else ():
        there = trace_id(arrived)
        if there != trace:
            seen = (
                f"traceparent names another trace upstream: {there}" if there else "traceparent did not arrive upstream"
            )
            yield Finding(seen, expected=f"the trace {trace}")


@rule(
    "GW100",
    MAY,
    "A reply has a request id if the upstream's had one",
    spec=REQUEST_IDS,
    fix="Forward x-request-id of the upstream, or set one of the gateway's own.",
    applies_to=through_gateway(Kind.BASELINE),
    apis=APIS,
    good=[
        both(
            answered(completion(), headers=(JSON, ("x-gateway-request-id", "a"))),
            answered(completion(), headers=(JSON, ("x-request-id", "b"))),
        )
    ],
    bad=[both(answered(completion()), answered(completion(), headers=(JSON, ("x-request-id", "b"))))],
)
def request_id_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Without one, neither the gateway's owner nor the provider can find the request that a user complains about."""
    if not upstream or not _has_request_id(upstream[-1]):
        yield not_applicable("the upstream sent no request id")
    elif not reply(x).status:
        yield untestable("no response was received")
    elif not _has_request_id(x):
        yield Finding("the upstream sent a request id; the reply to the client has none", at=reply(x).head)


def _has_request_id(x: Exchange) -> bool:
    return any(REQUEST_ID.search(header.name) and header.value for header in reply(x).headers)


GZIPPED = answered(
    gzip.compress(b"{}", mtime=0), headers=(JSON, ("content-encoding", "gzip")), probe="chat.gateway.header.own"
)


@rule(
    "GW101",
    SHOULD,
    "A client that names no content coding gets none",
    spec=ACCEPT_ENCODING,
    fix="Compress a reply only if the client's Accept-Encoding lists the coding; decode what the upstream compressed.",
    applies_to=through_gateway(Kind.GATEWAY_HEADER),
    apis=APIS,
    good=[both(request_with(), request_with(("accept-encoding", "gzip")))],
    bad=[both(GZIPPED, request_with(("accept-encoding", "gzip")))],
)
def compressed_unasked(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Plain clients do not decompress: they read compressed bytes as text."""
    if request_header(x, "accept-encoding"):
        yield not_applicable("the client names the content codings that it accepts")
    elif reply(x).status not in OK:
        yield untestable(f"the status is {reply(x).status}" if reply(x).status else "no response was received")
    elif reply(x).coding not in ("", "identity"):
        theirs = ", ".join(value for arrived in upstream for value in request_header(arrived, "accept-encoding"))
        yield Finding(
            f"the reply has Content-Encoding: {reply(x).coding[:40]}; the client named no coding"
            + (f", but the gateway named {theirs[:60]} upstream" if theirs else ""),
            at=reply(x).span("content-encoding"),
        )


@rule(
    "GW102",
    MUST,
    "The JSON of a request arrives with Content-Type: application/json",
    spec=CONTENT_TYPE,
    fix="Set Content-Type: application/json on each request with a JSON body.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[both(request_with(JSON), request_with(("content-type", "application/json; charset=utf-8")))],
    bad=[
        both(request_with(JSON), request_with()),
        both(request_with(JSON), request_with(("content-type", "text/plain"))),
    ],
)
def content_type_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Upstreams reject a JSON body with another media type, or read nothing of it."""
    if not upstream:
        yield NOTHING_ARRIVED
    elif not any(map(_is_json, request_header(x, "content-type"))):
        yield not_applicable("the client did not send application/json")
    else:
        for arrived in upstream:
            given = request_header(arrived, "content-type")
            if not given or not all(map(_is_json, given)):
                yield Finding(
                    f"Content-Type is {', '.join(given)[:80] or 'missing'} upstream", expected="application/json"
                )


def _is_json(value: str) -> bool:
    kind = value.partition(";")[0].strip().lower()
    return kind == "application/json" or fnmatchcase(kind, "application/*+json")
