"""The predictions, compared with what the real clients did with generated replies; `make fidelity-fuzz` finds them."""

import json
from pathlib import Path

import pytest
from client_replies import DEMAND
from observed import BY_NAME, compared, simulated

from conformance.model.exchange import Ending
from conformance.rules.example import exchange

FACTS = json.loads(Path(__file__).with_name("generated.json").read_text())
MEASURED = sorted({client for fact in FACTS for client in fact["clients"]})


def reply_of(fact):
    asked = DEMAND | {"stream": fact["mode"] == "stream"} if fact["demands"] else {}
    offer = {"tools": [{"name": name} for name in fact["tools"]]} if "tools" in fact else {}
    body = asked | offer or None
    ending = Ending(*fact["ending"], 0)
    received = fact["received"].encode("latin-1")
    return exchange(received, mode=fact["mode"], probe=f"{fact['api']}.hello", ending=ending, body=body)


def test_the_clients_exist():
    assert set(MEASURED) <= set(BY_NAME)
    assert len(FACTS) > 20


@pytest.mark.parametrize("client", MEASURED)
def test_a_client_is_predicted_as_it_handled_generated_replies(client):
    wrong = []
    for fact in FACTS:
        if client in fact["clients"]:
            seen, predicted = compared(fact["clients"][client], simulated(client, reply_of(fact)))
            if seen != predicted:
                wrong.append((seen, predicted, fact["mode"], fact["received"]))
    assert wrong == []
