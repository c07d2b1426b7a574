"""Verdicts and findings of the rules."""

from enum import StrEnum

import msgspec

from conformance.model.case import CaseId
from conformance.model.exchange import Span
from conformance.model.words import Api, Mode


class Level(StrEnum):
    """The level of a requirement (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


MUST, SHOULD, MAY = Level.MUST, Level.SHOULD, Level.MAY


class Status(StrEnum):
    """The status of one rule on one test case."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not-applicable"
    UNTESTABLE = "untestable"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One observation of a rule, and the bytes that it points at.

    `seen` is a clause that names the header, field, event or chunk; `expected` is the correct value or behaviour, if
    the rule's title does not state it. `nonces` name the requests that it is about, where a rule judges a population.
    """

    seen: str
    at: Span | None = None
    expected: str = ""
    nonces: tuple[str, ...] = ()


class NotJudged(msgspec.Struct, frozen=True, gc=False):
    """Why a rule does not judge an exchange: `not-applicable`, or `untestable` (evidence is missing)."""

    status: Status
    reason: str


def not_applicable(reason: str) -> NotJudged:
    """The requirement does not concern this exchange."""
    return NotJudged(Status.NOT_APPLICABLE, reason)


def untestable(reason: str) -> NotJudged:
    """The requirement concerns this exchange, but a prerequisite is missing."""
    return NotJudged(Status.UNTESTABLE, reason)


OUT_OF_SCOPE = not_applicable("the rule is about another kind of request")
"""The rule is about another kind of request: it has no verdict at all."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One rule's judgement of one test case. `waived` is the reason of the waiver that covers it, or empty.

    `unreliable`: the request failed, and not in a later attempt; a MUST is then a SHOULD. A verdict on recordings
    stands for `cases` exchanges of one `host` and `model`, and names the first of them.
    """

    rule: str
    title: str
    level: Level
    status: Status
    case: CaseId
    message: str
    findings: tuple[Finding, ...] = ()
    exchanges: tuple[str, ...] = ()
    waived: str = ""
    unreliable: bool = False
    host: str = ""
    model: str = ""
    cases: int = 1

    @property
    def api(self) -> Api:
        """The API of the test case."""
        return self.case.api

    @property
    def profile(self) -> str:
        """The profile that sent it."""
        return self.case.profile

    @property
    def mode(self) -> Mode:
        """The mode of its request."""
        return self.case.mode

    @property
    def probe(self) -> str:
        """The name of its probe, for people."""
        return self.case.probe
