"""From a request that arrived at the upstream to an exchange: without secrets, in the same length."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from msgspec import structs

from conformance.apis.nonce import Marker, marker, nonce, renamed, token_ids
from conformance.gateway.arrived import exchange_of, is_beside, nonce_of, without
from conformance.gateway.keeping import Kept
from conformance.gateway.plan import plan_through
from conformance.model.exchange import ENDED_IDLE, Arrival, Ending
from conformance.model.target import Target
from conformance.parsing.http1 import request_header
from conformance.rules.example import answered, error
from conformance.transport.accepted import AcceptedExchange

KEY = "sk-client-0123456789"
OWN = "sk-own-9f8e7d6c5b4a3210"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


def arrived(sent, received=OK, path=b"/v1/chat/completions", **more):
    x = AcceptedExchange(
        connection=1,
        number=0,
        began=datetime.now(UTC),
        began_ns=5,
        method=b"POST",
        path=path,
        sent=sent,
        sent_arrivals=(Arrival(0, len(sent)),),
        sent_at_ns=1,
        received=received,
        arrivals=(Arrival(2, len(received)),),
        ending=ENDED_IDLE,
        peer="open",
        peer_at_ns=0,
        stall_ns=0,
        was_held=False,
    )
    return x._replace(**more)


@pytest.mark.parametrize(
    "lines",
    [
        (f"authorization: Bearer {KEY}",),
        (f"x-forwarded-authorization: Bearer {KEY}",),
        (f"authorization: Basic {base64.b64encode(f'me:{KEY}'.encode()).decode()}",),
        (f"x-key: {KEY.encode().hex()}",),
        (f"cookie: session={KEY}",),
    ],
)
def test_the_clients_key_is_masked_in_any_encoding_and_where_it_was_is_said(gw, lines):
    sent = gw.post(gw.chat(), *lines)
    x = exchange_of(arrived(sent), 0, KEY)
    assert len(x.sent) == len(sent)
    assert KEY.encode() not in x.sent
    assert base64.b64encode(KEY.encode())[4:20] not in x.sent
    assert [span.side for span in x.masked] == ["sent"]
    assert sent[x.masked[0].start : x.masked[0].end] != x.sent[x.masked[0].start : x.masked[0].end]


def test_the_clients_key_is_masked_in_query_path_body_and_response(gw):
    sent = gw.post(gw.chat(user=KEY), path=f"/{KEY}/v1/chat/completions?k={KEY}")
    said = OK.replace(b"2", b"22").replace(b"{}", f'"{KEY}"'.encode())
    x = exchange_of(arrived(sent, said, path=f"/{KEY}/v1/chat/completions".encode()), 0, KEY)
    assert KEY.encode() not in x.sent + x.received
    assert KEY not in x.case.subject
    assert len(x.masked) == 3
    assert (len(x.sent), len(x.received)) == (len(sent), len(said))


def test_the_gateways_own_key_is_masked_wherever_it_is_and_is_not_said_to_be_the_clients(gw):
    sent = gw.post(gw.chat(api_key=OWN), f"Authorization: Bearer {OWN}", path=f"/v1/chat/completions?key={OWN}")
    said = OK.replace(b"2", b"25").replace(b"{}", f'"{OWN}"'.encode())
    x = exchange_of(arrived(sent, said), 0, KEY)
    assert OWN.encode() not in x.sent + x.received
    assert b"Authorization: Bearer ***" in x.sent
    assert x.masked == ()


def test_made_up_credentials_stay_visible(gw):
    sent = gw.post(gw.chat(), "authorization: Bearer sk-canary-upstream", "cookie: a=canary-cookie-0123456789")
    assert exchange_of(arrived(sent), 0, KEY).sent == sent


def test_what_the_client_sends_itself_is_no_credential_of_the_gateway(gw):
    value = "b2f1c9d8-7e6a-4c5b-9a3d-2f1e0d9c8b7a"
    sent = gw.post(gw.chat(), f"x-session-id: {value}")
    assert exchange_of(arrived(sent), 0, KEY, known={value}).sent == sent
    assert value.encode() not in exchange_of(arrived(sent), 0, KEY).sent


def test_the_nonce_the_mode_and_the_api_are_read_from_the_request(gw):
    x = exchange_of(arrived(gw.post(gw.chat("two", stream=True))), 1, KEY)
    assert (x.nonce, x.mode, x.api, x.hop) == (nonce(0, "two"), "stream", "chat", "upstream")
    assert request_header(x, "content-type") == ("application/json",)


def test_a_gateway_that_left_hung_up_when_it_left():
    left = arrived(b"POST / HTTP/1.1\r\n\r\n", b"", ending=Ending("hung-up", "body", 900), peer="reset", peer_at_ns=700)
    assert exchange_of(left, 0).ending == Ending("hung-up", "body", 700, "the gateway closed the connection")


def test_the_gateways_key_is_masked_in_its_answer_and_is_not_said_to_be_the_clients(gw):
    x = exchange_of(arrived(gw.post(gw.chat()), OK.replace(b"{}", OWN.encode())), 0)
    told = without(replace(x, ending=Ending("closed", "after", 1, f"said {OWN}")), {OWN: True})
    assert OWN.encode() not in told.received
    assert OWN not in told.ending.detail
    assert (told.hidden, told.masked, len(told.received)) == ({"response", "upstream-key"}, (), len(x.received))
    assert without(x, {OWN: False}).hidden == {"response"}
    assert without(x, {"sk-another-key-123456": True}) is x


# What is kept until both sides are over


def of(request, began_ns=5, **more):
    head = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(request.body)
    return arrived(head + request.body, began_ns=began_ns, **more)


@pytest.fixture
def asked():
    return plan_through(Target(base_url="http://h/v1", model="m", apis=("chat",)), ("hermes",), "smoke", 0)


def keeping(requests, **more):
    kept = Kept(key=KEY, **more)
    kept.expect(requests, at_ns=0)
    return kept


def test_attempts_are_numbered_in_order_of_arrival_though_the_first_ends_last(asked):
    kept = keeping(asked)
    kept.arrive(of(asked[0], began_ns=20), 0)
    assert list(kept.due(in_progress={asked[0].nonce})) == []
    kept.arrive(of(asked[0], began_ns=10), 0)
    found = list(kept.due())
    assert [(x.id, x.attempt, x.began_ns) for x in found] == [
        (f"{asked[0].id}.upstream-1", 1, 10),
        (f"{asked[0].id}.upstream-2", 2, 20),
    ]


def test_a_storm_of_retries_is_counted_but_not_kept(asked):
    kept = keeping(asked)
    for at in range(3000):
        kept.arrive(of(asked[0], began_ns=at), 0)
    assert len(list(kept.due())) == 50
    assert kept.more == {asked[0].id: 2950}


def test_the_bytes_that_are_kept_are_bounded(asked):
    kept = keeping(asked, bytes_left=3 * of(asked[0]).size)
    for _ in range(5):
        kept.arrive(of(asked[0]), 0)
    assert len(list(kept.due())) == 3
    assert kept.more == {asked[0].id: 2}


def test_other_requests_are_counted_by_name_within_bounds(asked, gw):
    kept = keeping(asked)
    kept.arrive(arrived(gw.post(gw.chat("another run"))), 0)
    for at in range(300):
        kept.arrive(arrived(b"GET /x HTTP/1.1\r\n\r\n", path=b"/%d" % at, method=b"GET"), 0)
    assert kept.others["POST /v1/chat/completions of another run"] == 1
    assert kept.others["GET /0"] == 1
    assert kept.others["other requests"] == 201
    assert len(kept.others) == 101


@pytest.mark.parametrize(
    ("path", "attempts"),
    [
        ("/v1/chat/completions", 1),
        ("/openai/v1/completions?api-version=1", 1),
        ("/v1/messages", 1),
        ("/v1/chat/completions/render", 0),
        ("/tokenize", 0),
        ("/v1/messages/count_tokens", 0),
    ],
)
def test_a_request_to_another_endpoint_with_the_clients_text_is_no_attempt(asked, path, attempts):
    kept = keeping(asked)
    kept.arrive(of(asked[0], path=path.encode()), 0)
    assert len(list(kept.due())) == attempts
    assert kept.others == ({} if attempts else {f"POST {path}": 1})


@pytest.mark.parametrize(
    ("body", "attempts"),
    [
        (b"", 1),
        (b'{"model": "m", "messages": [{"role": "us', 1),
        (b'{"model": "m"}', 1),
        (b'{"messages": [{"role": "user", "content": "Be brief. Say hello in five words."}]}', 1),
        (b'{"messages": [{"role": "user", "content": "Hey, how is it going?"}], "max_tokens": 10}', 0),
    ],
)
def test_a_whole_request_with_none_of_the_client_s_texts_is_the_gateway_s_own(asked, body, attempts):
    said = b'{"messages": [{"role": "user", "content": "Say hello in five words. (%b:native-sse)"}]}'
    alone = structs.replace(asked[0], body=said % asked[0].nonce.encode())
    kept = keeping([alone], alone=alone)
    kept.arrive(of(structs.replace(alone, body=body)), 0)
    assert len(list(kept.due())) == attempts
    assert kept.others == ({} if attempts else {"POST /v1/chat/completions": 1})


def waiting(request, began_ns, until_ns):
    """A client's exchange that was under way for this time."""
    x = answered(error(), status=400, ending=Ending("idle", "after", until_ns - began_ns))
    return replace(x, id=request.id, nonce=request.nonce, began_ns=began_ns)


