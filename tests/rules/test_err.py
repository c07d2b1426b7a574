"""ERR: each defect of an error response has its own verdict, and other good errors are allowed."""

import json

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.exchange import Ending
from conformance.model.verdict import OUT_OF_SCOPE, Finding, Status
from conformance.rules.err.baseline import baseline_request_failed
from conformance.rules.err.causes import (
    model_refused_without_a_code,
    overflow_without_a_code,
    refusal_that_names_nothing,
    validation_error_as_401,
)
from conformance.rules.err.envelope import (
    early_error_without_an_error_object,
    error_is_not_json,
    error_without_a_message,
    error_without_an_error_object,
)
from conformance.rules.err.leaks import conversation_sent_back, huge_error, leaked_traceback, message_in_python
from conformance.rules.err.limits import limited, retry_after_that_few_obey, unreadable_retry_after
from conformance.rules.err.mistakes import (
    documented_request_crashed,
    invalid_request_accepted,
    invalid_request_as_500,
    invalid_value_accepted,
    refusal_inside_a_stream,
    status_that_depends_on_streaming,
)
from conformance.rules.example import (
    HELLO,
    JSON,
    SSE,
    answered,
    chunk,
    completion,
    error,
    exchange,
    http,
    sse,
    streamed,
)
from conformance.rules.msg.example import BLOCK_DELTA, CLOSE, MESSAGE_DELTA, OPEN, START, STOP, events

HI = answered(completion())


def test_a_rate_limit_is_not_laid_to_the_target():
    limited = answered(error("Slow down."), status=429, headers=(JSON, ("retry-after", "2")))
    assert baseline_request_failed.applies_to(limited).status is Status.UNTESTABLE
    for rule in (r for r in catalogue.rules() if r.family == "ERR"):
        given = (limited, limited)[: len([name for name in rule.parameters if name != "policy"])]
        assert rule.applies_to(limited) or not list(rule.check(*given)), rule.id


def yielded(rule, *given):
    for x in given[: 1 if "baseline" in rule.parameters else 2]:
        if skip := rule.applies_to(x):
            return [skip.status]
    return [item.seen if isinstance(item, Finding) else item.status for item in rule.check(*given)]


MISTAKE = {"probe": "chat.mistake.bad-json"}


def test_a_target_that_is_down_is_not_blamed_for_mistakes():
    down = answered("", status=502)
    assert yielded(invalid_request_as_500, answered("", status=502, **MISTAKE), down) == [Status.UNTESTABLE]
    busy = answered("", status=503, headers=[("retry-after", "3")], **MISTAKE)
    assert yielded(invalid_request_as_500, busy, HI) == [Status.UNTESTABLE]


@pytest.mark.parametrize("about", ["get", "deep-nesting", "not-labelled-json"])
def test_some_mistakes_may_be_answered(about):
    x = answered(completion(), probe=f"chat.mistake.{about}")
    assert yielded(invalid_request_accepted, x) == yielded(invalid_value_accepted, x) == [Status.NOT_APPLICABLE]


@pytest.mark.parametrize("about", ["unknown-route", "get"])
def test_a_501_for_a_route_is_no_crash(about):
    assert yielded(invalid_request_as_500, answered(error(), status=501, probe=f"chat.mistake.{about}"), HI) == []


@pytest.mark.parametrize(
    "text",
    [
        'Traceback (most recent call last):\n  File "x.py", line 1',
        "goroutine 12 [running]:",
        "thread 'main' panicked at src/main.rs:4",
        "at Object.<anonymous> (/app/server.js:10:5)",
        "at com.example.Api.create(Api.java:44)",
        "error in /usr/lib/python3/site-packages/api/main.py",
        r"error in C:\app\main.py",
    ],
)
def test_leaks(text):
    assert len(yielded(leaked_traceback, answered(error(text), status=400, **MISTAKE))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "See https://example.com/guide/errors.js for more.",
        "Unknown path /v1/chat/completion.",
        "messages/0/content must be text",
        "Use application/json or text/plain.",
        "It is 3/4 full; see a.b/c.d",
        "/" * 20_000 + "a/" * 20_000,
    ],
)
def test_no_leaks(text):
    assert yielded(leaked_traceback, answered(error(text), status=400, **MISTAKE)) == []


