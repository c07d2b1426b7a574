"""How fragments of a streamed tool call are joined: their index, and what each one adds."""

from collections.abc import Iterator

from conformance.apis.chat import fragments, span_of
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import as_string, display
from conformance.rules.tool.conditions import called_some, joinable_calls, known_calls, unlost_calls
from conformance.rules.tool.example import PARALLEL, STREAM, VENDOR, calling, first_fragment, later_fragment
from conformance.rules.tool.shape import function_of, joined_calls, repeated_arguments, stray_fragments, tool_rule


@tool_rule(
    "TOOL015",
    MUST,
    "A tool call keeps its index through all of its fragments",
    fix="Increment the index per call, not per fragment, and send all fragments of a call with the same index.",
    applies_to=unlost_calls,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[
        calling(first_fragment(), later_fragment('{"city"', 1), later_fragment(': "Oslo"}', 2)),
        calling(
            first_fragment(),
            later_fragment('{"a": 1}'),
            first_fragment("g", index=1, id="call_2"),
            later_fragment('{"b"'),
            later_fragment(": 2}"),
        ),
    ],
)
def call_index_moves(x: Exchange) -> Iterator[Finding]:
    """Clients join fragments by index: one call becomes several, the first without arguments, the others without a name."""
    for fragment in stray_fragments(x):
        index = display(fragment.value["index"])
        whole = any(found[0] is not fragment and fragment in found for _, found in joined_calls(x))
        why = "continues a call that is complete" if whole else "has neither id nor name, so it starts no tool call"
        seen = f"a fragment with index {index} {why}"
        yield Finding(seen, at=span_of(x, fragment))


@tool_rule(
    "TOOL016",
    SHOULD,
    "The indexes of a stream's tool calls count from 0, without gaps",
    fix="Give the first call index 0, the next one 1, and so on.",
    applies_to=known_calls,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR],
    bad=[
        calling(first_fragment(index=1), later_fragment("{}", 1)),
        calling(
            first_fragment(), later_fragment("{}"), first_fragment("g", index=2, id="call_2"), later_fragment("{}", 2)
        ),
    ],
)
def call_index_skips(x: Exchange) -> Iterator[Finding]:
    """Clients keep the calls in a list by index: a gap where the first call should be crashes them."""
    numbers: dict[int, set[int]] = {}
    for call, found in joined_calls(x):
        if call.index is not None:
            numbers.setdefault(found[0].choice, set()).add(call.index)
    for choice, taken in numbers.items():
        if taken != set(range(len(taken))):
            listed = ", ".join(display(number) for number in sorted(taken))
            at = next(fragment for fragment in fragments(x) if fragment.choice == choice)
            yield Finding(
                f"the indexes of the tool calls are {listed}", at=span_of(x, at), expected=f"0 to {len(taken) - 1}"
            )


@tool_rule(
    "TOOL017",
    MUST,
    "Each fragment of a tool call has only the new part of the arguments",
    fix="Send each piece of the arguments once, and do not resend them at the end of the call.",
    applies_to=joinable_calls,
    modes=("stream",),
    good=[STREAM, PARALLEL, VENDOR, calling(first_fragment(), later_fragment("{}"), later_fragment("{}"))],
    bad=[
        calling(first_fragment(), *map(later_fragment, ('{"city', '{"city": "Os', '{"city": "Oslo"}'))),
        calling(first_fragment(), *map(later_fragment, ('{"city', '": "Oslo"}', '{"city": "Oslo"}'))),
        calling(first_fragment(), *map(later_fragment, ('{"city', '{"city', '": "Oslo"}', '": "Oslo"}'))),
        calling(first_fragment(arguments='{"city": "Oslo"}'), later_fragment('{"city": "Oslo"}')),
    ],
)
def arguments_repeated(x: Exchange) -> Iterator[Finding]:
    """Clients join the fragments: the arguments can't be parsed, and the tool fails or runs without arguments."""
    for call, found, how in repeated_arguments(x):
        yield Finding(
            f"{how}: the arguments of {display(call.name)} are {display(call.arguments)}", at=span_of(x, found[-1])
        )


@tool_rule(
    "TOOL018",
    MUST,
    "Later fragments of a tool call do not repeat its function name",
    fix="Leave function.name out of all fragments but the first.",
    applies_to=called_some,
    modes=("stream",),
    good=[
        STREAM,
        PARALLEL,
        VENDOR,
        calling(first_fragment("get_"), {"index": 0, "function": {"name": "time"}}, later_fragment("{}")),
    ],
    bad=[calling(first_fragment(), {"index": 0, "function": {"name": "f", "arguments": "{}"}})],
)
def call_named_again(x: Exchange) -> Iterator[Finding]:
    """The OpenAI SDKs' helpers join the names: they look for a tool `get_timeget_time`, which does not exist."""
    for call, found in joined_calls(x):
        named = [fragment for fragment in found if as_string(function_of(fragment).get("name"))]
        again = next((f for f in named[1:] if call.name and function_of(f)["name"] == call.name), None)
        if again and call.index is not None and as_string(again.value.get("id")) in ("", call.id):
            yield Finding(
                f"a later fragment of tool call {display(call.id)} repeats the name {display(call.name)}",
                at=span_of(x, again),
            )
