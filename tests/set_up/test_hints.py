"""Which hints are requested, and that neither a fault nor a legal variant is taken for a mistake of set-up."""

import pytest

from conformance import preflight
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Ending, Exchange
from conformance.model.target import Target
from conformance.set_up.hints import MOST_HINTS, Preflight, next_hint
from conformance.set_up.mistakes import NO_MISTAKE, mistake
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.simulate import BASE_URL, KEY, simulate_exchange

TARGET = Target(base_url=BASE_URL, model="reference")
SUBJECTS = {name: (name, ()) for name in DEPLOYMENTS} | {
    change.name: (change.on, (change,)) for change in (*changes.defects(), *changes.variants())
}


def played(deployment, planted, apis):
    """The preflight of some APIs against a changed deployment, with its hints."""
    received = {}
    for api in apis:
        seen = received.setdefault(api, [])
        while request := preflight.next_request(TARGET, api, seen):
            seen.append(simulate_exchange(request, deployment, planted, wanted=KEY))
    seen = Preflight(target=TARGET, received=received, timeout_s=60)
    while (hint := next_hint(seen)) and hint.url.startswith(BASE_URL):
        answer = simulate_exchange(hint, deployment, planted, wanted=KEY)
        seen = Preflight(target=TARGET, received=received, timeout_s=60, hints=(*seen.hints, answer))
        assert len(seen.hints) <= MOST_HINTS
    return seen


def failed_in_tls(base_url):
    """A preflight of chat that failed in the handshake."""
    case = CaseId("chat", "openai-python", "unary", Kind.PREFLIGHT, preflight.SMALLEST)
    ending = Ending("unreachable", "connect", 0, "TLS with api.example: TLS failed: WRONG_VERSION_NUMBER")
    x = Exchange(id="chat.preflight.smallest", case=case, sent=b"", ending=ending)
    return Preflight(target=Target(base_url=base_url, model="m"), received={"chat": [x]}, timeout_s=60)


def test_no_deployment_defect_or_variant_is_a_mistake_of_set_up():
    shown = {name: mistake(played(*subject, ("chat", "messages"))) for name, subject in SUBJECTS.items()}
    assert len(shown) > 600
    assert {name: why for name, why in shown.items() if why != NO_MISTAKE} == {}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_target_that_works_is_asked_for_no_hint(name):
    assert played(name, (), ("chat", "messages", "responses")).hints == ()


def test_the_other_scheme_is_tried_on_the_same_port_only():
    assert next_hint(failed_in_tls("https://api.example/v1")) is None
    request = next_hint(failed_in_tls("https://api.example:8443/v1"))
    assert (request.method, request.url) == ("GET", "http://api.example:8443/v1/models")
    assert not any("{key}" in value for _, value in request.headers)
