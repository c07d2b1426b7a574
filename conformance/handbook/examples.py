"""A rule's examples in readable form: the request, the response bytes, and the rule's finding."""

import json
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from conformance.apis.load_samples import population_of, sample_of
from conformance.apis.request import request_body
from conformance.deciding import CheckArguments, Outcome, decide
from conformance.model.case import Kind
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Exchange, Pair
from conformance.model.rule import Example, Rule
from conformance.model.sample import Phase
from conformance.model.target import GatewayPolicy, Policy
from conformance.model.verdict import Status
from conformance.report.escaping import ELLIPSIS, escape, lines, safe

MOST_BAD: Final = 3
MAX_BYTES: Final = 500
"""Bytes shown of one response."""
MOST_ATTEMPTS: Final = 3
"""Exchanges shown of one request upstream."""
FRAMING: Final = (b"host:", b"content-length:")
MOST_USERS: Final = 3
"""Exchanges shown of a load test."""
MOST_SIDES: Final = 2
"""Exchanges shown of one example; further ones only show how much a target varies."""
POLICIES: Final = (
    Policy(),
    Policy(streaming="stopgap-ok"),
    Policy(unknown_fields="reject"),
    Policy(unknown_fields="announce"),
    Policy(gateway=GatewayPolicy(retries=2, retry_on=(0, 429, 503), fallback=True)),
)
USUAL: Final = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
"""The default request body of an example."""


class ShownExchange(NamedTuple):
    """One exchange of an example: its role, notes, and the response's lines, escaped."""

    title: str
    notes: tuple[str, ...]
    lines: tuple[str, ...]


class ShownExample(NamedTuple):
    """An example: whether it is good, its exchanges, and the rule's finding."""

    good: bool
    sides: tuple[ShownExchange, ...]
    says: str


Exchanges = tuple[Exchange, ...]


def examples(rule: Rule) -> Iterator[ShownExample]:
    """The first good example, and some bad ones."""
    for example in rule.good[:1]:
        yield _shown(rule, example, good=True)
    for example in rule.bad[:MOST_BAD]:
        yield _shown(rule, example, good=False)


def sides(example: Example) -> Exchanges:
    """The exchanges of an example."""
    return example if isinstance(example, tuple) else (example,)


def bind_example(rule: Rule, seen: Exchanges) -> CheckArguments:
    """Bind the exchanges of an example to parameters: one to each; a last that takes several gets the rest."""
    if rule.is_of_populations:
        return {"population": population_of(seen)}
    names = [name for name in rule.parameters if name != "policy"]
    if rule.is_of_gateways:
        return _bind_pairs(rule, names[2:], pairs(seen))
    several = {name for name, compare in rule.compares_with.items() if compare.many} | {"short_streams"}
    if names[-1] not in several:
        return dict(zip(names, seen, strict=True))
    firsts = {name: (x,) if name in several else x for name, x in zip(names[:-1], seen, strict=False)}
    return firsts | {names[-1]: seen[len(names) - 1 :]}


def pairs(seen: Exchanges) -> tuple[Pair, ...]:
    """The exchanges of an example as pairs: each with a gateway begins one."""
    firsts = [at for at, x in enumerate(seen) if x.hop == "client"]
    return tuple(Pair(seen[at], seen[at + 1 : end]) for at, end in zip(firsts, [*firsts[1:], len(seen)], strict=True))


def _bind_pairs(rule: Rule, names: Sequence[str], seen: Sequence[Pair]) -> CheckArguments:
    (x, upstream), *others = seen
    bound: CheckArguments = {"x": x, "upstream": upstream}
    for at, name in enumerate(names):
        bound[name] = tuple(others[at:]) if rule.compares_with[name].many else others[at]
    return bound


TITLES: Final = {
    Kind.BASELINE: "baseline request",
    Kind.REPEAT: "repeated request",
    Kind.SEED: "request with a seed",
    Kind.EFFECT: "requests with an effect",
    Kind.WRONG_TYPE: "wrong types",
    Kind.TOOLS: "requests with tools",
    Kind.REPLAY: "histories with tool results",
    Kind.LONG_STREAM: "long stream",
    Kind.SHORT_STREAM: "short stream",
    Kind.BRIEF_STREAM: "brief streams",
    Kind.RETRY: "same request before a disconnect",
    Kind.BURST: "burst",
    Kind.LOAD: "server load",
    Kind.DISCONNECT: "disconnected request",
    Kind.AUTH: "request with another key",
    Kind.MODELS: "model list",
    Kind.REASONING: "requests for reasoning",
    Kind.CHAIN: "first turn",
    Kind.BACKGROUND: "request in the background",
    Kind.CACHE: "first request",
}
"""How pages name kinds of requests."""


def parameter_title(rule: Rule, name: str) -> str:
    """How a page names a parameter: the kinds of requests that the rule compares with, or the parameter itself."""
    compare = rule.compares_with.get(name)
    if compare is None:
        return name.replace("_", " ")
    kinds = compare.kinds if isinstance(compare.kinds, tuple) else (compare.kinds,)
    return " and ".join(dict.fromkeys(TITLES.get(kind, kind.replace("-", " ")) for kind in kinds))


def judge_example(rule: Rule, example: Example, policy: Policy) -> tuple[Status, str]:
    """The rule's status on an example, and its first finding."""
    status, message, findings = _outcome(rule, sides(example), policy)
    return status, findings[0].seen if findings else message


