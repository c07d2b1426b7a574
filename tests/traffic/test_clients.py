"""Who sent a recorded request is told from its User-Agent and tools, never guessed."""

import pytest
from traffic import GOOD

from conformance import catalogue
from conformance.recordings.clients import Sender, product_of, sender
from conformance.rules.example import answered, completion


@pytest.mark.parametrize(
    ("client", "product", "version"),
    [
        ("OpenAI/Python 2.7.0", "OpenAI/Python", "2.7.0"),
        ("AsyncOpenAI/Python 1.0", "OpenAI/Python", "1.0"),
        ("ai-sdk/openai/3.0.1 runtime/node", "ai-sdk/openai", "3.0.1"),
        ("claude-cli/2.1.330 (external)", "claude-cli", "2.1.330"),
        ("Faraday v2.14.0", "Faraday", "2.14.0"),
        ("curl", "", ""),
        ("", "", ""),
    ],
)
def test_the_first_product_and_its_version(client, product, version):
    assert product_of(client) == (product, version)


def test_traffic_of_an_older_client_is_reported():
    assert sender(GOOD, "OpenAI/Python 2.7.0").is_older
    captured = max(version for p in catalogue.profiles() for name, version in p.packages if p.name == "openai-python")
    assert not sender(GOOD, f"OpenAI/Python {captured}").is_older
    assert not sender(GOOD, "something-else/1.0").is_older


def test_a_framework_is_named_only_if_the_request_shows_it():
    assert sender(GOOD, "OpenAI/Python 2.7.0").framework == ""
    assert sender(GOOD, "Agents/Python 0.2.0").framework == "OpenAI Agents SDK"
    (hermes,) = [p for p in catalogue.profiles() if p.name == "hermes" and p.api == "chat"]
    same_tools = answered(completion(), body=hermes.body("unary"))
    assert sender(same_tools, "OpenAI/Python 2.7.0").framework == hermes.title


def test_an_unknown_client_is_nobody():
    assert sender(GOOD, "") == Sender()
