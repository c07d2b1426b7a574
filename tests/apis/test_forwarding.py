"""The fate of each field of a request: which difference concerns which promise, and what is none."""

import json
from dataclasses import replace

import pytest

from conformance.apis.forwarding.aspects import Aspect
from conformance.apis.forwarding.records import MOST_ADDED, Fate, fates, heaviest, records
from conformance.model.exchange import Pair
from conformance.model.target import GatewayPolicy
from conformance.rules.example import answered, error
from conformance.rules.gw.example import forwarded

BASE = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 16}
NOTHING = GatewayPolicy()
PROBES = {"chat": "chat.gateway.field", "messages": "messages.gateway.field", "responses": "responses.gateway.field"}


def found(sent, arrived, policy=NOTHING, api="chat"):
    client, upstream = forwarded(BASE | sent, BASE | arrived, PROBES[api])
    return [
        (record.path, record.fate, record.aspect) for record in records(client, upstream, policy) if not record.allowed
    ]


def said(*messages):
    return {"messages": [*messages]}


USER = {"role": "user", "content": "Hi"}
SYSTEM = {"role": "system", "content": "Be brief."}
MARKED = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"id": 9007199254740993}'}}


@pytest.mark.parametrize(
    ("sent", "arrived", "path", "fate", "aspect"),
    [
        ({"n": 2}, {}, "n", Fate.DROPPED, Aspect.FIELD),
        ({"seed": 0}, {}, "seed", Fate.DROPPED, Aspect.EMPTY),
        ({"store": False}, {}, "store", Fate.DROPPED, Aspect.EMPTY),
        ({"seed": None}, {}, "seed", Fate.DROPPED, Aspect.NOTHING),
        ({"user": ""}, {}, "user", Fate.DROPPED, Aspect.NOTHING),
        ({"user": ""}, {"user": None}, "user", Fate.CHANGED, Aspect.FIELD),
        ({"seed": 2**53 + 1}, {"seed": 2**53}, "seed", Fate.CHANGED, Aspect.DIGITS),
        ({"seed": 2**53 + 1}, {"seed": str(2**53 + 1)}, "seed", Fate.CHANGED, Aspect.FIELD),
        ({"top_p": 1.1}, {"top_p": 1}, "top_p", Fate.CHANGED, Aspect.RANGE),
        ({"top_p": 0.9}, {"top_p": 1}, "top_p", Fate.CHANGED, Aspect.FIELD),
        ({}, {"ignore_eos": False}, "ignore_eos", Fate.ADDED, Aspect.FIELD),
        ({"model": "a"}, {"model": "b"}, "model", Fate.CHANGED, Aspect.MODEL),
        ({"stop": "x"}, {"stop": ["x"]}, "stop", Fate.MAPPED, Aspect.SHAPE),
        ({"stop": ["x", "y"]}, {"stop": ["x"]}, "stop.1", Fate.DROPPED, Aspect.FIELD),
        ({"max_tokens": 1}, {"max_tokens": None}, "max_tokens", Fate.CHANGED, Aspect.FIELD),
        ({"prompt_cache_key": "a"}, {}, "prompt_cache_key", Fate.DROPPED, Aspect.CACHE),
        ({"stream": True}, {}, "stream", Fate.DROPPED, Aspect.FIELD),
        (said(SYSTEM, USER), said(USER), "messages.0", Fate.DROPPED, Aspect.MESSAGE),
        (said(SYSTEM, USER), said(USER, SYSTEM), "messages", Fate.CHANGED, Aspect.MESSAGE),
        (said(USER), said(SYSTEM, USER), "messages.0", Fate.ADDED, Aspect.PROMPT),
        (said(USER), said(USER | {"content": "ACME. Hi"}), "messages.0.content", Fate.CHANGED, Aspect.PROMPT),
        (said(USER), said(USER | {"content": "hi"}), "messages.0.content", Fate.CHANGED, Aspect.TEXT),
        (
            said({"role": "user", "content": [MARKED]}),
            said(USER),
            "messages.0.content.0.cache_control",
            Fate.DROPPED,
            Aspect.CACHE,
        ),
        (
            said({"role": "assistant", "tool_calls": [CALL]}),
            said({"role": "assistant", "tool_calls": []}),
            "messages.0.tool_calls.0",
            Fate.DROPPED,
            Aspect.MESSAGE,
        ),
        (
            said({"role": "assistant", "content": "", "reasoning_content": " a\n"}),
            said({"role": "assistant", "content": "", "reasoning_content": "a"}),
            "messages.0.reasoning_content",
            Fate.CHANGED,
            Aspect.REASONING,
        ),
    ],
)
def test_a_difference_has_a_fate_and_concerns_one_promise(sent, arrived, path, fate, aspect):
    assert (path, fate, aspect) in found(sent, arrived)


