"""Which lines of a gateway policy a run needed: one that it did not need is stale, or was not tried. Pure."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, Literal, NamedTuple

from conformance.apis.answer_parts import answer_parts
from conformance.apis.forwarding.records import Fate
from conformance.apis.request import conversation_texts, request_body
from conformance.apis.usage import reports
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.target import GatewayPolicy
from conformance.parsing.http1 import reply
from conformance.report import curl
from conformance.report.document import GatewayPolicyLine
from conformance.report.escaping import safe
from conformance.rules.gw.attempts import NOT_PROCESSED
from conformance.rules.gw.caches import AGAIN

State = Literal["used", "stale", "untried"]
LOST: Final = 0
"""In `retry_on`: a lost connection."""


class Use(NamedTuple):
    """How often what a line allows happened, and how often it could have, but did not; and both in words."""

    happened: int
    missed: int
    happens: str
    misses: str


def lines(
    policy: GatewayPolicy, pairs: Sequence[Pair], fields: Mapping[tuple[str, Fate], int]
) -> Iterator[GatewayPolicyLine]:
    """The lines that differ from the default, with their states; `fields` counts the requests by field and fate."""
    for name, wanted in (
        ("dropped", (Fate.DROPPED,)),
        ("changed", (Fate.CHANGED, Fate.MAPPED)),
        ("added", (Fate.ADDED,)),
    ):
        for pattern in getattr(policy, name):
            yield _line(f"{name}: {pattern}", _of_field(pattern, wanted, fields, pairs))
    for pattern in policy.headers:
        yield _line(f"headers: {pattern}", _of_header(pattern, pairs))
    for status in policy.retry_on:
        yield _line(f"retry_on: {status or '0 (lost connections)'}", _of_retries((status,), pairs))
    for name, use in USES.items():
        if getattr(policy, name):
            yield _line(f"{name}: {_value(getattr(policy, name))}", use(policy, pairs))


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else safe(str(value))


def _line(line: str, use: Use) -> GatewayPolicyLine:
    state: State = "used" if use.happened else "stale" if use.missed else "untried"
    words = use.happens if use.happened else use.misses
    count = f" ({use.happened or use.missed} ×)" if use.happened or use.missed else ""
    return GatewayPolicyLine(line=safe(line), state=state, why=safe(words + count if count else NO_OCCASION))


NO_OCCASION: Final = "no request of this run could show it"


def _of_field(
    pattern: str, wanted: Sequence[Fate], fields: Mapping[tuple[str, Fate], int], pairs: Sequence[Pair]
) -> Use:
    counts: Counter[Fate] = Counter()
    for (field, fate), count in fields.items():
        if any(fnmatchcase(place, pattern) for place in _places(field)):
            counts[fate] += count
    happened = sum(counts[fate] for fate in wanted)
    if Fate.ADDED in wanted:
        return Use(happened, sum(bool(pair.upstream) for pair in pairs), "it is added", "it is not added")
    return Use(happened, counts[Fate.EQUAL], f"it is {' or '.join(wanted)}", "it arrives as it was sent")


def _places(field: str) -> Iterator[str]:
    """A field and those that it is in, as a policy may name them."""
    steps = field.split(".")
    return (".".join(steps[:end]) for end in range(1, len(steps) + 1))


def _of_header(pattern: str, pairs: Sequence[Pair]) -> Use:
    happened = missed = 0
    for pair in pairs:
        sent = {name for name in _names(pair.client) if fnmatchcase(name, pattern.lower())}
        arrived = {name for x in pair.upstream[:1] for name in _names(x)}
        if sent and pair.upstream:
            happened += bool(sent & arrived)
            missed += not sent & arrived
    return Use(happened, missed, "it arrives", "it was sent, and does not arrive")


def _names(x: Exchange) -> set[str]:
    return {name.lower() for name, _ in curl.read(x.sent).headers}


def _of_retries(statuses: Collection[int], pairs: Sequence[Pair]) -> Use:
    failed = [(at, pair) for pair in pairs for at, x in enumerate(pair.upstream) if _result(x) in statuses]
    again = sum(_is_tried_again(at, pair) for at, pair in failed)
    return Use(again, len(failed) - again, "it is tried again", "the upstream responded so, and it is not tried again")


def _is_tried_again(at: int, pair: Pair) -> bool:
    """Whether the same upstream got a further request after that attempt."""
    return any(_host(x) == _host(pair.upstream[at]) for x in pair.upstream[at + 1 :])


def _host(x: Exchange) -> str:
    return x.origin.host if x.origin else ""


def _result(x: Exchange) -> int | None:
    """The status of a response of the upstream, LOST without one; None if the gateway left first."""
    return reply(x).status or (None if x.ending.how == "hung-up" else LOST)


def _retries(policy: GatewayPolicy, pairs: Sequence[Pair]) -> Use:
    use = _of_retries(policy.retry_on or NOT_PROCESSED, pairs)
    repeated = sum(any(_is_tried_again(at, pair) for at in range(len(pair.upstream))) for pair in pairs)
    return use._replace(happened=repeated, misses="a request upstream failed so, and none is tried again")


def _model(policy: GatewayPolicy, pairs: Sequence[Pair]) -> Use:
    arrived = [request_body(x).get("model") for pair in pairs for x in pair.upstream]
    named = sum(name == policy.model for name in arrived)
    return Use(named, len(arrived) - named, "it arrives", "the model arrives with another name")


def _fallback(_policy: GatewayPolicy, pairs: Sequence[Pair]) -> Use:
    hosts = [set(map(_host, pair.upstream)) for pair in pairs]
    failed = sum(any(reply(x).status not in range(200, 300) for x in pair.upstream) for pair in pairs)
    moved = sum(len(mine) > 1 for mine in hosts)
    return Use(moved, failed - moved, "another upstream is asked", "an upstream failed, and no other is asked")


def _cache(_policy: GatewayPolicy, pairs: Sequence[Pair]) -> Use:
    cases = [(pair, pair.client.case) for pair in pairs]
    repeats = [pair for pair, case in cases if (case.kind, case.subject) == (Kind.GATEWAY_CACHE, AGAIN)]
    own = sum(not pair.upstream and reply(pair.client).status in range(200, 300) for pair in repeats)
    sent = sum(bool(pair.upstream) for pair in repeats)
    return Use(own, sent, "the upstream is not needed", "an equal request is sent upstream, too")


def _usage(_policy: GatewayPolicy, pairs: Sequence[Pair]) -> Use:
    not_requested = [
        pair.client
        for pair in pairs
        if pair.client.api == "chat" and pair.client.mode == "stream" and not _requests_usage(pair.client)
    ]
    given = sum(bool(reports(x)) for x in not_requested)
    whole = sum(reply(x).complete and reply(x).status in range(200, 300) for x in not_requested)
    return Use(
        given, whole, "a stream has usage that was not asked for", "streams have usage only where it is asked for"
    )


def _breaker(_policy: GatewayPolicy, pairs: Sequence[Pair]) -> Use:
    after = [pair for pair in pairs if pair.client.case.kind is Kind.GATEWAY_AFTER]
    refused = sum(not pair.upstream and reply(pair.client).status >= 400 for pair in after)
    return Use(refused, len(after) - refused, "it refuses requests after a failure", "requests after failures arrive")


def _timeout(_policy: GatewayPolicy, pairs: Sequence[Pair]) -> Use:
    ended = sum(x.ending.how == "hung-up" and reply(pair.client).status >= 500 for pair in pairs for x in pair.upstream)
    return Use(ended, 0, "it does not wait longer", "")


def _hides_reasoning(_policy: GatewayPolicy, pairs: Sequence[Pair]) -> Use:
    sent = [pair.client for pair in pairs if any(answer_parts(x)["reasoning"] for x in pair.upstream)]
    shown = sum(bool(answer_parts(x)["reasoning"]) for x in sent)
    return Use(len(sent) - shown, shown, "the client gets none", "the client gets it")


def _key(policy: GatewayPolicy, pairs: Sequence[Pair]) -> Use:
    passed = [bool(x.masked) for pair in pairs for x in pair.upstream]
    is_clients = sum(passed)
    counts = (is_clients, len(passed) - is_clients)
    happened, missed = counts if policy.key == "client" else counts[::-1]
    return Use(happened, missed, "it arrives", "another one arrives")


def _requests_usage(x: Exchange) -> bool:
    wanted = request_body(x).get("stream_options")
    return isinstance(wanted, dict) and wanted.get("include_usage") is True


def _prompt(_policy: GatewayPolicy, pairs: Sequence[Pair]) -> Use:
    texts = [(_texts(pair.client), _texts(x)) for pair in pairs for x in pair.upstream[:1]]
    longer = sum(len(arrived) > len(sent) for sent, arrived in texts)
    return Use(longer, len(texts) - longer, "text is added", "the conversation arrives as it was sent")


def _texts(x: Exchange) -> str:
    return "".join(conversation_texts(request_body(x)))


USES: Final[dict[str, Callable[[GatewayPolicy, Sequence[Pair]], Use]]] = {
    "model": _model,
    "retries": _retries,
    "fallback": _fallback,
    "breaker": _breaker,
    "timeout_s": _timeout,
    "cache": _cache,
    "usage": _usage,
    "hides_reasoning": _hides_reasoning,
    "prompt": _prompt,
    "key": _key,
}
"""By the policy's name: how often a line was needed that is one value."""
