"""Responses from a gateway's cache: only where the owner declares them, and only to requests that ask for the same."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from conformance.apis.embeddings import Values, Vector, by_index, is_same, vectors
from conformance.apis.forwarding.batches import batch, is_in_parts
from conformance.apis.request import request_body
from conformance.apis.response_content import response_content
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.rule import Condition, rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS, GENERATIVE
from conformance.parsing.http1 import reply
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import OK, all_of
from conformance.rules.example import JSON, Headers, answered, completion
from conformance.rules.gw.conditions import named, through_gateway
from conformance.rules.gw.example import ASKED, NONCE, both
from conformance.rules.gw.isolation import is_answer

CHAT_SPEC: Final = "https://platform.openai.com/docs/api-reference/chat/create"
AGE: Final = "https://www.rfc-editor.org/rfc/rfc9111#section-5.1"
CACHE_KEY: Final = "https://www.rfc-editor.org/rfc/rfc9111#section-2"
TENANTS: Final = "https://www.rfc-editor.org/rfc/rfc9111#section-3.5"
AGAIN, TENANT, ENCODING = "again", "tenant", "encoding"
"""The same request: once more, of another client, and for vectors in another form, which a cache may write anew."""
FIRST: Final = Compare(Kind.GATEWAY_CACHE, mode="unary")
ALIKE: Final = Compare(Kind.GATEWAY_CACHE, many=True, any_mode=True, optional=True)
NOT_STORED: Final = ("", "miss", "bypass", "dynamic", "expired", "false", "0", "no", "none")
"""What cache fields say of a response that is not from the cache."""


def reply_to(
    subject: str, text: str = f"{NONCE} attempt 1", headers: Headers = (JSON,), cap: int = 64, model: str = "m"
) -> Exchange:
    """The response to a request of the cache's probes."""
    probe = ".".join(part for part in ("chat.gateway.cache", subject) if part)
    body = ASKED | {"max_tokens": cap, "model": model}
    return answered(completion({"content": text}), headers=headers, probe=probe, body=body)


ASKED_FIRST = both(reply_to(""), reply_to(""))


def _about(*subjects: str, but: tuple[str, ...] = ()) -> Condition:
    """A request that has a nonce in common with an earlier one: of these subjects, or of all but some."""

    def is_about(x: Exchange) -> NotJudged | None:
        is_meant = x.case.subject in subjects if subjects else x.case.subject not in but
        return None if x.case.subject and is_meant else OUT_OF_SCOPE

    return is_about


def _not_stored(x: Exchange, upstream: tuple[Exchange, ...], first: Pair) -> NotJudged | None:
    """Why the reply can't be from a cache."""
    if not first.upstream or not is_answer(first.client):
        return untestable("the first of the requests got no response from the upstream")
    if not upstream and not is_answer(x):
        return not_applicable(f"the request failed (HTTP {reply(x).status})")
    return None


def content_of(x: Exchange) -> tuple[Any, ...]:
    """What a response says, in either mode: texts, calls and endings, or vectors."""
    choices = tuple(
        (choice.text, tuple((call.name, call.arguments) for call in choice.calls), choice.end)
        for choice in response_content(x).choices
    )
    return choices or tuple(vector.values or () for vector in _vectors(x))


def _vectors(x: Exchange) -> tuple[Vector, ...]:
    return vectors(x) if x.api == "embeddings" else ()


def _is_same(x: Exchange, other: Exchange) -> bool:
    """Whether two responses say the same; vectors may be rounded to 32-bit floats."""
    mine, theirs = _vectors(x), _vectors(other)
    if not mine or len(mine) != len(theirs):
        return content_of(x) == content_of(other)
    return all(is_same(one.values or (), two.values or ()) for one, two in zip(mine, theirs, strict=True))


@rule(
    "GW109",
    MUST,
    "Equal requests both reach the upstream, or get the same response from a declared cache",
    spec=CHAT_SPEC,
    fix="Turn the response cache off, or declare it in the policy (gateway.cache); replay stored responses unchanged.",
    applies_to=all_of(through_gateway(Kind.GATEWAY_CACHE), _about(AGAIN)),
    apis=APIS,
    good=[
        (*both(reply_to(AGAIN, f"{NONCE} attempt 2"), reply_to(AGAIN, f"{NONCE} attempt 2")), *ASKED_FIRST),
    ],
    bad=[(*both(reply_to(AGAIN, "something else")), *ASKED_FIRST)],
    compares_with={"first": FIRST, "alike": ALIKE},
)
def cached_undeclared(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy, first: Pair, alike: Sequence[Pair]
) -> Iterator[Finding | NotJudged]:
    """Sampling is lost: who retries because the response was bad gets it again; and users share responses."""
    if not upstream and x.mode == "stream" and reply(x).status in OK and not looks_like_events(x):
        yield Finding("the response from the cache to a streaming request is not an event stream", at=reply(x).head)
    elif skip := _not_stored(x, upstream, first):
        yield skip
    elif upstream:
        return
    elif not policy.gateway.cache and x.api in GENERATIVE:  # a text has one embedding, whoever computed it, and when
        yield Finding("an equal request got a response without the upstream", expected="a request, or gateway.cache")
    else:
        stored = [first.client, *(pair.client for pair in alike if pair.client.case.subject == AGAIN and pair.upstream)]
        if not any(_is_same(x, other) for other in stored):
            yield Finding(f"the response from the cache differs from the stored one: {str(content_of(x))[:80]}")


