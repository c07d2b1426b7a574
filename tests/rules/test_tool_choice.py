"""TOOL: tool_choice, arguments with one possible value, and a replayed history."""

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.verdict import Status
from conformance.rules.example import HELLO, JSON, answered, chunk, completion, error, streamed
from conformance.rules.tool.choice import MARKED, NONE, OTHER, SINGLE_CALL
from conformance.rules.tool.compatibility import ALONE, KEYWORDS, LOGPROBS
from conformance.rules.tool.example import NAMED, TOOLS, called, calling, first_fragment, later_fragment
from conformance.rules.tool.history import FIRST, NULL, REPLAY, counted_prompt
from conformance.rules.tool.lost_calls import FREE, OSLO, ROME, stream_of
from conformance.rules.tool.values import STRICT
from conformance.testbed.mutations import changes

RULES = {rule.id: rule for rule in catalogue.rules()}


def status(rule, *seen):
    given = dict(zip(RULES[rule].parameters, seen, strict=True))
    return decide(RULES[rule], given, seen[:1])[0]


def test_the_full_suite_verifies_every_rule_on_the_good_deployment(judged):
    passed = {v.rule for v in judged(suite="full").verdicts if v.status is Status.PASS}
    assert {name for name in RULES if name.startswith("TOOL0")} <= passed


def test_the_capabilities_tell_what_became_of_the_choice(judged):
    def states(change):
        found = judged(change).capabilities["chat"]
        return found["tool_choice"], found["parallel_tool_calls"]

    assert states(None) == ("honoured", "honoured")
    assert states(changes.find("tool-choice-none-ignored"))[0] == "dropped"
    assert states(changes.find("named-tool-ignored"))[0] == "dropped"
    assert states(changes.find("parallel-tool-calls-ignored"))[1] == "dropped"


IGNORED = (JSON, ("x-ignored-params", "tool_choice, parallel_tool_calls"))


@pytest.mark.parametrize(
    ("rule", "x"),
    [
        ("TOOL020", answered(completion({"tool_calls": [first_fragment()]}), headers=IGNORED, body=NONE)),
        ("TOOL021", answered(completion(), headers=IGNORED, body=OTHER)),
        (
            "TOOL022",
            answered(
                completion({"tool_calls": [first_fragment(), first_fragment(id="call_2")]}),
                headers=IGNORED,
                body=SINGLE_CALL,
            ),
        ),
    ],
)
def test_what_is_announced_as_ignored_is_not_dropped(rule, x):
    assert status(rule, x) is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ("none", Status.FAIL),
        ("auto", Status.NOT_APPLICABLE),
        ("required", Status.NOT_APPLICABLE),
        (None, Status.NOT_APPLICABLE),
        (17, Status.NOT_APPLICABLE),
        ([17], Status.NOT_APPLICABLE),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}, Status.NOT_APPLICABLE),
    ],
)
def test_a_call_is_forbidden_by_none_alone(choice, found):
    assert status("TOOL020", calling(first_fragment(), later_fragment("{}"), body={"tool_choice": choice})) is found


def test_without_tools_a_call_is_forbidden_but_not_a_vendor_s_own():
    def asked(kind, body):
        return status("TOOL020", called(first_fragment(arguments="{}", type=kind), body=body))

    assert asked("function", {"tools": []}) is Status.FAIL
    assert asked("web_search", {"tools": []}) is Status.PASS
    assert asked("function", {"tools": [], "functions": [{"name": "f"}]}) is Status.NOT_APPLICABLE
    assert asked("function", {"tools": {"unexpected": True}}) is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    "x",
    [
        streamed(*HELLO[:2], chunk(finish="length"), "[DONE]", body=TOOLS | OTHER),
        answered(completion({"content": None, "refusal": "No."}), body=OTHER),
        answered(completion(finish="tool_calls"), body=OTHER),
    ],
)
def test_a_named_tool_that_was_not_reached_is_not_laid_to_the_server(x):
    assert status("TOOL021", x) is Status.UNTESTABLE


def test_a_refusal_of_a_choice_is_an_answer():
    for rule, body in (("TOOL020", NONE), ("TOOL021", OTHER), ("TOOL022", SINGLE_CALL)):
        assert status(rule, answered(error(param="tool_choice"), status=400, body=body)) is Status.NOT_APPLICABLE


def test_calls_whose_fragments_can_t_be_joined_are_not_counted():
    x = calling(first_fragment(), later_fragment('{"a"', 1), later_fragment(": 1}", 2), body=SINGLE_CALL)
    assert status("TOOL022", x) is Status.UNTESTABLE