def test_an_error_late_in_a_stream_that_was_fine_without_is_no_matter_of_validation():
    late = streamed(*HELLO[:2], error("It failed."), probe="chat.mistake.bad-role")
    fine = answered(completion(), probe="chat.mistake.bad-role")
    assert yielded(refusal_inside_a_stream, late, fine) == [Status.NOT_APPLICABLE]


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (answered(error(), status=401), [Status.UNTESTABLE]),
        (answered(error("No.", param="stream", code="x"), status=501, mode="stream"), [Status.NOT_APPLICABLE]),
        (exchange(b""), [Status.UNTESTABLE]),
    ],
)
def test_greetings_that_other_rules_judge(x, expected):
    assert yielded(baseline_request_failed, x) == expected


def test_a_model_that_is_not_there_is_a_failed_baseline_request():
    x = answered(error("The model `m` does not exist.", param="model", code="model_not_found"), status=404)
    (seen,) = yielded(baseline_request_failed, x)
    assert "404" in seen
    assert "does not exist" in seen


def test_a_short_word_is_not_taken_for_an_echo():
    body = {"messages": [{"role": "user", "content": "Hi"}, 3, {"content": ["x"]}]}
    assert yielded(conversation_sent_back, answered(error("Hi, no."), status=400, body=body)) == []


EARLY = [
    answered({"error": "Unauthorized"}, status=401, probe="chat.auth.no-key"),
    answered("<html>", status=413, probe="chat.mistake.huge-body"),
    answered({"detail": "Not Found"}, status=404, probe="chat.models.one"),
    answered("", status=405, probe="chat.mistake.get"),
]


@pytest.mark.parametrize("x", EARLY, ids=lambda x: x.case.probe)
def test_what_refuses_before_the_api_should_have_its_error_object_and_must_not(x):
    assert len(yielded(early_error_without_an_error_object, x)) == 1
    for rule in (error_is_not_json, error_without_an_error_object, error_without_a_message):
        assert yielded(rule, x) == [Status.NOT_APPLICABLE]


def test_an_open_route_s_refusal_is_not_reported_again():
    x = answered({"error": "Unauthorized"}, status=401, probe="chat.sibling.responses")
    assert early_error_without_an_error_object.applies_to(x) is OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (answered(completion(), probe="chat.mistake.too-long"), Status.UNTESTABLE),
        (answered(error("Too large."), status=413, probe="chat.mistake.too-long"), Status.NOT_APPLICABLE),
        (answered(error("Too many tokens a minute."), status=429, probe="chat.mistake.too-long"), Status.UNTESTABLE),
        (answered({"detail": "no"}, status=400, probe="chat.mistake.too-long"), Status.NOT_APPLICABLE),
    ],
)
def test_where_a_long_prompt_shows_nothing_of_its_code(x, expected):
    assert yielded(overflow_without_a_code, x) == [expected]


def test_an_integer_is_no_code_for_a_model():
    x = answered({"error": {"message": "No model.", "code": 404}}, status=404, probe="chat.mistake.unknown-model")
    assert yielded(model_refused_without_a_code, x) == ["the 404 error has code 404"]