@rule(
    "GW110",
    SHOULD,
    "A response from the cache says so",
    spec=AGE,
    fix="Send Age, or a field of the gateway's own that names the cache (x-cache: HIT), with each stored response.",
    applies_to=all_of(through_gateway(Kind.GATEWAY_CACHE), _about(AGAIN)),
    apis=APIS,
    good=[(*both(reply_to(AGAIN, headers=(JSON, ("age", "1")))), *ASKED_FIRST)],
    bad=[
        (*both(reply_to(AGAIN)), *ASKED_FIRST),
        (*both(reply_to(AGAIN, headers=(JSON, ("x-cache", "MISS")))), *ASKED_FIRST),
    ],
    compares_with={"first": FIRST},
)
def cache_hidden(x: Exchange, upstream: tuple[Exchange, ...], first: Pair) -> Iterator[Finding | NotJudged]:
    """Who debugs a response, or counts tokens, treats it as a new one."""
    if skip := _not_stored(x, upstream, first):
        yield skip
    elif upstream:
        yield not_applicable("the response is not from a cache")
    elif not any(_names_cache(header.name, header.value) for header in reply(x).headers):
        yield Finding("no header field says that the response is from a cache", at=reply(x).head)


def _names_cache(name: str, value: str) -> bool:
    words = value.strip().lower()
    return name == "age" or ("cache" in name and name != "cache-control" and words not in NOT_STORED)


@rule(
    "GW111",
    MUST,
    "A cached response is only for requests that ask for the same",
    spec=CACHE_KEY,
    fix="Make the cache key from the whole request body: sampling, caps, tools, images and instructions change a response.",
    applies_to=all_of(through_gateway(Kind.GATEWAY_CACHE), _about(but=(AGAIN, TENANT, ENCODING))),
    apis=APIS,
    good=[(*both(reply_to("cap", f"{NONCE} attempt 3"), reply_to("cap", f"{NONCE} attempt 3")), *ASKED_FIRST)],
    bad=[(*both(reply_to("cap", headers=(JSON, ("age", "1")), cap=48)), *ASKED_FIRST)],
    compares_with={"first": FIRST},
)
def cache_key_incomplete(
    x: Exchange, upstream: tuple[Exchange, ...], policy: Policy, first: Pair
) -> Iterator[Finding | NotJudged]:
    """A request for 4000 tokens gets the response of 16, one about a picture that about another one, one for a large
    model that of a small one, and a text the embedding of another.
    """
    if skip := _not_stored(x, upstream, first):
        yield skip
    elif known := _known_by_input(x, upstream, first.client):
        yield from _of_other_inputs(x, known)
    elif upstream:
        return
    elif policy.gateway.cache and (different := _differences(x, first.client)) <= _equated(policy, different):
        yield not_applicable("what the request differs in does not reach the upstream (gateway.dropped, gateway.model)")
    else:
        yield Finding(f"a request with another {x.case.subject} got a response without the upstream", at=reply(x).head)


def _known_by_input(x: Exchange, upstream: tuple[Exchange, ...], first: Exchange) -> dict[str, Values]:
    """The vectors of all inputs of a request, some of which the upstream was not asked for; empty if some are unknown.

    A cache may keep each text with its vector: those of the first request are known, as only its inputs differ.
    """
    is_stored = not upstream or is_in_parts(x, upstream)
    if x.api != "embeddings" or not is_stored or not _differences(x, first) <= {"input"}:
        return {}
    known = {text: vector for one in (first, *upstream) for text, vector in _by_input(one)}
    return known if {*batch(x)} <= known.keys() else {}


def _by_input(x: Exchange) -> Iterator[tuple[str, Values]]:
    found = by_index(x)
    return ((text, found[at]) for at, text in enumerate(batch(x)) if at in found)


def _of_other_inputs(x: Exchange, known: dict[str, Values]) -> Iterator[Finding]:
    for at, text in enumerate(batch(x)):
        if not is_same(known[text], by_index(x).get(at, ())):
            yield Finding(f"the embedding with index {at} is not that of its input", at=reply(x).head)


def _differences(x: Exchange, other: Exchange) -> set[str]:
    """The fields in which two request bodies differ."""
    mine, theirs = request_body(x), request_body(other)
    return {name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)}


def _equated(policy: Policy, names: set[str]) -> set[str]:
    """Those of these fields that the gateway is meant to drop, or to send with one value whatever the client's is."""
    is_aliased = policy.gateway.model is not None
    return {name for name in names if named(policy.gateway.dropped, name) or (name == "model" and is_aliased)}


@rule(
    "GW112",
    MUST,
    "A cached response is only for the client that asked",
    spec=TENANTS,
    fix="Make the client's key, or its tenant, a part of the cache key.",
    applies_to=all_of(through_gateway(Kind.GATEWAY_CACHE), _about(TENANT)),
    apis=GENERATIVE,
    good=[
        (*both(reply_to(TENANT, f"{NONCE} attempt 3"), reply_to(TENANT, f"{NONCE} attempt 3")), *ASKED_FIRST),
    ],
    bad=[(*both(reply_to(TENANT)), *ASKED_FIRST)],
    compares_with={"first": FIRST},
)
def cache_shared(x: Exchange, upstream: tuple[Exchange, ...], first: Pair) -> Iterator[Finding | NotJudged]:
    """One tenant gets what another one paid for, and what it asked, perhaps with no valid key at all."""
    if skip := _not_stored(x, upstream, first):
        yield skip
    elif not upstream:
        yield Finding("a request with another client's key got a response without the upstream", at=reply(x).head)
