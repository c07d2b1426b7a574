"""Resend a failing request found by fuzzing."""

from dataclasses import replace
from typing import NamedTuple

from conformance.apis.specs import spec
from conformance.fuzz.cases import Case
from conformance.fuzz.session import opened
from conformance.judging import Judgement
from conformance.model.case import named_case
from conformance.model.exchange import Exchange
from conformance.model.run import RunManifest
from conformance.model.words import Api, Mode
from conformance.runner import RunOptions


class Resent(NamedTuple):
    """The baseline exchanges of an API and the one that was sent again, judged."""

    facts: RunManifest
    judgement: Judgement
    exchanges: dict[str, Exchange]


def case_of(probe: str, mode: Mode, body: bytes) -> tuple[Api, Case]:
    """The API and the case with this name. Raises ValueError."""
    case = named_case(probe, "", mode)
    return case.api, Case(case.kind, case.subject, case.variant, mode, body)


def resend(options: RunOptions, api: Api, case: Case) -> Resent:
    """Send the preflight, the baseline requests of an API and the case, and judge the responses.

    The case is not sent if the target is unreachable or rejects the key.
    """
    with opened(replace(options, profiles=(spec(api).base_profile,))) as session:
        session.send_preflight()
        stopped, why = session.mistake
        exchanges = {x.id: x for x in session.preflight}
        if not stopped:
            session.send_baselines()
            exchanges |= session.exchanges(api, session.send_case(api, case))
        facts = session.facts(tuple(exchanges), stopped=stopped, stopped_why=why)
        return Resent(facts, session.judgement(exchanges), exchanges)
