import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.apis.tools import TOOL_CALL_MARKERS, offered, required_name, tool_call_in_text, tool_choice_mode
from conformance.rules.example import answered, completion
from conformance.rules.tool.example import NAMED, TOOLS

ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}


def having(**body):
    return answered(completion(), body=body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "none"),
        ({"tools": []}, "none"),
        ({"tools": None}, "none"),
        (TOOLS, "auto"),
        (TOOLS | {"tool_choice": None}, "auto"),
        (TOOLS | {"tool_choice": "none"}, "none"),
        (TOOLS | {"tool_choice": "required"}, "required"),
        (TOOLS | NAMED, "named"),
        (TOOLS | {"tool_choice": ALLOWED}, "required"),
        (TOOLS | {"tool_choice": "sometimes"}, "unclear"),
        (TOOLS | {"tool_choice": [17]}, "unclear"),
        ({"tools": {"unexpected": True}}, "unclear"),
        ({"functions": [{"name": "f"}]}, "auto"),
    ],
)
def test_what_the_request_lets_the_model_do(body, expected):
    assert tool_choice_mode(having(**body)) == expected


def test_tools_of_all_kinds_are_offered_by_name():
    custom = {"type": "custom", "custom": {"name": "sql"}}
    x = having(tools=[*TOOLS["tools"], custom, 7, {"function": {"name": 7}}], functions=[{"name": "old"}])
    assert list(offered(x)) == ["f", "g", "sql", "old"]
    assert required_name(having(tool_choice={"type": "custom", "custom": {"name": "sql"}})) == "sql"


@pytest.mark.parametrize(
    "mark",
    [
        "<tool_call>",
        "<|tool_call|>",
        "[TOOL_CALLS]",
        "<|python_tag|>",
        "<function=f>",
        "<｜tool▁calls▁begin｜>",
        " to=functions.f",
    ],
)
def test_marks_of_templates_are_known(mark):
    assert TOOL_CALL_MARKERS.search(f"Well: {mark}")


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["name", "function", "tools", "arguments"]), inner),
)


@given(JSON, JSON, st.text(max_size=40))
def test_any_request_is_read_without_an_exception(tools, choice, text):
    x = answered(completion({"content": text}), body={"tools": tools, "tool_choice": choice})
    assert tool_choice_mode(x) in ("none", "auto", "required", "named", "unclear")
    assert isinstance(tool_call_in_text(x), str)