@pytest.mark.parametrize(
    "said",
    [
        error("Unknown role.", param="messages.0.role"),
        error("messages[0] is not acceptable"),
        {"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "Input should be 'user'"}]},
        {"error": "no such role: nobody"},
    ],
)
def test_any_name_of_what_is_wrong_will_do(said):
    assert yielded(refusal_that_names_nothing, answered(said, status=422, probe="chat.mistake.bad-role"), None) == []


def test_an_error_that_the_baseline_request_gets_too_is_not_blamed_for_the_field_it_leaves_out():
    said = {"detail": "'input_type' is required."}
    mistaken, usual = answered(said, status=400, probe="chat.mistake.bad-role"), answered(said, status=400)
    assert yielded(refusal_that_names_nothing, mistaken, usual) == [Status.UNTESTABLE]
    assert len(yielded(refusal_that_names_nothing, mistaken, answered({"detail": "Busy."}, status=400))) == 1
    assert len(yielded(refusal_that_names_nothing, mistaken, None)) == 1


def test_a_key_that_is_refused_everywhere_is_not_blamed_on_a_mistake():
    locked = answered(error(), status=403)
    refused = answered(error(), status=403, **MISTAKE)
    assert yielded(validation_error_as_401, refused, locked) == [Status.UNTESTABLE]


@pytest.mark.parametrize(
    "value", ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
)
def test_the_three_forms_of_a_date(value):
    assert yielded(unreadable_retry_after, limited(("retry-after", value))) == []
    assert len(yielded(retry_after_that_few_obey, limited(("retry-after", value)))) == 1


@pytest.mark.parametrize(("value", "obeyed"), [("0", True), ("060", True), ("61", False), ("1" * 9, False)])
def test_a_minute_is_the_most_that_is_waited(value, obeyed):
    assert (yielded(retry_after_that_few_obey, limited(("retry-after", value))) == []) is obeyed


SECRETS = {
    "text": {"messages": [{"role": "user", "content": "I am Rumpelstiltskin."}]},
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "I am Rumpelstiltskin."}]}]},
    "system": {"system": "I am Rumpelstiltskin.", "messages": []},
    "blocks": {"system": [{"type": "text", "text": "I am Rumpelstiltskin."}], "messages": []},
    "input": {"input": "I am Rumpelstiltskin."},
    "items": {"input": [{"role": "user", "content": [{"type": "input_text", "text": "I am Rumpelstiltskin."}]}]},
    "output": {"input": [{"type": "function_call_output", "call_id": "c", "output": "I am Rumpelstiltskin."}]},
    "instructions": {"instructions": "I am Rumpelstiltskin.", "input": "Hi"},
    "tool-result": {
        "messages": [{"role": "user", "content": [{"type": "tool_result", "content": "I am Rumpelstiltskin."}]}]
    },
}


@pytest.mark.parametrize("form", SECRETS)
def test_a_text_of_any_api_s_request_in_an_error_is_an_echo(form):
    x = answered(error("No: 'I am Rumpelstiltskin.'"), status=400, body=SECRETS[form])
    assert len(yielded(conversation_sent_back, x)) == 1
    assert yielded(conversation_sent_back, answered(error("No."), status=400, body=SECRETS[form])) == []


def test_a_wrong_value_in_place_of_all_messages_may_be_quoted():
    x = answered(error("'messages' is 'not a list'."), status=400, body={"messages": "not a list"})
    assert yielded(conversation_sent_back, x) == []


def test_a_conversation_without_end_is_read_to_a_limit():
    deep = nested = []
    for _ in range(100):
        nested.append([])
        nested = nested[0]
    assert yielded(conversation_sent_back, answered(error("No."), status=400, body={"input": deep})) == []


@pytest.mark.parametrize(
    ("message", "is_python"),
    [
        ("[{'type': 'missing', 'loc': ('body', 'model')}]", True),
        ("Error code: 400 - {'error': {'message': 'no'}}", True),
        ("KeyError('model')", True),
        ("<Request object at 0x7f01a2b3c4d5>", True),
        ("'temperature' must be at most 2, not 'hot'.", False),
        ('Use {"type": "json_object"}.', False),
        ("A ValueError (see the documentation) was raised.", False),
        ("The role must be one of ['user', 'system'].", False),
    ],
)
def test_a_message_is_for_people(message, is_python):
    assert bool(yielded(message_in_python, answered(error(message), status=400))) is is_python


