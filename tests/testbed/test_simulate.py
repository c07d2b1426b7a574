"""A simulated run has the impacts of a real run."""

import pytest

from conformance.clients import profile_impacts
from conformance.model.case import Kind
from conformance.model.target import Policy, Prices, Target
from conformance.plan import plan
from conformance.selftest import DEFAULT_PROFILES, run_change
from conformance.testbed.mutations import changes
from conformance.testbed.server.simulate import BASE_URL, simulate_exchange


def rehearsed(deployment, planted):
    """The impacts of the baseline requests, without a connection."""
    target = Target(base_url=BASE_URL, model="reference")
    answers = {}
    for request in plan(target, DEFAULT_PROFILES, "smoke"):
        x = simulate_exchange(request, deployment, planted)
        for case in (x.case, *x.merged_cases):
            answers[case.profile, case.mode] = x.for_case(case)
    for (profile, mode), x in answers.items():
        if x.case.kind is Kind.BASELINE:
            unary = (y for (_, other), y in answers.items() if (y.api, other, y.case.kind) == (x.api, "unary", "hello"))
            fallback = answers.get((profile, "unary")) or next(unary)
            yield from profile_impacts(x, fallback if mode == "stream" else None, Prices())


def outcomes(impacts):
    return sorted((i.client, i.mode, i.outcome, i.requests, i.billed, i.detail) for i in impacts)


@pytest.mark.parametrize(
    ("deployment", "defect"),
    [
        ("native-sse", ""),
        ("silent-json", ""),
        ("stopgap-501", ""),
        ("sse-proxy", ""),
        ("native-sse", "stream-cut"),
        ("native-sse", "stream-reset"),
        ("native-sse", "stream-stalls"),
        ("native-sse", "no-reply"),
        ("native-sse", "temperature-dropped"),
        ("native-sse", "end-by-close"),
        ("stopgap-501", "refusal-retried"),
    ],
)
def test_the_impacts_are_those_of_a_recording(deployment, defect):
    planted = (changes.find(defect),) if defect else ()
    recorded = run_change(deployment, *planted or (None,), Policy(), suite="smoke").judgement
    assert outcomes(rehearsed(deployment, planted)) == outcomes(recorded.impact)


def test_a_rehearsal_is_the_same_every_time():
    request = plan(Target(base_url=BASE_URL, model="reference"), ("hermes",), "smoke")[0]
    assert simulate_exchange(request, "native-sse") == simulate_exchange(request, "native-sse")