@pytest.mark.parametrize(
    ("body", "began_ns", "expected"),
    [
        (b"", 25, "second"),
        (b'{"messages": [{"role": "us', 25, "second"),
        (b"", 60, None),
        (b'{"messages": [{"role": "user", "content": "Hey"}]}', 25, None),
    ],
)
def test_a_broken_request_is_that_of_a_client_who_waited_for_it_and_whose_request_arrived_in_no_other_form(
    asked, body, began_ns, expected
):
    first, second = asked[:2]
    kept = keeping([first, second])
    kept.arrive(of(first, began_ns=20), 0)
    kept.arrive(of(structs.replace(second, body=body), began_ns=began_ns), 0)
    found = [*kept.answer(waiting(first, 10, 50)), *kept.answer(waiting(second, 10, 50)), *kept.due()]
    owners = {x.id.partition(".upstream")[0] for x in found if x.hop == "upstream"}
    assert owners == {first.id, *([second.id] if expected else [])}
    assert kept.others == ({} if expected else {"POST /v1/chat/completions": 1})


def test_a_request_belongs_to_the_last_one_with_its_nonce_that_was_sent_before(asked):
    kept = keeping(asked[:1])
    again = structs.replace(asked[0], id="again")
    kept.expect([again], at_ns=100)
    kept.arrive(of(asked[0], began_ns=50), 0)
    kept.arrive(of(asked[0], began_ns=150), 0)
    assert [x.id for x in kept.due()] == [f"{asked[0].id}.upstream-1", "again.upstream-2"]


