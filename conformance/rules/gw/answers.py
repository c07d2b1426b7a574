"""What the two sides of a gateway say of one response: which of the upstream's it is, and how the two differ."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from conformance.apis.answer_parts import Aspect, answer_parts, holds
from conformance.apis.chat import span_of
from conformance.apis.claims import claims, is_error, supported
from conformance.apis.embeddings import vectors
from conformance.apis.ending import has_invalid_json, terminal_events
from conformance.apis.evidence import missing_part, unanswered_reason
from conformance.apis.forwarding.batches import is_in_parts
from conformance.apis.response_content import response_content
from conformance.apis.specs import spec
from conformance.model.case import Kind
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Exchange
from conformance.model.rule import Condition
from conformance.model.verdict import OUT_OF_SCOPE, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import display
from conformance.parsing.sse import looks_like_events
from conformance.rules.gw.conditions import through_gateway

ATTEMPT: Final = re.compile(r"\bq[a-z2-7]{15} attempt ([0-9]+)\b")
"""How the upstream's responses name the attempt that they are from."""
MS: Final = NANOSECONDS_PER_MILLISECOND
PATIENCE_NS: Final = 300 * MS
CONTEXT: Final = 24
"""Characters that a finding shows around the first difference of two texts."""
OTHER_API = not_applicable("the gateway translates between two APIs")
IN_PARTS = not_applicable("the gateway sends the inputs of the request in several, or has some of them stored")
NOT_ASKED = not_applicable("the gateway responded without its upstream")


def answered(*but: Kind) -> Condition:
    """A request through a gateway, of any kind but these; the harness did not hang up."""

    def applies_to(x: Exchange) -> NotJudged | None:
        if x.case.kind in (*but, Kind.GATEWAY_DISCONNECT):
            return OUT_OF_SCOPE
        return through_gateway()(x)

    return applies_to


def source(x: Exchange, upstream: Sequence[Exchange]) -> Exchange | NotJudged:
    """The upstream's response that the client got: that of the attempt which the text names, or which has the same
    vectors, or else the last one.
    """
    if not upstream:
        return NOT_ASKED
    if upstream[-1].api != x.api:
        return OTHER_API
    if is_in_parts(x, upstream):
        return IN_PARTS
    if any(arrived.is_cut_by_harness for arrived in upstream):
        return untestable("the upstream's reply was not recorded to its end")
    return next((arrived for arrived in upstream if _is_named(x, arrived)), upstream[-1])


def _is_named(x: Exchange, arrived: Exchange) -> bool:
    """Whether a response shows on its own that it is that of an attempt."""
    if x.api == "embeddings":
        return bool(vectors(x)) and answer_parts(x)["vectors"] == answer_parts(arrived)["vectors"]
    named = ATTEMPT.search("".join(choice.text for choice in response_content(x).choices))
    return named is not None and arrived.attempt == int(named[1])


def given_up(x: Exchange, arrived: Exchange) -> NotJudged | None:
    """Why it proves nothing that a gateway did not wait for a reply of the upstream: the harness itself was late with it.

    No gateway gives up sooner than after PATIENCE_NS; a shorter stall of the harness changes nothing.
    """
    stall_ns = max(x.harness_stall_ns, arrived.harness_stall_ns)
    if stall_ns < PATIENCE_NS or stall_ns * 2 < arrived.ending.at_ns:
        return None
    return untestable(f"the harness itself stalled for {stall_ns / MS:.0f} ms: the gateway may have given up on it")


def undecoded(x: Exchange) -> NotJudged | None:
    """Why it is not known what a reply holds: the harness has no decoder for its content coding, which clients may have."""
    coding = reply(x).coding[:40]
    what = f"the reply has Content-Encoding: {coding}, which the harness can't decode"
    return untestable(what) if reply(x).undecodable else None


def sound(x: Exchange) -> str:
    """Why an upstream's reply is no complete and legal response, as a clause; or empty."""
    answer = reply(x)
    has_requested_form = looks_like_events(x) == (x.mode == "stream") and not (
        looks_like_events(x) and has_invalid_json(x)
    )
    is_open = not answer.complete and x.ending.how != "hung-up"  # a gateway may leave once it has the end marker
    reasons = (
        (answer.status not in range(200, 300), f"the upstream's status is {answer.status}"),
        (bool(unanswered_reason(x)), f"upstream, {unanswered_reason(x)}"),
        (bool(answer.faults or answer.undecodable or answer.coding_fault), "the upstream's reply is not valid HTTP"),
        (is_error(x), "the upstream's response has an error"),
        (not has_requested_form, "the upstream's response does not have the form that was asked for"),
        (not _is_ended(x), "the upstream's response has no ending"),
        (is_unended(x), "the upstream's stream has no last event"),
        (is_open, "the upstream's reply was truncated"),
    )
    return next((why for is_so, why in reasons if is_so), "")


