"""When a rule about both sides of a gateway applies, and what the two sides have in common."""

from collections.abc import Collection
from fnmatch import fnmatchcase

from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition
from conformance.model.verdict import OUT_OF_SCOPE, NotJudged
from conformance.rules.conditions import uncut


def through_gateway(*kinds: Kind) -> Condition:
    """A request was sent through a gateway; of these kinds, if any are named."""

    def applies_to(x: Exchange) -> NotJudged | None:
        if not x.nonce or (kinds and x.case.kind not in kinds):
            return OUT_OF_SCOPE
        return uncut(x)

    return applies_to


def named(patterns: Collection[str], name: str) -> bool:
    """Whether one of these patterns, with `*` and `?`, is for the name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