def test_the_gateways_key_is_masked_in_answers_that_ended_before_it_was_seen(asked):
    kept = keeping(asked)
    body = asked[0].body
    head = f"POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {OWN}\r\ncontent-length: {len(body)}\r\n\r\n"
    x = exchange_of(of(asked[0]), 0)
    answer = replace(x, id=asked[0].id, hop="client", received=OK.replace(b"{}", OWN.encode()))
    assert list(kept.answer(answer)) == []
    kept.arrive(arrived(head.encode() + body), 0)
    upstream, client = kept.due()
    assert OWN.encode() not in upstream.sent + client.received
    assert client.hidden == {"response", "upstream-key"}


@pytest.mark.parametrize("spelled", ["{}", "[{}]", "[5,17]],[{}", "\n[{}\n]"])
def test_a_nonce_that_token_ids_spell_is_found_wherever_a_gateway_puts_spaces(gw, spelled):
    mark = Marker(nonce(0, "one"), "native-sse")
    ids = ", ".join(map(str, [5, 17, *token_ids(f" ({mark})")]))
    body = f'{{"model": "any", "input": [{spelled.format(ids)}]}}'.encode()
    assert nonce_of(arrived(gw.post(body, path="/v1/embeddings"))) == mark.nonce
    assert marker(renamed(body.replace(b" ", b""), mark.nonce, nonce(0, "two"))).nonce == nonce(0, "two")


def test_an_embedding_of_the_client_s_text_is_no_attempt_at_its_chat_request(gw):
    x = arrived(gw.post(gw.chat(), path="/v1/embeddings"), path=b"/v1/embeddings")
    assert is_beside(x, "http://gateway/v1/chat/completions")
    assert not is_beside(x, "http://gateway/v1/embeddings")
    assert not is_beside(arrived(gw.post(gw.chat())), "http://gateway/v1/completions")