def _outcome(rule: Rule, seen: Exchanges, policy: Policy) -> Outcome:
    judged = seen if rule.is_of_populations else seen[:1] if "x" in rule.parameters else seen[:2]
    return decide(rule, {**bind_example(rule, seen), "policy": policy}, judged)


def _shown(rule: Rule, example: Example, *, good: bool) -> ShownExample:
    if rule.is_of_gateways:
        shown = tuple(both_sides(rule, pairs(sides(example))))
        return ShownExample(good, shown, "" if good else _first_finding(rule, example))
    if rule.is_of_populations:
        return ShownExample(good, tuple(_of_users(rule, sides(example))), "" if good else _first_finding(rule, example))
    names = [parameter_title(rule, name) for name in rule.parameters if name != "policy"]
    seen = sides(example)
    titles = [*names, *["…"] * len(seen)] if len(seen) > 1 else [""]
    shown = tuple(_side(rule, x, title) for x, title in zip(seen[:MOST_SIDES], titles, strict=False))
    return ShownExample(good, shown, "" if good else _first_finding(rule, example))


def both_sides(rule: Rule, seen: Sequence[Pair]) -> Iterator[ShownExchange]:
    """The exchanges of a request on both sides of the gateway, and those of the first that it is compared with."""
    names = [name for name in rule.parameters[2:] if name in rule.compares_with]
    for pair, name in zip(seen, ["", *names[:1]], strict=False):
        which = f"{parameter_title(rule, name)}, " if name else ""
        yield _hop(pair.client, f"{which}client and gateway", None)
        for number, x in enumerate(pair.upstream[:MOST_ATTEMPTS], 1):
            attempt = f", attempt {number}" if len(pair.upstream) > 1 else ""
            yield _hop(x, f"{which}gateway and upstream{attempt}", pair.client)
        if not pair.upstream:
            yield ShownExchange(f"{which}gateway and upstream", ("nothing arrives",), ())


def _hop(x: Exchange, title: str, client: Exchange | None) -> ShownExchange:
    """One exchange on one side of a gateway: request and response; what is as at the client is not shown again."""
    request, response = _request(x), lines(x.received, MAX_BYTES)
    if client and _request(client) == request:
        request = ("the same request",)
    if client and client.received == x.received:
        response = ("the same response",)
    notes = (*([f"probe {x.case.probe}"] if x.case.kind is not Kind.BASELINE and not client else ()), *_ended(x))
    return ShownExchange(title, notes, (*(f"> {line}" for line in request), *(f"< {line}" for line in response)))


PHASE_WORDS: Final[dict[Phase, str]] = {"alone": "alone", "load": "under load", "after": "after the load"}


def _of_users(rule: Rule, seen: Exchanges) -> Iterator[ShownExchange]:
    """Some exchanges of a load test: those that a finding is about, or else the first ones under load."""
    found = _outcome(rule, seen, POLICIES[0]).findings
    named = {nonce for finding in found for nonce in finding.nonces}
    under_load = [x for x in seen if sample_of(x).phase == "load"]
    for x in [x for x in seen if x.nonce in named][:MOST_USERS] or under_load[:MOST_USERS]:
        sample = sample_of(x)
        title = f"user {sample.user}, turn {sample.turn}, {PHASE_WORDS[sample.phase]}, {sample.nonce}"
        yield ShownExchange(title, tuple(_ended(x)), lines(x.received, MAX_BYTES))


def _request(x: Exchange) -> tuple[str, ...]:
    """The header fields of a request that are no framing, and its body."""
    head, _, body = x.sent.partition(b"\r\n\r\n")
    shown = [line for line in head.split(b"\r\n")[1:] if not line.lower().startswith(FRAMING)]
    return (*map(escape, shown), *lines(body, MAX_BYTES))


def _first_finding(rule: Rule, example: Example) -> str:
    """The first finding under the first policy with which the rule fails."""
    for policy in POLICIES:
        status, message = judge_example(rule, example, policy)
        if status is Status.FAIL:
            return safe(message)
    return ""


def _side(rule: Rule, x: Exchange, title: str) -> ShownExchange:
    return ShownExchange(title, tuple(_notes(rule, x)), lines(x.received, MAX_BYTES))


def _notes(rule: Rule, x: Exchange) -> Iterator[str]:
    """What the response bytes do not show: the request, arrival times, and how the exchange ended."""
    fields = {name: value for name, value in request_body(x).items() if USUAL.get(name) != value}
    if fields.get("stream") is (x.mode == "stream"):
        del fields["stream"]
    if fields:
        yield f"request has {safe(json.dumps(fields, ensure_ascii=False), 200)}"
    if x.case.kind is not Kind.BASELINE:
        yield f"probe {x.case.probe}"
    if rule.timed and x.arrivals:
        first, last = (at.at_ns // NANOSECONDS_PER_MILLISECOND for at in (x.arrivals[0], x.arrivals[-1]))
        reads = len(x.arrivals)
        yield f"received in {reads} reads, {first} to {last} ms" if reads > 1 else f"received in one read at {first} ms"
    yield from _ended(x)


def _ended(x: Exchange) -> Iterator[str]:
    """How the exchange ended, where that is unusual."""
    if x.ending.how not in ("idle", "closed"):
        yield f"ended by {x.ending.how}{f': {x.ending.detail}' if x.ending.detail else ''}"
    elif x.ending.phase != "after":
        yield f"the connection was closed during the {x.ending.phase}{ELLIPSIS}"