def arguments(text):
    function = CALL["function"] | {"arguments": text}
    return said({"role": "assistant", "tool_calls": [CALL | {"function": function}]})


@pytest.mark.parametrize(
    ("text", "aspect"),
    [('{"id":9007199254740993}', Aspect.SHAPE), ('{"id": 9007199254740992}', Aspect.DIGITS), ("{", Aspect.TEXT)],
)
def test_arguments_that_are_written_anew_keep_their_values_or_lose_digits(text, aspect):
    sent = arguments(CALL["function"]["arguments"])
    assert [one for *_, one in found(sent, arguments(text))] == [aspect]


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        ({"stream": False}, {}),
        ({}, {"stream": False}),
        ({"n": 1}, {}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        (
            {"stream": True, "stream_options": {"include_usage": False}},
            {"stream": True, "stream_options": {"include_usage": True}},
        ),
    ],
)
def test_what_means_the_same_is_no_difference(sent, arrived):
    assert found(sent, arrived) == []


LOOSE = {"type": "function", "name": "f", "strict": False}
ASIDE = {"role": "assistant", "content": "Yes."}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}


@pytest.mark.parametrize(
    ("api", "sent", "arrived", "expected"),
    [
        ("chat", {"tools": [{"function": {"strict": False}}]}, {"tools": [{"function": {}}]}, []),
        ("responses", {"tools": [LOOSE]}, {"tools": [{"type": "function", "name": "f"}]}, [Aspect.EMPTY]),
        ("messages", {"tools": [{"name": "f", "type": "custom"}]}, {"tools": [{"name": "f"}]}, []),
        ("messages", {"tools": [{"name": "f", "type": "bash_20250124"}]}, {"tools": [{"name": "f"}]}, [Aspect.TOOL]),
        ("chat", {}, {"logprobs": False, "n": 1}, []),
        ("chat", {}, {"tool_choice": "auto"}, [Aspect.FIELD]),
        ("chat", {"tools": [CALL]}, {"tools": [CALL], "tool_choice": "auto"}, []),
    ],
)
def test_the_default_of_a_field_is_that_of_its_api_and_place(api, sent, arrived, expected):
    assert [aspect for *_, aspect in found(sent, arrived, api=api)] == expected


@pytest.mark.parametrize(
    ("api", "sent", "arrived", "expected"),
    [
        ("messages", [USER, USER], [{"role": "user", "content": [MARKED, MARKED]}], [Aspect.FIELD]),
        ("messages", [USER, ASIDE, USER], [USER, USER], [Aspect.MESSAGE]),
        ("chat", [USER], [USER, USER], [Aspect.PROMPT]),
        ("messages", [USER], [SYSTEM | {"role": "user"}, USER], [Aspect.SHAPE, Aspect.PROMPT]),
    ],
)
def test_only_messages_of_one_role_are_one_turn_and_only_in_messages(api, sent, arrived, expected):
    aspects = [aspect for *_, aspect in found(said(*sent), said(*arrived), api=api)]
    assert set(aspects) == set(expected)


def test_a_text_in_place_of_an_image_is_a_lost_part_and_no_added_prompt():
    sent, got = ({"role": "user", "content": [part]} for part in (PICTURE, {"type": "text", "text": "[image]"}))
    assert {aspect for *_, aspect in found(said(sent), said(got))} == {Aspect.PART}


@pytest.mark.parametrize(
    ("more", "aspect"), [({"tool_calls": [CALL]}, Aspect.NOTHING), ({"name": "a"}, Aspect.MESSAGE)]
)
def test_null_is_as_good_as_an_empty_text_beside_calls_only(more, aspect):
    empty, null = (said({"role": "assistant", "content": content, **more}, USER) for content in ("", None))
    assert [one for *_, one in found(empty, null)] == [one for *_, one in found(null, empty)] == [aspect]


def test_an_option_of_a_stream_that_is_lost_is_a_difference():
    sent = {"stream": True, "stream_options": {"include_usage": True}}
    assert [path for path, *_ in found(sent, {"stream": True})] == ["stream_options"]


