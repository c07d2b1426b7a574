"""What a gateway makes of a defective response of its upstream. Pure.

Only what it makes worse is the gateway's own fault.
"""

from typing import Final, Literal

import msgspec

from conformance.apis.claims import claims, is_error
from conformance.catalogue import Catalogue
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.rule import Rule
from conformance.model.verdict import MUST, NotJudged, Status
from conformance.parsing.http1 import reply
from conformance.rules.gw.answers import emptied, source, unfounded
from conformance.traffic import outcomes

Outcome = Literal["healed", "passed on", "told", "made worse"]
"""`healed`: the client got a legal and complete response, with all that the upstream sent; `passed on`: its reply
breaks the same rules as the upstream's; `told`: it got an error, or a response that visibly breaks off;
`made worse`: it got a success in place of a failure, or a fault that the upstream's reply does not have."""


def outcome(pair: Pair, catalogue: Catalogue) -> Outcome | None:
    """The outcome of a defective response at the client; None if it has no defect, or the two sides can't be compared.

    Defects are the MUST rules that need no other exchange and no times.
    """
    x, sent = pair.client, source(pair.client, pair.upstream)
    if isinstance(sent, NotJudged) or x.is_cut_by_harness or x.ending.how in ("hung-up", "unreachable"):
        return None
    if unfounded(x, pair.upstream):
        return "made worse"
    if not any(broken(arrived, catalogue) for arrived in pair.upstream):
        return None
    return _as_failure(x, sent) or _as_answer(pair, sent, catalogue)


def _as_failure(x: Exchange, sent: Exchange) -> Outcome | None:
    """The outcome if the client's reply shows on its own that there is no complete response."""
    if is_error(x):
        return "passed on" if is_error(sent) else "told"
    if not reply(x).complete:
        return "told" if reply(sent).complete else "passed on"
    return None


def _as_answer(pair: Pair, sent: Exchange, catalogue: Catalogue) -> Outcome:
    """The outcome if the client's reply looks like a response."""
    x = pair.client
    is_ending_lost = bool(claims(sent)) and not claims(x)
    before, after = broken(sent, catalogue), broken(x, catalogue)
    # one fault may break another rule once it is written anew: an end marker without a line end is no end marker
    has_own = bool(claims(x)) and len(after) > len(before) and not after <= before
    if is_ending_lost or has_own or emptied(x, pair.upstream):
        return "made worse"
    return "passed on" if after else "healed"


def failing(x: Exchange, catalogue: Catalogue) -> frozenset[str]:
    """The IDs of the rules that a reply breaks, whoever sent the request, and on whichever side of the gateway."""
    return frozenset(found.id for found in _failing(x, catalogue))


def broken(x: Exchange, catalogue: Catalogue) -> frozenset[str]:
    """Of these, the MUST rules that need no times."""
    return frozenset(rule.id for rule in _failing(x, catalogue) if rule.level is MUST and not rule.timed)


def _failing(x: Exchange, catalogue: Catalogue) -> tuple[Rule, ...]:
    if FAILING not in x.cache:
        alike = x.for_case(msgspec.structs.replace(x.case, kind=Kind.RECORDED, subject=""))
        x.cache[FAILING] = tuple(rule for rule, found in outcomes(alike, catalogue) if found.status is Status.FAIL)
    known: tuple[Rule, ...] = x.cache[FAILING]
    return known


FAILING: Final = "rules that fail"
