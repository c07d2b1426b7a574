"""Verdicts and findings: what the rules say of the exchanges."""

from enum import StrEnum

import msgspec

from conformance.model.exchange import Api, Mode, Span


class Level(StrEnum):
    """How much a requirement matters (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


MUST, SHOULD, MAY = Level.MUST, Level.SHOULD, Level.MAY


class Status(StrEnum):
    """What became of one rule on one question."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    NOT_APPLICABLE = "not-applicable"
    UNTESTABLE = "untestable"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One thing that a rule saw: what, and the octets that it points at.

    `seen` is a clause in plain words that names the header, field, event or chunk; `expected` says what would have
    been right, where the rule's title does not.
    """

    seen: str
    at: Span | None = None
    expected: str = ""


class Skip(msgspec.Struct, frozen=True, gc=False):
    """Why a rule does not judge an exchange: `not-applicable` (rightly so) or `untestable` (evidence is missing)."""

    status: Status
    reason: str


def not_applicable(reason: str) -> Skip:
    """The requirement does not concern this exchange."""
    return Skip(Status.NOT_APPLICABLE, reason)


def untestable(reason: str) -> Skip:
    """The requirement concerns this exchange, but a prerequisite is missing."""
    return Skip(Status.UNTESTABLE, reason)


ANOTHER_QUESTION = not_applicable("another question was asked")
"""The rule is about another kind of question: here it has no verdict at all."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rule's judgement of one question. `waived` holds the reason of the waiver that covers it, or nothing."""

    rule: str
    title: str
    level: Level
    status: Status
    api: Api
    profile: str
    mode: Mode
    probe: str
    message: str
    findings: tuple[Finding, ...] = ()
    exchanges: tuple[str, ...] = ()
    waived: str = ""
