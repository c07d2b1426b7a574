"""Where an outcome depends on more than the bytes, the prediction says so."""

import pytest

from conformance.clients import CLIENTS, impact
from conformance.model.target import Prices
from conformance.rules.example import exchange, http

OPENAI_3 = next(client for client in CLIENTS["openai-python"] if client.name == "openai-python 3.54")
LATER = ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")
DATE = ("date", "Wed, 21 Oct 2026 07:27:50 GMT")


@pytest.mark.parametrize(
    ("headers", "uncertain"),
    [((LATER,), True), ((LATER, DATE), False), ((("retry-after", "2"),), False), ((), False)],
)
def test_a_date_to_wait_for_needs_a_clock_unless_the_response_has_its_own_date(headers, uncertain):
    x = exchange(http(503, headers, b"{}"))
    seen = impact(OPENAI_3, x, None, Prices())
    assert seen.uncertain is uncertain
    assert ("Its user may see" in seen.detail) is uncertain