def test_an_error_in_a_stream_is_measured_alone():
    long = [chunk({"content": "word " * 20_000})]
    assert yielded(huge_error, streamed(*long, error("No."))) == []
    assert len(yielded(huge_error, streamed(*long, error("No. " * 20_000)))) == 1


def test_an_error_that_leaves_a_block_open_says_so():
    failed = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    begun = events(START, OPEN, BLOCK_DELTA, failed, probe="messages.long", mode="stream")
    whole = events(START, OPEN, BLOCK_DELTA, CLOSE, failed, probe="messages.long", mode="stream")
    good = events(START, OPEN, BLOCK_DELTA, CLOSE, MESSAGE_DELTA, STOP, mode="stream")
    assert "leaves a content block open (text)" in yielded(documented_request_crashed, begun, good)[0]
    assert "open" not in yielded(documented_request_crashed, whole, good)[0]


def test_a_refused_key_is_quoted():
    said = baseline_request_failed.applies_to(answered(error("Use x-api-key."), status=401))
    assert "‘Use x-api-key.’" in said.reason


ROLE = {"probe": "chat.mistake.bad-role"}
REFUSED = answered(error("Unknown role."), status=400, **ROLE)
CUT = Ending("limit", "body", 0, "the response has 100 bytes or more")
PARTS = [
    {"received": http(200, [JSON], b"")},
    {"received": http(200, [SSE], sse(*HELLO[:2])), "ending": CUT},
    {"received": http(200, [JSON], json.dumps(completion()).encode())[:-9], "ending": CUT},
]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["ERR001", "ERR002", "ERR016", "ERR017"])
def test_a_part_of_a_response_does_not_show_that_a_mistake_was_accepted_or_rejected(part, name):
    rule = next(rule for rule in catalogue.rules() if rule.id == name)
    probe = {"probe": "chat.mistake.no-messages"} if name == "ERR001" else ROLE
    x = exchange(**part, mode="stream", **probe)
    given = {"x": x} if "x" in rule.parameters else {"stream": x, "unary": REFUSED}
    assert decide(rule, given, tuple(given.values())[:1]).status in (Status.UNTESTABLE, Status.NOT_APPLICABLE)


def test_a_mistake_that_is_accepted_when_streaming_has_no_status_to_compare():
    late = streamed(*HELLO, **ROLE)
    assert yielded(refusal_inside_a_stream, late, REFUSED) == [Status.NOT_APPLICABLE]
    assert yielded(status_that_depends_on_streaming, late, REFUSED) == [Status.NOT_APPLICABLE]


@pytest.mark.parametrize(("name", "words"), [("stream_options", "documents"), ("extra_body", "does not document")])
def test_a_rejected_field_is_called_documented_or_not_whatever_the_target_calls_it(name, words):
    said = error(f"Unknown parameter: '{name}'.", param=name)
    x = answered(said, status=400, body={"model": "m", "messages": [], name: {}})
    assert baseline_request_failed.applies_to(x).reason == (
        f"the target rejected `{name}`, a field that the API {words} (see FLD015)"
    )


def test_a_failed_stream_is_called_a_stream():
    x = answered(error("The stream failed."), status=500, mode="stream")
    assert yielded(baseline_request_failed, x) == ["the streaming baseline request got HTTP 500: ‘The stream failed.’"]


@pytest.mark.parametrize(("status", "is_outside"), [(404, True), (405, True), (501, True), (400, False), (422, False)])
def test_a_missing_count_tokens_is_a_missing_route(status, is_outside):
    x = answered({"detail": "Not Found"}, status=status, probe="messages.count")
    assert [
        bool(rule.applies_to(x)) for rule in (error_without_an_error_object, early_error_without_an_error_object)
    ] == [
        is_outside,
        not is_outside,
    ]
