"""Each client gets the response to its own request, and the upstream each client's own text."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from conformance.apis.embeddings import Values, vectors
from conformance.apis.nonce import nonces
from conformance.apis.response_content import response_content
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange, Pair, cached_reader
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, not_applicable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply, request_content
from conformance.rules.conditions import OK, all_of
from conformance.rules.emb.example import ONE, TWO, single
from conformance.rules.example import answered, completion
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.example import ASKED, NONCE, both

MIXED_UP: Final = "https://github.com/BerriAI/litellm/issues/25447"
CHAT_SPEC: Final = "https://platform.openai.com/docs/api-reference/chat/create"
EVERY_KIND: Final = (Kind.BASELINE, *(kind for kind in Kind if kind.startswith("gateway.")))
OTHERS: Final = Compare(EVERY_KIND, many=True, any_profile=True, any_api=True, any_mode=True)

FOREIGN = "qforeignforeign2"
EMBEDDED: Final = "gateway.burst.01"
BURST: dict[str, Any] = {"probe": "chat.gateway.burst.01", "body": ASKED}


def response_with(text: str, **facts: Any) -> Exchange:
    """A response with this text."""
    return answered(completion({"content": text}), **{**BURST, **facts})


def _embedded(got: Values, sent: Values) -> tuple[Exchange, ...]:
    """Both sides of a request for an embedding."""
    return both(*(single(values, f"Hi ({NONCE}:native-sse)", EMBEDDED) for values in (got, sent)))


def _of_another(pair: tuple[Exchange, ...] = ()) -> tuple[Exchange, ...]:
    """Both sides of a request with another nonce."""
    client, arrived = pair or both(response_with(FOREIGN), response_with(FOREIGN))
    renamed: list[dict[str, Any]] = [{"nonce": FOREIGN, "id": f"other{at}"} for at in range(2)]
    return tuple(replace(x, **changes, cache={}) for x, changes in zip((client, arrived), renamed, strict=True))


RIGHT = both(response_with(f"{NONCE} attempt 1"), response_with(f"{NONCE} attempt 1"))


@cached_reader
def nonces_received(x: Exchange) -> frozenset[str]:
    """All nonces in a reply: in its header, its body, and its text put together."""
    texts = "\n".join(choice.text for choice in response_content(x).choices)
    return nonces(x.received) | nonces(reply(x).content) | nonces(texts.encode("utf-8", "replace"))


@cached_reader
def nonces_sent(x: Exchange) -> frozenset[str]:
    """All nonces in a request."""
    return nonces(x.sent) | nonces(request_content(x))


def _owners(found: frozenset[str], x: Exchange, others: Sequence[Pair]) -> list[str]:
    """The test cases of other requests to which these nonces belong."""
    foreign = found - nonces_sent(x) - {x.nonce}
    return sorted({pair.client.case.probe for pair in others if pair.client.nonce in foreign})


@cached_reader
def vectors_received(x: Exchange) -> frozenset[Values]:
    """The vectors of a reply, of which each input has its own."""
    is_of_vectors = x.api == "embeddings" and reply(x).status in OK
    return frozenset(vector.values for vector in vectors(x) if vector.values) if is_of_vectors else frozenset()


def _owners_of_vectors(x: Exchange, upstream: Sequence[Exchange], others: Sequence[Pair]) -> list[str]:
    """The test cases of the requests with other inputs, to which the upstream sent vectors of this reply."""
    foreign = vectors_received(x).difference(*map(vectors_received, upstream))
    apart = (pair for pair in others if foreign and pair.client.nonce != x.nonce)
    return sorted({p.client.case.probe for p in apart if any(foreign & vectors_received(one) for one in p.upstream)})


@rule(
    "GW106",
    MUST,
    "A reply holds nothing of another client's",
    spec=MIXED_UP,
    fix="Bind each reply to the connection and the request that it belongs to; close an upstream connection whose reply was "
    "not read to the end, and scope caches by request.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[(*RIGHT, *_of_another()), (*_embedded(ONE, ONE), *_of_another(_embedded(TWO, TWO)))],
    bad=[
        (*both(response_with(f"{FOREIGN} attempt 1"), response_with(f"{NONCE} attempt 1")), *_of_another()),
        (*_embedded(TWO, ONE), *_of_another(_embedded(TWO, TWO))),
    ],
    compares_with={"others": OTHERS},
)
def reply_of_another(x: Exchange, upstream: tuple[Exchange, ...], others: Sequence[Pair]) -> Iterator[Finding]:
    """One user reads another's conversation, or stores a text with the embedding of another's."""
    for owner in _owners(nonces_received(x), x, others):
        yield Finding(f"the reply holds the nonce of another request, {owner}", at=reply(x).head)
    for owner in _owners_of_vectors(x, upstream, others):
        yield Finding(f"the reply holds an embedding that the upstream sent for {owner}", at=reply(x).head)


@rule(
    "GW107",
    MUST,
    "A request upstream holds no text of another client's",
    spec=MIXED_UP,
    fix="Build each request upstream from the client's own request alone; keep no conversation between requests.",
    applies_to=through_gateway(),
    apis=APIS,
    good=[(*RIGHT, *_of_another())],
    bad=[
        (
            *both(
                response_with(f"{NONCE} attempt 1"),
                response_with(
                    f"{NONCE} attempt 1",
                    body=ASKED | {"messages": [{"role": "user", "content": f"{FOREIGN} and {NONCE}"}]},
                ),
            ),
            *_of_another(),
        )
    ],
    compares_with={"others": OTHERS},
)
def request_of_another(
    x: Exchange, upstream: tuple[Exchange, ...], others: Sequence[Pair]
) -> Iterator[Finding | NotJudged]:
    """The model responds to what another user wrote, who also pays for it."""
    if not upstream:
        yield not_applicable("no request arrived upstream")
    for arrived in upstream:
        for owner in _owners(nonces_sent(arrived), x, others):
            yield Finding(f"the request upstream holds the nonce of another request, {owner}")


def is_answer(x: Exchange) -> bool:
    """Whether the reply is a success with text, calls or vectors."""
    content = response_content(x)
    has_any = bool(vectors_received(x)) or any(not choice.is_empty for choice in content.choices)
    return reply(x).status in OK and not content.error and has_any


def _first(x: Exchange) -> NotJudged | None:
    """It is the first request with its nonce."""
    return OUT_OF_SCOPE if x.case.kind is Kind.GATEWAY_CACHE and x.case.subject else None


@rule(
    "GW108",
    MUST,
    "A completion, or an embedding, comes from the upstream",
    spec=CHAT_SPEC,
    fix="Forward the request; if the gateway has to respond itself, respond with an error.",
    applies_to=all_of(through_gateway(), _first),
    apis=APIS,
    good=[RIGHT],
    bad=[both(response_with("Hello! How can I help you?"))],
)
def answered_by_the_gateway(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The client pays for a model, and gets a made-up response, or that to a similar request."""
    if upstream:
        return
    if is_answer(x):
        what = "embeddings" if vectors_received(x) else "a completion"
        yield Finding(f"HTTP {reply(x).status} with {what}, but no request arrived upstream", at=reply(x).head)
    else:
        yield not_applicable("the gateway responded without a completion")
