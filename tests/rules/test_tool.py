import pytest

from conformance import catalogue
from conformance.model.verdict import Finding, Status
from conformance.rules.example import chunk, streamed
from conformance.rules.tool.example import TOOLS, called, calling, first_fragment, later_fragment, without_fields
from conformance.testbed.mutations import changes

FAMILIES = [rule for rule in catalogue.rules() if rule.family in ("CHK", "CMP", "TOOL", "USE")]
ALONE = [rule for rule in FAMILIES if rule.parameters == ("x",)]
RULES = {rule.id: rule for rule in FAMILIES}


def failing(x):
    applying = [r for r in ALONE if x.mode in r.modes and r.applies_to(x) is None]
    return {r.id for r in applying if any(isinstance(item, Finding) for item in r.check(x))}


def test_every_rule_has_a_defect():
    assert {name for name in RULES if name.startswith("TOOL")} <= {c.caught_by for c in changes.defects()}


def test_an_answer_without_calls_is_not_judged_but_for_its_having_none():
    x = streamed(chunk({"role": "assistant", "content": "Hi", "tool_calls": None}), chunk(finish="stop"), "[DONE]")
    skips = {name: RULES[name].applies_to(x) for name in RULES if name.startswith("TOOL")}
    assert skips.pop("TOOL020") is None
    assert {skip.status for skip in skips.values()} == {Status.NOT_APPLICABLE}


def test_calls_of_several_choices_do_not_share_their_indexes():
    def of(choice, fragment, finish=None):
        delta = {"tool_calls": [fragment]} if fragment else {}
        return chunk(choices=[{"index": choice, "delta": delta, "finish_reason": finish}])

    chunks = [of(n, first_fragment(arguments="{}", id=f"call_{n}"), None) for n in (0, 1)]
    ends = [of(n, None, "tool_calls") for n in (0, 1)]
    roles = [chunk(choices=[{"index": n, "delta": {"role": "assistant"}, "finish_reason": None}]) for n in (0, 1)]
    assert failing(streamed(*roles, *chunks, *ends, "[DONE]", body=TOOLS | {"n": 2})) == set()


def test_one_fault_is_one_failure():
    assert failing(calling(without_fields(first_fragment(), "index"), {"function": {"arguments": "{}"}})) == {"TOOL002"}
    assert failing(calling(first_fragment(arguments={"a": 1}))) == {"TOOL007"}
    assert failing(calling(first_fragment(arguments="{}"), first_fragment("g", "{}", id="call_2"))) == {"TOOL009"}
    assert failing(called(first_fragment(arguments="{"), body={"max_tokens": 8})) == {"TOOL014"}
    assert failing(calling(first_fragment(), later_fragment('{"a"', 1), later_fragment(": 1}", 2))) == {"TOOL015"}
    assert failing(calling(first_fragment(index=1), later_fragment("{}", 1))) == {"TOOL016"}
    assert failing(calling(first_fragment(arguments='{"a": 1}'), later_fragment('{"a": 1}'))) == {"TOOL017"}


@pytest.mark.parametrize(
    ("second", "seen"),
    [
        (first_fragment(arguments='"Oslo"}', id="call_2"), "a later fragment of tool call 'call_1' has another id"),
        ({"index": 0, "id": "call_2", "function": {"arguments": '"Oslo"}'}}, "a later fragment of tool call 'call_1'"),
        (first_fragment("g", '"Oslo"}', id="call_2"), "tool calls 'call_1' and 'call_2' share index 0"),
        (first_fragment(arguments='{"city": "Oslo"}', id="call_2"), "tool calls 'call_1' and 'call_2' share index 0"),
    ],
)
def test_an_id_for_each_fragment_is_told_from_two_calls_at_one_index(second, seen):
    (found,) = RULES["TOOL009"].check(calling(first_fragment(arguments='{"city": '), second))
    assert found.seen.startswith(seen)


def test_arguments_that_a_model_may_have_made_are_not_laid_to_the_server():
    assert failing(calling(first_fragment(), later_fragment("{}"), later_fragment("{}"))) == {"TOOL008"}
    assert failing(calling(first_fragment(), later_fragment("{"), later_fragment('{"a": 1}'))) == {"TOOL008"}
    assert (
        failing(
            calling(
                first_fragment(),
                later_fragment('{"a": "'),
                later_fragment("ha"),
                later_fragment("ha"),
                later_fragment('"}'),
            )
        )
        == set()
    )


def test_arguments_of_a_call_that_was_not_finished_are_not_judged():
    x = streamed(
        *(chunk({"role": "assistant", "tool_calls": [f]}) for f in (first_fragment(), later_fragment('{"a'))),
        "[DONE]",
        body=TOOLS,
    )
    assert failing(x) == {"CHK017"}


@pytest.mark.parametrize(
    ("arguments", "is_wrong"),
    [
        ('"{\\"city\\": \\"Oslo\\"}"', True),
        ('"Oslo"', False),
        ('"{\\"city\\": "', False),
        ('{"city": "{\\"a\\": 1}"}', False),
        ('{"city": "Oslo"}\n{"city": "Rome"}', True),
        ('{"city": "Oslo"}{', False),
        ('{"city": "Oslo"}[]', False),
        ("{}{}", False),
        ("[" * 5000, False),
    ],
)
def test_objects_in_a_wrong_frame_are_laid_to_the_server(arguments, is_wrong):
    for x in (calling(first_fragment(), later_fragment(arguments)), called(first_fragment(arguments=arguments))):
        assert ("TOOL035" in failing(x)) is is_wrong


def test_clients_keep_the_last_of_several_finish_reasons():
    ends = [chunk(finish=reason) for reason in ("tool_calls", "stop")]
    call = chunk({"role": "assistant", "tool_calls": [first_fragment(arguments="{}")]})
    assert "TOOL011" in failing(streamed(call, *ends, "[DONE]", body=TOOLS))
    assert "TOOL011" not in failing(streamed(call, *reversed(ends), "[DONE]", body=TOOLS))


def test_a_call_that_was_cut_off_says_length():
    assert failing(calling(first_fragment(), later_fragment('{"a'), finish="length")) == set()


def test_what_the_cap_did_is_only_known_from_the_usage():
    x = calling(first_fragment(), later_fragment('{"a'), body={"max_tokens": 8})
    assert RULES["TOOL014"].applies_to(x).status is Status.UNTESTABLE
    assert failing(x) == {"TOOL008", "TOOL033"}


@pytest.mark.parametrize(
    ("arguments", "is_cut"),
    [
        ('{"city": "Os', True),
        ('{"city": "Oslo"', True),
        (' {"city": ["Oslo"', True),
        ('{"city": ', True),
        ('{"city": "Oslo"}', False),
        ('{"city": Oslo}', False),
        ('{"city": "Oslo"}}', False),
        ("", False),
        ("Oslo", False),
        ('"{', False),
    ],
)
def test_arguments_are_truncated_if_only_their_end_is_missing(arguments, is_cut):
    for x in (calling(first_fragment(), later_fragment(arguments)), called(first_fragment(arguments=arguments))):
        assert ("TOOL033" in failing(x)) is is_cut


def test_null_in_later_fragments_is_a_fault_only_where_it_is_the_type():
    null_name = later_fragment("{}", id=None)
    null_name["function"]["name"] = None
    assert failing(calling(first_fragment(), null_name)) == set()
    assert failing(calling(first_fragment(), later_fragment("{}", type=None))) == {"TOOL032"}
    assert failing(calling(first_fragment(), later_fragment("{}", type="function"))) == set()
