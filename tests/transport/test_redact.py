"""Exchanges hold no secret, in any encoding; nothing else is masked."""

import base64
import gzip
import html
import json
import zlib
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.model.exchange import Span
from conformance.transport.client import exchange_once
from conformance.transport.redact import forms, mask_received, mask_sent, mask_text, words

KEY = 'sk-test/"1234567890&äöü'
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=60)


def chunked(*pieces):
    return CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    "spelling",
    [
        KEY,
        json.dumps(KEY)[1:-1],
        json.dumps(KEY, ensure_ascii=False)[1:-1],
        KEY.replace("/", "\\/"),
        quote(KEY, safe=""),
        quote(KEY),
        quote(KEY, safe="").lower(),
        html.escape(KEY),
        KEY.encode().hex(),
        KEY.encode().hex().upper(),
    ],
)
def test_every_spelling_is_masked_and_located(spelling):
    before, after = HEAD + b"\r\n{", b"}"
    raw = spelling.encode()
    masked, spans = mask_received(before + raw + after, [KEY])
    assert masked == before + b"*" * len(raw) + after
    assert spans == (Span(len(before), len(before) + len(raw)),)


@given(TEXT, st.binary(max_size=4), st.binary(max_size=4))
def test_base64_is_masked_wherever_the_secret_stands_in_it(secret, before, after):
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(before + secret.encode() + after)
        masked, _ = mask_received(whole, [secret])
        # at most the characters shared with the neighbours are left
        assert len(masked) == len(whole)
        assert masked.count(b"*") >= len(secret) * 8 // 6 - 2


@given(TEXT, st.lists(st.integers(1, 9), max_size=40), st.binary(max_size=20).map(lambda raw: b'"' + raw + b'"'))
def test_a_secret_that_chunks_cut_is_masked_and_the_framing_stays(secret, cuts, around):
    body, pieces, at = around + secret.encode() + around, [], 0
    for cut in cuts:
        pieces.append(body[at : at + cut])
        at += cut
    pieces = [piece for piece in (*pieces, body[at:]) if piece]
    received = chunked(*pieces)
    masked, spans = mask_received(received, [secret])
    assert len(masked) == len(received)
    hidden, at = [], len(CHUNKED)
    for piece in pieces:
        at += len(b"%x\r\n" % len(piece))
        hidden.append(masked[at : at + len(piece)])
        assert masked[at + len(piece) : at + len(piece) + 2] == b"\r\n"
        at += len(piece) + 2
    assert masked[at:] == b"0\r\n\r\n"
    assert secret.encode() not in b"".join(hidden)
    assert sum(s.end - s.start for s in spans) >= len(secret)


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda text: zlib.compress(text)[2:-4]])
@pytest.mark.parametrize("cut", [10_000, 7])
def test_a_compressed_body_with_the_secret_is_blanked_as_a_whole(pack, cut):
    packed = pack(b"x" * 3_000_000 + KEY.encode() + b"y")
    coding = b"gzip" if packed.startswith(b"\x1f") else b"deflate"
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: %b\r\n\r\n" % coding)
    pieces = [packed[at : at + cut] for at in range(0, len(packed), cut)]
    received = chunked(*pieces).replace(CHUNKED, head)
    masked, spans = mask_received(received, [KEY])
    assert masked == chunked(*(b"*" * len(piece) for piece in pieces)).replace(CHUNKED, head)
    assert len(spans) == 1


@pytest.mark.parametrize("pack", [gzip.compress, lambda text: gzip.compress(text)[:-9], lambda _: b"\x1f\x8bno gzip"])
def test_a_compressed_body_without_the_secret_stays(pack):
    received = HEAD + b"Content-Encoding: gzip\r\n\r\n" + pack(b"nothing here" * 100)
    assert mask_received(received, [KEY]) == (received, ())


def test_a_decompression_bomb_is_bounded():
    received = HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(200 * 1024 * 1024), 1)
    assert mask_received(received, [KEY]) == (received, ())


@given(st.binary(max_size=300), st.lists(TEXT, max_size=3))
def test_any_bytes_keep_their_length(raw, secrets):
    for received in (raw, HEAD + raw, CHUNKED + raw, HEAD + b"Content-Encoding: gzip\r\n\r\n" + raw):
        masked, spans = mask_received(received, secrets)
        assert len(masked) == len(received)
        assert all(0 <= s.start < s.end <= len(received) for s in spans)


def test_a_long_head_is_read_in_linear_time():
    received = HEAD + b"x: y\r\n" * 200_000
    assert mask_received(received, [KEY]) == (received, ())


@given(TEXT)
def test_no_form_is_too_short_to_mean_the_secret(secret):
    assert all(len(form) >= 6 for form in forms(secret))