def test_an_invented_name_under_a_named_choice_is_reported_once():
    x = called(first_fragment("nobody", "{}"), body=NAMED)
    assert status("TOOL021", x) is Status.FAIL
    assert status("TOOL023", x) is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (MARKED, Status.FAIL),
        ('<|python_tag|>{"name": "f"}', Status.FAIL),
        ("<function=f>{}</function>", Status.FAIL),
        ('[{"name": "f", "arguments": {}}]', Status.FAIL),
        ('{"tool_call": {"name": "f", "arguments": {}}}', Status.FAIL),
        ("<tool_call>nothing of ours</tool_call>", Status.PASS),
        ('{"name": "Ada", "arguments": {}}', Status.PASS),
        ('{"name": ["f"], "arguments": {}}', Status.PASS),
        ('{"name": "f"}', Status.PASS),
        ("I call f.", Status.PASS),
    ],
)
def test_a_call_as_text_is_known_by_its_marks_and_the_tool_s_name(text, found):
    assert status("TOOL024", answered(completion({"content": text}), body=TOOLS)) is found
    assert status("TOOL024", answered(completion({"content": text}), body=NONE)) is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("text", "finish", "found"),
    [
        ('<tool_call>{"name": "f", "arguments": 663336E9', "length", Status.NOT_APPLICABLE),
        ('{"name": "f", "arguments": {"city": "Os', "length", Status.PASS),
        ('<tool_call>{"name": "f", "arguments": {"city": "Os', "stop", Status.FAIL),
        (f"{MARKED} And so on, and", "length", Status.FAIL),
    ],
)
def test_a_call_as_text_that_the_token_cap_cut_off_is_no_call(text, finish, found):
    assert status("TOOL024", answered(completion({"content": text}, finish), body=TOOLS)) is found


def strictly(arguments):
    x = called(first_fragment(arguments=arguments), body=STRICT)
    return status("TOOL025", x), status("TOOL026", x)


def test_damaged_letters_are_distinguished_from_other_words():
    assert strictly('{"city": "Zürich"}') == (Status.PASS, Status.PASS)
    assert strictly('{"city": "Zurich"}') == (Status.FAIL, Status.PASS)
    assert strictly('{"city": "Z??rich"}') == (Status.PASS, Status.FAIL)
    assert strictly('{"city": 7}') == (Status.FAIL, Status.PASS)
    assert strictly("[]") == (Status.NOT_APPLICABLE, Status.NOT_APPLICABLE)


def test_a_tool_that_is_not_strict_may_be_called_with_anything():
    loose = {"tools": [{"function": STRICT["tools"][0]["function"] | {"strict": False}}]}
    assert status("TOOL025", called(first_fragment(arguments="{}"), body=loose)) is Status.NOT_APPLICABLE


CUT_OFF = answered(error("This model's maximum context length is 512 tokens."), status=400, **REPLAY)
NO_NONE = answered(error("tool_choice may not be none", param="tool_choice"), status=400, **REPLAY)
NO_CHOICE = answered(error("tool_choice is not supported", param="tool_choice"), status=400, probe="chat.tools")
THOUGHT = {"messages": [{"role": "assistant", "tool_calls": [], "reasoning_content": "They greet me."}]}
NO_REASONING = error("The `reasoning_content` must be passed back.")
NO_TOOLS = answered(error("No tools here.", param="tools"), status=400, probe="chat.tools")


@pytest.mark.parametrize(
    ("x", "first", "found"),
    [
        (NULL, FIRST, Status.FAIL),
        (NULL, NO_CHOICE, Status.FAIL),
        (NULL, NO_TOOLS, Status.NOT_APPLICABLE),
        (NO_NONE, FIRST, Status.NOT_APPLICABLE),
        (answered(NO_REASONING, status=400, **REPLAY), FIRST, Status.NOT_APPLICABLE),
        (answered(NO_REASONING, status=400, body=THOUGHT, **REPLAY), FIRST, Status.FAIL),
        (CUT_OFF, FIRST, Status.UNTESTABLE),
        (answered("Boom", status=500, **REPLAY), FIRST, Status.UNTESTABLE),
        (streamed(error("Boom."), **REPLAY), FIRST, Status.UNTESTABLE),
        (answered(error("Not implemented: tool role"), status=501, **REPLAY), FIRST, Status.FAIL),
        (answered(error("Slow down."), status=429, **REPLAY), FIRST, Status.UNTESTABLE),
        (answered(completion(), **REPLAY), NO_TOOLS, Status.PASS),
    ],
)
def test_a_refused_history_beside_the_first_turn(x, first, found):
    assert status("TOOL027", x, first) is found


