"""What a sample keeps of an exchange, and nonces that are recognised without a table."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from conformance.apis.load_prompts import MOST, UserTurn, foreign_nonces, numbers, prompt, user_turn
from conformance.apis.load_samples import is_doubtful, population_of, reasons_to_keep, sample_of, shapes_of, to_repeat
from conformance.apis.nonce import nonces
from conformance.model.exchange import Ending
from conformance.rules.example import JSON, SSE, answered, chunk, completion, error, exchange, http, sse, streamed
from conformance.rules.load.example import (
    AS_REQUESTED,
    MS,
    completed,
    cut,
    nonce,
    of,
    rejected,
    requested_text,
    usage,
    whole,
    with_header,
)

NUMBERS = st.integers(0, MOST - 1)
LEFT = Ending("hung-up", "body", 5 * MS)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_nonce_says_who_sent_it(run, user, turn):
    who = UserTurn(run, user, turn)
    assert user_turn(who.nonce) == who
    assert nonces(f"({who.nonce})".encode()) == {who.nonce}


@given(NUMBERS, st.integers(1, 15), st.sampled_from("abcxyz27"))
@seed(1)
def test_a_damaged_nonce_is_none(number, at, letter):
    mine = UserTurn(7, number, 3).nonce
    other = mine[:at] + letter + mine[at + 1 :]
    assert other == mine or user_turn(other) is None


@pytest.mark.parametrize("who", [UserTurn(-1, 0, 0), UserTurn(0, MOST, 0), UserTurn(0, 0, MOST)])
def test_a_number_that_a_nonce_has_no_room_for_is_rejected(who):
    with pytest.raises(ValueError, match="must be between 0 and 1048575"):
        _ = who.nonce


def test_foreign_nonces_are_those_of_the_same_run():
    text = f"{nonce(1)} {nonce(2)} {UserTurn(8, 1, 1).nonce} qabcdefghijklmno".encode()
    assert list(foreign_nonces(text, nonce(1))) == [nonce(2)]
    assert list(foreign_nonces(text, "")) == []


def test_a_prompt_asks_for_what_a_sample_looks_for():
    wanted = numbers(nonce(4))
    assert nonce(4) in prompt(nonce(4), "text")
    assert f"from {wanted[0]} to {wanted[-1]}" in prompt(nonce(4), "text")
    assert sample_of(completed(4)).numbers == "whole"
    assert sample_of(completed(4)).has_own_nonce


@pytest.mark.parametrize(
    ("edit", "order"),
    [
        (lambda n: n, "whole"),
        (lambda n: n[:-1], "short"),
        (lambda n: n[:5] + n[6:], "lost"),
        (lambda n: [*n[:4], n[4] * 100 + n[5], *n[6:]], "lost"),
        (lambda n: n[:5] + n[4:], "doubled"),
        (lambda n: [n[1], n[0], *n[2:]], "reordered"),
        (lambda n: [*n[:5], (n[0] + 20 - 10) % 80 + 10, *n[5:]], "mixed"),
        (lambda n: [], "absent"),
    ],
)
def test_the_order_of_numbers(edit, order):
    text = f"{nonce(4)}: {', '.join(map(str, edit(list(numbers(nonce(4))))))}."
    assert sample_of(completed(4, text=text)).numbers == order


@pytest.mark.parametrize(
    ("x", "outcome", "body"),
    [
        (completed(1), "complete", "completion"),
        (whole(1), "complete", "completion"),
        (cut(1), "cut", "completion"),
        (rejected(1), "overloaded", "envelope"),
        (rejected(1, value="<html>", status=503), "overloaded", "html"),
        (rejected(1, value="no", status=529), "overloaded", "text"),
        (rejected(1, value="", status=500), "error", "empty"),
        (rejected(1, value={"detail": "no"}, status=500), "error", "json"),
        (rejected(1, status=200), "error", "envelope"),
        (of(streamed(chunk({"content": "a"}), error("No.")), 1), "error", "envelope"),
        (of(answered(""), 1), "error", "empty"),
        (replace(completed(1), ending=LEFT), "disconnected", "completion"),
        (of(exchange(b"", ending=Ending("timeout", "first-byte", 9 * MS)), 1), "timeout", ""),
        (of(exchange(b"", ending=Ending("unreachable", "connect", MS, "refused")), 1), "unreachable", ""),
        (of(exchange(b"", ending=Ending("unreachable", "connect", MS, "[Errno 24] Too many")), 1), "stopped", ""),
        (replace(completed(1), ending=Ending("limit", "body", MS)), "stopped", "completion"),
    ],
)
def test_an_exchange_has_one_outcome(x, outcome, body):
    sample = sample_of(replace(x, cache={}))
    assert (sample.outcome, sample.body) == (outcome, body)


@pytest.mark.parametrize(
    ("x", "closing"),
    [
        (completed(1), "open"),
        (with_header(completed(1), "connection", "Keep-Alive, close"), "announced"),
        (replace(completed(1), ending=Ending("closed", "after", MS)), "unannounced"),
        (of(exchange(http(200, (SSE,), sse("[DONE]"), length=False)), 1), "announced"),
    ],
)
def test_how_the_server_closes_a_connection(x, closing):
    assert sample_of(x).closing == closing


def test_the_shape_of_a_stream_does_not_depend_on_its_pieces():
    in_one = of(streamed(chunk({"role": "assistant", "content": requested_text(1)}), chunk(finish="stop"), "[DONE]"), 1)
    first = of(
        streamed(chunk({"role": "assistant", "content": ""}), chunk({"content": "a"}), chunk(finish="stop"), "[DONE]"),
        2,
    )
    assert sample_of(in_one).shape == sample_of(first).shape
    assert "choices[].delta.content string" in shapes_of(in_one)[sample_of(in_one).shape]
    assert sample_of(completed(1, x=1)).shape != sample_of(completed(1, x=None)).shape


def test_a_sample_is_small_and_survives_json():
    sample = sample_of(completed(1, spent=usage()), worker=3, failed=("SSE001",), exchange="u1")
    encoded = msgspec.json.encode(sample)
    assert msgspec.json.decode(encoded, type=type(sample)) == sample
    assert len(encoded) < 600


def test_an_exchange_of_no_load_test_has_a_sample_all_the_same():
    sample = sample_of(answered(completion(), headers=(JSON,)))
    assert (sample.user, sample.phase, sample.task, sample.numbers) == (0, "load", "text", "absent")


def test_what_is_kept_has_a_reason():
    assert reasons_to_keep(sample_of(completed(1))) == ()
    assert reasons_to_keep(sample_of(rejected(1))) == ("overloaded 429",)
    assert reasons_to_keep(sample_of(completed(1, text=requested_text(2)))) == ("foreign nonce", "numbers mixed")
    assert reasons_to_keep(sample_of(completed(1), failed=("SSE001",))) == ("SSE001",)


def test_doubtful_texts_are_repeated_first_and_some_usual_ones():
    given = population_of((*AS_REQUESTED, *(completed(3, turn, text="no") for turn in range(20))))
    chosen = to_repeat(given.samples, doubtful=4, usual=2)
    assert [is_doubtful(sample) for sample in chosen].count(True) == 4
    assert len(chosen) == 6
    assert {sample.phase for sample in chosen} == {"load"}
