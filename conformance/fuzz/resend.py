"""Resend a failing request found by fuzzing."""

from conformance.fuzz.cases import Case
from conformance.fuzz.session import opened
from conformance.model.exchange import Api, Mode
from conformance.model.target import Target
from conformance.model.verdict import Status
from conformance.plan import BASE_PROFILES
from conformance.runner import RunOptions


def failing(
    base_url: str, model: str, api: Api, mode: Mode, probe: str, body: bytes, key: str | None = None
) -> set[str]:
    """The IDs of the rules that the response to this body fails now."""
    _, topic, about = probe.split(".", 2)
    target = Target(base_url=base_url, model=model, apis=(api,))
    with opened(RunOptions(target=target, profiles=(BASE_PROFILES[api],), key=key)) as session:
        session.greet()
        x = session.ask(api, Case(topic, about, mode, body))
        return {v.rule for v in session.judge(api, x) if v.status is Status.FAIL}