def test_a_history_is_only_missed_where_fewer_tokens_are_counted_than_it_has_words():
    assert status("TOOL028", counted_prompt(199)) is Status.FAIL
    assert status("TOOL028", counted_prompt(200)) is Status.PASS
    assert status("TOOL028", answered(completion(usage=None), **REPLAY)) is Status.UNTESTABLE


def test_what_is_refused_alone_too_is_no_lost_combination():
    refused = answered(error("No.", param="logprobs"), status=400, **LOGPROBS)
    assert status("TOOL030", refused, FIRST, ALONE) is Status.FAIL
    assert status("TOOL030", refused, FIRST, answered(error("No."), status=400)) is Status.NOT_APPLICABLE
    choosy = answered(error("No.", param="tool_choice"), status=400, **LOGPROBS)
    assert status("TOOL030", choosy, FIRST, ALONE) is Status.NOT_APPLICABLE
    assert status("TOOL029", answered(error("No."), status=400, **KEYWORDS), NO_TOOLS) is Status.NOT_APPLICABLE


def test_a_stream_without_the_call_is_compared_only_where_the_model_may_choose():
    asked = {"probe": "chat.tools.auto", "body": TOOLS}
    text, call = streamed(*HELLO, **asked), called(first_fragment(arguments="{}"), **asked)
    cut = streamed(*HELLO[:-2], chunk(finish="length"), "[DONE]", **asked)
    assert status("TOOL031", text, call) is Status.FAIL
    assert status("TOOL031", cut, call) is Status.UNTESTABLE
    assert status("TOOL031", text, answered(completion(), **asked)) is Status.NOT_APPLICABLE
    required = {"probe": "chat.tools", "body": TOOLS | {"tool_choice": "required"}}
    assert status("TOOL031", streamed(*HELLO, **required), call) is Status.NOT_APPLICABLE


def test_a_stream_with_neither_the_call_nor_text_has_lost_it():
    asked = {"probe": "chat.tools.auto", "body": TOOLS}
    nothing = streamed(chunk({"role": "assistant", "content": ""}), chunk(finish="stop"), "[DONE]", **asked)
    assert status("CMP014", nothing, called(first_fragment(arguments="{}"), **asked)) is Status.FAIL
    assert status("CMP014", nothing, answered(completion({"content": ""}, usage=None), **asked)) is Status.UNTESTABLE


@pytest.mark.parametrize(
    ("stream", "unary", "expected"),
    [
        (stream_of(OSLO, tokens=8), (OSLO, ROME), Status.FAIL),
        (stream_of(OSLO, tokens=5), (OSLO, ROME), Status.FAIL),
        (stream_of(OSLO, tokens=4), (OSLO, ROME), Status.PASS),
        (stream_of(ROME), (OSLO,), Status.PASS),
        (calling(OSLO, **FREE), (OSLO, ROME), Status.UNTESTABLE),
        (stream_of(first_fragment(arguments="{}")), (first_fragment(arguments="{}"),) * 2, Status.PASS),
    ],
)
def test_a_call_is_lost_only_if_usage_counts_its_tokens(stream, unary, expected):
    given = {"stream": stream, "unary": called(*unary, **FREE)}
    assert decide(RULES["TOOL036"], given, (stream,)).status is expected


def test_usage_that_leaves_out_calls_does_not_show_that_one_is_lost():
    uncounted = {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}
    both = [{name: value for name, value in call.items() if name != "index"} for call in (OSLO, ROME)]
    message = {"content": None, "tool_calls": both}
    unary = answered(completion(message, finish="tool_calls", usage=uncounted), **FREE)
    stream = stream_of(OSLO, tokens=0)
    assert decide(RULES["TOOL036"], {"stream": stream, "unary": unary}, (stream,)).status is Status.UNTESTABLE


def test_text_in_place_of_a_call_may_have_its_tokens():
    spent = {"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11}
    said = chunk({"content": "I call it.", "tool_calls": [OSLO]})
    stream = streamed(said, chunk(finish="tool_calls"), chunk(choices=[], usage=spent), "[DONE]", **FREE)
    given = {"stream": stream, "unary": called(OSLO, ROME, **FREE)}
    assert decide(RULES["TOOL036"], given, (stream,)).status is Status.UNTESTABLE