def _is_ended(x: Exchange) -> bool:
    """Whether a response has all its choices with their endings, or, of an API that generates no text, all that it has
    to.
    """
    choices = response_content(x).choices
    if spec(x.api).generation is None:
        return not spec(x.api).unreadable_reason(x)
    return bool(choices) and all(choice.end for choice in choices)


def is_unended(x: Exchange) -> bool:
    """Whether an upstream ended a stream without the last event of its API; `[DONE]` of chat may be missing.

    What a gateway that translates sends with that event, such as the usage, is then the upstream's to lack.
    """
    is_stream = reply(x).status in range(200, 300) and looks_like_events(x) and not is_error(x)
    found = spec(x.api).generation
    needs_one = bool(found and found.terminal_events) and x.ending.how != "hung-up"
    return is_stream and needs_one and not terminal_events(x)


def passed_on(x: Exchange, upstream: Sequence[Exchange]) -> Exchange | NotJudged:
    """The upstream's complete and legal response, where the client got a whole one, too; else why they can't be compared."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged):
        return sent
    if why := sound(sent):
        return not_applicable(why)
    if is_error(x):
        return not_applicable("the client got an error")
    if why := missing_part(x):
        return not_applicable(f"at the client, {why}")
    return sent


def compared(x: Exchange, upstream: Sequence[Exchange], aspect: Aspect) -> Iterator[Finding | NotJudged]:
    """How one aspect of the client's response differs from the upstream's."""
    sent = passed_on(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
    elif not answer_parts(sent)[aspect] and not answer_parts(x)[aspect]:
        yield not_applicable("the response has none of it")
    else:
        yield from differences(sent, x, aspect)


def differences(sent: Exchange, got: Exchange, aspect: Aspect) -> Iterator[Finding]:
    """The parts of a response that are not what the upstream sent: lost, changed or made up."""
    before, after = answer_parts(sent)[aspect], answer_parts(got)[aspect]
    for place in dict.fromkeys((*before, *after)):
        if not holds(after.get(place), before.get(place)) or (place in after and place not in before):
            yield Finding(_change(*_first(place, before.get(place), after.get(place))), at=span_of(got))


def _first(place: str, sent: Any, got: Any) -> tuple[str, Any, Any]:
    """The first member that differs, or the whole value where a number of members does."""
    if isinstance(sent, dict) and isinstance(got, dict):
        name = next(name for name, item in sent.items() if name not in got or not holds(got[name], item))
        return _first(f"{name} of {place}", sent[name], got.get(name))
    if isinstance(sent, list) and isinstance(got, list) and len(sent) == len(got):
        at = next(at for at, item in enumerate(sent) if not holds(got[at], item))
        return _first(f"number {at} of {place}", sent[at], got[at])
    return place, sent, got


def _change(place: str, sent: Any, got: Any) -> str:
    if got is None:
        return f"{place}: lost; the upstream sent {_shown(sent)}"
    if sent is None:
        return f"{place}: the client got {_shown(got)}, which the upstream did not send"
    if isinstance(sent, str) and isinstance(got, str):
        at = max(0, _alike(sent, got) - CONTEXT // 2)
        more = f" (at character {at} of {len(sent)})" if at else ""
        return f"{place}: the upstream sent {_shown(sent[at:])}, the client got {_shown(got[at:])}{more}"
    return f"{place}: the upstream sent {_shown(sent)}, the client got {_shown(got)}"


def _alike(sent: str, got: str) -> int:
    """How many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(sent, got, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(sent), len(got)))


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return display(value[: CONTEXT * 2])
    text = ascii(value)
    return text if len(text) <= CONTEXT * 5 else f"{text[: CONTEXT * 5]}..."


def unfounded(x: Exchange, upstream: Sequence[Exchange]) -> tuple[str, ...]:
    """By what the client's reply says that the response is complete, though no reply of the upstream bears that out."""
    alike = [arrived for arrived in upstream if arrived.api == x.api]
    borne_out = frozenset().union(*map(supported, alike))
    return tuple(sorted(claims(x) - borne_out)) if alike else ()


def emptied(x: Exchange, upstream: Sequence[Exchange]) -> tuple[Aspect, ...]:
    """Which aspects of the upstream's content are gone without a trace from a reply that claims to be whole."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged) or is_error(x) or not claims(x):
        return ()
    before, after = answer_parts(sent), answer_parts(x)
    lost: tuple[Aspect, ...] = ("text", "calls", "vectors")
    return tuple(aspect for aspect in lost if before[aspect] and not any(after.get(a) for a in lost))
