"""Verdicts of an earlier judgement, reused where they depend on the same exchanges alone."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from conformance.model.case import CaseId, Kind
from conformance.model.verdict import Verdict
from conformance.model.words import Api, Mode

CaseGroup = tuple[Api, str, Kind, str, str, int]
"""A test case in either mode: API, profile, probe."""


class PreviousVerdicts(NamedTuple):
    """Verdicts on one subject from an earlier judgement, by mode and rule, and the exchanges that they depend on."""

    verdicts: dict[tuple[Mode, str], Verdict]
    exchanges: set[str]


class ReusableVerdicts(NamedTuple):
    """An earlier judgement of a recording that has the exchanges `same` in common with this one, byte for byte.

    A verdict that depends on those exchanges alone is reused; so is its absence.
    """

    previous: Mapping[CaseGroup, PreviousVerdicts]
    same: frozenset[str]


def index_verdicts(verdicts: Iterable[Verdict]) -> dict[CaseGroup, PreviousVerdicts]:
    """Index the verdicts of a judgement, to be reused in the next."""
    found: dict[CaseGroup, PreviousVerdicts] = {}
    for verdict in verdicts:
        subject = case_group(verdict.case)
        of_subject = found.setdefault(subject, PreviousVerdicts({}, set()))
        of_subject.verdicts[verdict.mode, verdict.rule] = verdict
        of_subject.exchanges.update(verdict.exchanges)
    return found


NO_PREVIOUS = ReusableVerdicts({}, frozenset())
NONE_REUSABLE = PreviousVerdicts({}, set())


def case_group(case: CaseId) -> CaseGroup:
    """A test case without its mode."""
    return case.api, case.profile, case.kind, case.subject, case.variant, case.repeat