def test_words_of_header_values():
    values = ["Bearer abcdefghijkl-1", "application/json", "text/event-stream; charset=utf-8", "2023-06-01", "true"]
    assert words(values) == ("abcdefghijkl-1",)


@pytest.mark.parametrize(
    "value",
    ["session=abcdefghijkl-1; theme=dark", "a:abcdefghijkl-1", '{"api_key":"abcdefghijkl-1"}', "x,abcdefghijkl-1"],
)
def test_a_secret_within_a_word_of_a_header_is_masked_where_it_comes_back_alone(value):
    received = HEAD + b"\r\nno session abcdefghijkl-1"
    assert mask_received(received, words([value]))[0] == HEAD + b"\r\nno session **************"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("123456", '{"created": 1712345678, "n": [123456, 1], "id": "call_123456"}'),
        ("gpt-4o", '"gpt-4o-2024-08-06"'),
        ("ollama", "ollamas"),
    ],
)
def test_a_short_key_within_a_longer_word_or_number_is_not_masked(key, text):
    for received in (HEAD + b"\r\n" + text.encode(), chunked(text[:14].encode(), text[14:].encode())):
        assert mask_received(received, [key]) == (received, ())
    said = HEAD + b"\r\n" + f"no key {key}.".encode()
    assert mask_received(said, [key])[0] == said.replace(key.encode(), b"******")


def test_a_word_of_the_apis_in_a_header_is_no_secret():
    assert words(["chat.completion", "max_completion_tokens"]) == ()


def test_known_header_lines_are_masked_whatever_their_length():
    sent = b"POST / HTTP/1.1\r\na: a\r\nkey: a\r\n\r\na"
    assert mask_sent(sent, [(b"key: a", b"key: *")], []) == b"POST / HTTP/1.1\r\na: a\r\nkey: *\r\n\r\na"


def test_our_own_words_are_masked():
    assert mask_text(f"no {KEY}", [KEY]) == "no " + "*" * len(KEY.encode())


@pytest.mark.anyio
async def test_an_echo_of_the_key_is_masked_and_noted(wire):
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {wire.key}"}}).encode()
    reply = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with wire.serving(wire.writing(reply)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    (span,) = x.masked
    assert reply[span.start : span.end] == wire.key.encode()
    assert x.received == reply.replace(wire.key.encode(), b"*" * len(wire.key))


@pytest.mark.anyio
@pytest.mark.parametrize(("key", "left"), [("EMPTY", True), ("x", True), ("ollama", False)])
async def test_a_stand_in_for_a_key_is_not_taken_for_an_echo(wire, key, left):
    reply = b'HTTP/1.1 200 OK\r\n\r\n{"finger": "fp_' + key.encode() + b'"}'
    async with wire.serving(wire.writing(reply)) as server:
        x = await exchange_once(wire.request_to(server.url()), key, wire.limits)
    assert x.masked == ()
    assert (x.received == reply) is left
    assert f"Bearer {key}\r\n".encode() not in x.sent


@pytest.mark.anyio
async def test_the_targets_own_headers_are_masked_but_no_echo_of_the_key(wire):
    secrets = ("gateway-token-42", "v2", "application/json")
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Echo: gateway-token-42\r\n\r\nv2"
    async with wire.serving(wire.writing(reply)) as server:
        request = wire.request_to(server.url(), **{"x-gateway": secrets[0], "x-version": "v2", "x-other": "v2.1"})
        x = await exchange_once(request, wire.key, wire.limits, secrets)
    assert b"x-gateway: ****************\r\nx-version: **\r\nx-other: v2.1\r\n" in x.sent
    assert x.received == reply.replace(b"gateway-token-42", b"*" * 16)
    assert x.masked == ()


@pytest.mark.anyio
async def test_a_header_that_names_the_model_does_not_mask_the_model_of_the_request(wire):
    reply = b'HTTP/1.1 200 OK\r\n\r\n{"model": "llama-3-8b-instruct"}'
    async with wire.serving(wire.writing(reply)) as server:
        body, model = b'{"model": "llama-3-8b-instruct"}', "llama-3-8b-instruct"
        request = wire.request_to(server.url(), body=body, **{"x-model": model})
        x = await exchange_once(request, wire.key, wire.limits, (model,))
    assert x.sent.endswith(body)
    assert x.received == reply
    assert b"x-model: *******************\r\n" in x.sent


def test_the_name_of_a_field_in_a_header_is_not_a_secret():
    assert "max_completion_tokens" not in words(['{"override": {"max_completion_tokens": 5}}'])


@pytest.mark.anyio
async def test_a_protocol_fault_that_quotes_the_key_is_masked(wire):
    async with wire.serving(wire.writing(b"HTTP/1.1 200 OK\r\n" + wire.key.encode() + b"\r\n\r\n")) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.ending.detail
    assert wire.key not in x.ending.detail