def test_a_field_may_arrive_under_the_name_that_replaces_it():
    client, upstream = forwarded(BASE, {"max_completion_tokens": 16} | {k: BASE[k] for k in ("model", "messages")})
    assert [(r.path, r.fate, r.aspect) for r in records(client, upstream, NOTHING)] == [
        ("max_tokens", Fate.MAPPED, Aspect.ALIAS)
    ]


def test_the_properties_of_a_schema_have_an_order_and_other_objects_have_none():
    def schema(*names):
        return {
            "tools": [{"type": "function", "function": {"parameters": {"properties": {name: {} for name in names}}}}]
        }

    place = "tools.0.function.parameters.properties"
    assert found(schema("b", "a"), schema("a", "b")) == [(place, Fate.CHANGED, Aspect.ORDER)]
    assert found({"metadata": {"b": "", "a": ""}}, {"metadata": {"a": "", "b": ""}}) == []


@pytest.mark.parametrize(
    ("policy", "sent", "arrived"),
    [
        (GatewayPolicy(dropped=("user",)), {"user": "a"}, {}),
        (GatewayPolicy(dropped=("tools.*.strict",)), {"tools": [{"strict": True}]}, {"tools": [{}]}),
        (GatewayPolicy(changed=("max_*",)), {"max_tokens": 9}, {"max_tokens": 8}),
        (GatewayPolicy(added=("metadata",)), {"metadata": {"a": ""}}, {"metadata": {"a": "", "b": ""}}),
        (GatewayPolicy(prompt=True), said(USER), said(SYSTEM, USER)),
        (GatewayPolicy(model="b"), {"model": "a"}, {"model": "b"}),
    ],
)
def test_the_policy_allows_what_it_names(policy, sent, arrived):
    assert found(sent, arrived)
    assert found(sent, arrived, policy) == []


def test_each_field_that_was_sent_has_a_fate_in_the_order_of_the_request():
    client, upstream = forwarded(BASE | {"user": "a"}, BASE | {"x": 1})
    rows = heaviest(iter(fates(Pair(client, (upstream,)), NOTHING)))
    assert {name: record.fate for name, record in rows.items()} == {
        "model": Fate.EQUAL,
        "messages.*.role": Fate.EQUAL,
        "messages.*.content": Fate.EQUAL,
        "max_tokens": Fate.EQUAL,
        "user": Fate.DROPPED,
        "x": Fate.ADDED,
    }


def test_a_field_is_equal_whatever_is_added_beside_it_and_not_where_it_is_added_to():
    sent = BASE | {"user": "a", "metadata": {"a": ""}}
    client, upstream = forwarded(sent, sent | {"user_id": 1, "metadata": {"a": "", "b": ""}})
    found = {record.path: record.fate for record in fates(Pair(client, (upstream,)), NOTHING)}
    assert (found["user"], found["user_id"], found["metadata.b"]) == (Fate.EQUAL, Fate.ADDED, Fate.ADDED)
    assert "metadata" not in found


def test_of_what_a_gateway_adds_without_end_a_number_is_listed_and_the_fields_that_were_sent_all_the_same():
    many = {f"a{number}": "" for number in range(MOST_ADDED + 500)}
    client, upstream = forwarded(BASE | {"metadata": {"a": ""}}, {"model": "m", "metadata": {"a": "", **many}})
    found = [record.fate for record in fates(Pair(client, (upstream,)), NOTHING)]
    assert found.count(Fate.ADDED) == MOST_ADDED
    assert (found.count(Fate.EQUAL), found.count(Fate.DROPPED)) == (2, 2)


def test_a_field_that_the_gateway_refuses_by_name_is_refused():
    said_no = answered(error("`user` is not supported.", param="user"), status=400, body=BASE | {"user": "a"})
    assert [(r.path, r.fate) for r in fates(Pair(replace(said_no, nonce="q"), ()), NOTHING)] == [("user", Fate.REFUSED)]


def test_records_do_not_raise_on_any_values_in_any_place():
    odd = [None, True, 0, -1.5, "", "x", [], ["x"], [None], {}, {"type": 1}, {"type": "thinking"}, [{"text": 1}]]
    for name in ("messages", "system", "tools", "stream_options", "model", "stop", "stream", "input"):
        for sent in odd:
            for arrived in odd:
                for api in PROBES:
                    found({name: sent}, {name: arrived}, api=api)
    assert json.dumps(found({}, {})) == "[]"
