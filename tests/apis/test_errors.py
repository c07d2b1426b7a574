"""Errors: every shape in which servers reject requests, and the field that they name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.apis.errors import error_at, error_response, names_field, quoted, refuses_streaming, rejected_fields
from conformance.rules.example import HELLO, answered, chunk, completion, error, exchange, http, streamed

LOC = {"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "Field required", "input": {"stream": 1}}]}


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (error("No."), "openai", "No."),
        ({"type": "error", "error": {"type": "x", "message": "No."}}, "anthropic", "No."),
        ({"error": "No."}, "error-text", "No."),
        ({"detail": "Not Found"}, "detail", "Not Found"),
        (LOC, "detail", "Field required"),
        ({"object": "error", "message": "No."}, "object", "No."),
        ([error("No.")], "array", "No."),
        ([{"error": "No."}], "array", "No."),
        ([error("No."), error("Nor this.")], "array", ""),
        ([], "array", ""),
        ("17", "scalar", ""),
        ("No.", "text", "No."),
        ("<!DOCTYPE html><p>No.", "html", "<!DOCTYPE html><p>No."),
        ("", "empty", ""),
        (b"\xff\xfe\x00", "text", "��\x00"),
        ({"error": {"message": {"text": "No."}}}, "openai", ""),
    ],
)
def test_kinds(body, kind, message):
    found = error_response(answered(body, status=400))
    assert (found.kind, found.message, found.status) == (kind, message, 400)
    assert found


def test_an_error_object_in_an_array_of_one_is_read():
    found = error_response(answered([error("No.", "t", param="n", code="c")], status=400))
    assert (found.type, found.param, found.code) == ("t", "n", "c")
    assert (found.is_enveloped, found.has_error_object) == (False, True)
    assert names_field(found, "n")
    assert not names_field(found, "message")


@pytest.mark.parametrize("body", [{"error": "No."}, {"detail": "No."}, {"message": "No."}, LOC, "No."])
def test_other_forms_have_a_message_but_no_error_object(body):
    found = error_response(answered(body, status=400))
    assert (found.is_legible, found.has_error_object) == (True, False)


@pytest.mark.parametrize("body", ["<!DOCTYPE html><p>No.", "", "17", [], {"code": 3}])
def test_some_forms_tell_people_nothing(body):
    assert not error_response(answered(body, status=400)).is_legible


def test_an_event_stream_under_an_error_status():
    found = error_response(streamed(error("No.", code="c"), "[DONE]", status=501))
    assert (found.kind, found.form, found.message, found.code, found.in_band) == ("events", "openai", "No.", "c", False)


@pytest.mark.parametrize(
    "x",
    [
        answered(completion()),
        answered(completion(error=None)),
        answered(completion(error={"message": "a warning"})),
        streamed(*HELLO),
        exchange(b""),
        answered("", status=301),
        answered([{"error": {"message": "not a reply of any API"}}]),
    ],
)
def test_no_refusal(x):
    assert not error_response(x)


def test_errors_under_a_success_status():
    assert error_response(answered(error("No."))).in_band
    late = streamed(chunk({"content": "Hel"}), error("It failed."), "[DONE]")
    assert (error_response(late).message, error_at(late)) == ("It failed.", 1)
    at = error_response(late).at
    assert b"It failed." in late.received[at.start : at.end]
    assert b"Hel" not in late.received[at.start : at.end]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (error("'temperature' must be a number."), "temperature"),
        (error("Bad.", param="temperature"), "temperature"),
        (error("Bad.", param="messages[0].role"), "messages.role"),
        (error("body.temperature: bad"), "temperature"),
        (error("at /temperature"), "temperature"),
        (error("$.stream_options.include_usage is no boolean"), "stream_options.include_usage"),
        (error("json: cannot unmarshal object into Go struct field ChatRequest.max_tokens of type int"), "max_tokens"),
        (error("Key: 'ChatRequest.MaxTokens' failed"), "max_tokens"),
        (error("maxTokens: expected number"), "max_tokens"),
        ({"detail": [{"loc": ["body", "temperature"], "msg": "bad"}]}, "temperature"),
        (LOC, "role"),
        ("temperature: invalid type", "temperature"),
        ({"code": 3, "msg": "temperature"}, "temperature"),
        (error("n must be positive"), "n"),
    ],
)
def test_it_names_the_field(body, field):
    assert names_field(error_response(answered(body, status=400)), field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (error("Bad request."), "temperature"),
        (error("max_tokens is wrong"), "max_token"),
        (error("max_token is unknown"), "max_tokens"),
        (error("stream_options is wrong"), "stream"),
        (error("Don't do that again"), "n"),
        (LOC, "stream"),
        ("", "n"),
        ([], "n"),
    ],
)
def test_it_names_another_field_or_none(body, field):
    assert not names_field(error_response(answered(body, status=400)), field)


def test_a_refusal_of_streaming():
    assert refuses_streaming(answered("", status=501, mode="stream"))
    assert refuses_streaming(answered(error("Streaming is off."), status=400, mode="stream"))
    assert refuses_streaming(answered(error("No.", param="stream"), status=422, mode="stream"))
    assert not refuses_streaming(answered("", status=501))
    assert not refuses_streaming(answered(error("No."), status=500, mode="stream"))
    assert not refuses_streaming(streamed(error("Streaming failed.")))
    other = answered(error("`n` is not implemented."), status=501, mode="stream", probe="chat.wrong-type.n")
    assert not refuses_streaming(other)


def test_the_fields_of_one_s_own_that_a_refusal_means():
    body = {"model": "m", "user": "u", "stream_options": {}, "tools": []}
    refused = answered(error("Unknown parameter: 'stream_options'."), status=400, body=body)
    assert rejected_fields(refused) == ("stream_options",)
    prose = answered(error("The user must not use tools."), status=400, body=body)
    assert rejected_fields(prose) == ()
    assert rejected_fields(answered(error("No.", param="tools[0].type"), status=422, body=body)) == ("tools",)
    assert rejected_fields(answered(error("No.", param="tools"), status=500, body=body)) == ()


def test_quoted_text_is_short_and_can_be_written():
    assert quoted("a\n b") == "‘a b’"
    assert len(quoted("x" * 5000)) == 102
    quoted("\ud800").encode()


LONGEST_QUOTE = 102
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "detail", "loc", "msg", "message", "param", "type", "code"]), inner)
    ),
)


@given(json_values, st.sampled_from([200, 400, 501, 999]), st.sampled_from(["stream", "unary"]))
def test_no_value_harms(value, status, mode):
    for x in (answered(value, status=status, mode=mode), streamed(value, status=status)):
        found = error_response(x)
        assert not (found and names_field(found, "a name that is nowhere"))
        assert all(isinstance(name, str) for name in rejected_fields(x))
        assert not refuses_streaming(x) or found
        assert len(quoted(found.message)) <= LONGEST_QUOTE


@given(st.binary(max_size=80))
def test_no_bytes_harm(raw):
    for x in (exchange(raw), exchange(http(400, [], raw)), exchange(http(200, [], raw))):
        found = error_response(x)
        assert not (found and names_field(found, "a name that is nowhere"))
        assert all(isinstance(name, str) for name in rejected_fields(x))
