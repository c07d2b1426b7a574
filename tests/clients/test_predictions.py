"""The predictions, compared with the measured behaviour of the real clients."""

import pytest
from client_facts import OUTCOMES, TABLES
from client_replies import reply_to

from conformance.clients import CLIENTS, impact
from conformance.model.target import Prices

BY_NAME = {client.name: client for clients in CLIENTS.values() for client in clients}
FREE = Prices()


def measured():
    for kind, clients, table in TABLES:
        for line in table.strip().splitlines():
            mode, script, behaviour, *cells = line.split()
            for client, cell in zip(clients, cells, strict=True):
                if cell != ".":
                    word, requests = cell.split("/")
                    yield client, kind, mode, script, behaviour, OUTCOMES[word], int(requests)


def test_the_facts_cover_every_client():
    assert {fact[0] for fact in measured()} == set(BY_NAME)
    assert len(list(measured())) > 1900


@pytest.mark.parametrize("client", sorted(BY_NAME))
def test_a_client_is_predicted_as_it_was_measured(client):
    wrong = []
    for name, kind, mode, script, behaviour, outcome, requests in measured():
        if name == client:
            x, fallback = reply_to(kind, mode, script, behaviour), reply_to(kind, "unary", script, behaviour)
            seen = impact(BY_NAME[name], x, fallback, FREE)
            if (seen.outcome, seen.requests) != (outcome, requests):
                wrong.append(
                    f"{mode}/{script}/{behaviour}: {outcome}/{requests}, predicted {seen.outcome}/{seen.requests}"
                )
    assert wrong == []
