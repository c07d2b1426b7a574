"""From exchanges to samples."""

import json

import msgspec
import pytest

from conformance.apis.load_prompts import UserTurn
from conformance.catalogue import of_users
from conformance.load.sampled import Sampled
from conformance.load.sampler import MOST_KEPT, Sampler
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Exchange
from conformance.model.target import Policy

SURROGATE = "\\ud800"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nRetry-After: %s\r\nContent-Length: %d\r\n\r\n"


def exchange(body: bytes, turn: int = 0, kind: bytes = b"application/json", retry: bytes = b"1") -> Exchange:
    return Exchange(
        id=f"load-{turn}",
        case=CaseId("chat", "hermes", "unary", Kind.USERS, "text", "load"),
        sent=b'POST /v1/chat/completions HTTP/1.1\r\n\r\n{"model": "m"}',
        received=HEAD % (kind, retry, len(body)) + body,
        nonce=UserTurn(1, 2, turn).nonce,
    )


def completion(**changes) -> bytes:
    message = {"role": "assistant", "content": changes.pop("content", "hello")}
    choice = {"index": 0, "message": message, "finish_reason": changes.pop("finish", "stop")}
    usual = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps(usual | changes).replace("SURROGATE", SURROGATE).encode()


@pytest.fixture
def sampler():
    return Sampler(rules=of_users(), policy=Policy())


@pytest.mark.parametrize(
    "hostile",
    [
        exchange(completion(id="SURROGATE", finish="SURROGATE", content="SURROGATE")),
        exchange(completion(SURROGATE=1)),
        exchange(b'{"error": {"message": "\\ud800", "type": "\\ud800"}}', kind=b"\xff\xfe", retry=b"\xff\x80"),
        exchange(b"[" * 100_000),
        exchange(b"\xff" * 1000, kind=b"text/event-stream"),
        exchange(b"data: " + completion(id="SURROGATE") + b"\n\n", kind=b"text/event-stream"),
        exchange(completion(id=["c"], choices="x", usage={"prompt_tokens": 10**400, "completion_tokens": -1})),
    ],
)
def test_nothing_that_a_target_sends_keeps_a_sample_from_being_passed_on(sampler, hostile):
    for encoder, decoder in ((msgspec.json, msgspec.json), (msgspec.msgpack, msgspec.msgpack)):
        sampled = sampler.take(hostile)
        assert decoder.decode(encoder.encode(sampled), type=Sampled) == sampled


def test_the_bytes_of_a_failure_are_kept_but_not_of_each(sampler):
    sampled = [sampler.take(exchange(completion(created="x"), turn)) for turn in range(40)]
    kept = [one for one in sampled if one.exchange]
    assert all(one.sample.failed for one in sampled)
    assert MOST_KEPT <= len(kept) < 15
    assert [one.sample.exchange for one in kept] == [one.exchange.metadata.id for one in kept]


def test_a_hurried_sampler_judges_what_looks_new(sampler):
    first = sampler.take(exchange(completion(created="x"), 0), is_hurried=True)
    second = sampler.take(exchange(completion(created="x"), 1), is_hurried=True)
    other = sampler.take(exchange(completion(created="x", more=1), 2), is_hurried=True)
    assert [one.is_skipped for one in (first, second, other)] == [False, True, False]
    assert first.sample.failed
    assert not second.sample.failed


def test_names_are_passed_on_once(sampler):
    first, second = (sampler.take(exchange(completion(), turn)) for turn in range(2))
    assert first.sample.shape in first.shapes
    assert second.shapes == {}
