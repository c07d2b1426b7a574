"""What the embedded gateway makes of header fields: it is a model of a gateway that keeps both sides apart."""

from dataclasses import replace

import pytest

from conformance.testbed.gateway.handling import GatewayRequest
from conformance.testbed.gateway.headers import for_upstream, without_hops

CLIENT = (
    ("Authorization", "Bearer client"),
    ("x-api-key", "client"),
    ("Cookie", "session=1"),
    ("X-Team", "blue"),
    ("OpenAI-Organization", "org"),
    ("content-type", "application/json"),
    ("Anthropic-Beta", "some"),
    ("traceparent", "00-1-2-01"),
)


def request(path="/v1/chat/completions"):
    return GatewayRequest(method="POST", target=f"{path}?key=client", headers=CLIENT, body=b"{}", received=CLIENT)


@pytest.mark.parametrize(
    ("path", "own"),
    [("/v1/chat/completions", ("authorization", "Bearer own")), ("/v1/messages", ("x-api-key", "own"))],
)
def test_with_a_key_of_its_own_the_gateway_forwards_what_is_meant_for_the_model(path, own):
    sent = for_upstream(request(path), "own")
    assert sent.headers == (*CLIENT[5:], own)
    assert sent.target == path


def test_without_a_key_it_passes_all_fields_and_the_query_on():
    assert for_upstream(request(), "") == request()


def test_what_a_change_adds_goes_upstream():
    added = replace(request(), headers=(*CLIENT, ("x-added", "1")))
    assert ("x-added", "1") in for_upstream(added, "own").headers


def test_fields_of_one_connection_are_not_forwarded():
    headers = (("Connection", "keep-alive, X-Hop , x-other"), ("x-hop", "1"), ("X-OTHER", "2"), ("TE", "trailers"))
    assert without_hops((*headers, ("accept", "*/*"))) == (("accept", "*/*"),)
