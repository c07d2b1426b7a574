"""Whether what the request says of calling tools is kept: which one, how many, or none."""

from collections.abc import Iterator

from conformance.apis.chat import fragments, place
from conformance.apis.errors import quoted
from conformance.apis.response_content import answer
from conformance.apis.tools import calls, leaked, misnamed, offered, required_name
from conformance.field_support.effects import effects
from conformance.model.exchange import APIS, Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import shown
from conformance.rules.example import HELLO, answered, chunk, completion, streamed
from conformance.rules.tool.conditions import alone, free_calls, named_to_the_end, talking, uncallable
from conformance.rules.tool.example import CHOICE, TOOLS, TWO, begins, called, calling, goes_on
from conformance.rules.tool.shape import at_call, tool_rule

NONE = TOOLS | {"tool_choice": "none"}
OTHER = TOOLS | {"tool_choice": {"type": "function", "function": {"name": "g"}}}
ONE = TOOLS | {"parallel_tool_calls": False}


@tool_rule(
    "TOOL020",
    MUST,
    "No tool is called where none may be",
    spec=CHOICE,
    fix="Read tool_choice: under none, and where no tools are offered, make no tool calls out of what the model says.",
    when=uncallable,
    apis=APIS,
    good=[streamed(*HELLO), answered(completion(), body=NONE)],
    bad=[calling(begins(), goes_on("{}"), body=NONE), called(begins(arguments="{}"), body={"tools": []})],
)
def forbidden_call(x: Exchange) -> Iterator[Finding]:
    """The client has said that it can't or won't run a tool now: the turn ends without an answer, or a tool runs twice."""
    why = "under tool_choice none" if offered(x) else "though no tool was offered"
    for _, call in calls(x):
        yield Finding(f"{shown(call.name)} is called {why}", at=at_call(x))


@tool_rule(
    "TOOL021",
    MUST,
    "A tool that is named to be called is called, or the choice is refused",
    spec=CHOICE,
    fix="Constrain the model to a call of the tool that tool_choice names, or refuse the choice with 400.",
    when=named_to_the_end,
    apis=APIS,
    good=[
        calling(begins("g"), goes_on("{}"), body=OTHER),
        called(begins("g", "{}"), finish="stop", body=OTHER),
    ],
    bad=[
        calling(begins(), goes_on("{}"), body=OTHER),
        called(begins(arguments="{}"), body=OTHER),
        answered(completion(), body=OTHER),
        streamed(*HELLO, body=OTHER),
    ],
)
def named_choice_dropped(x: Exchange) -> Iterator[Finding]:
    """Frameworks get structured answers by naming one tool: prose is a crash, another tool's arguments are worse."""
    wanted = required_name(x)
    for call in misnamed(x):
        yield Finding(f"{shown(wanted)} was to be called, and {shown(call.name)} is", at=at_call(x))
    if not effects(x).calls:
        yield Finding(f"{shown(wanted)} was to be called, and no tool is", at=place(x))


@tool_rule(
    "TOOL022",
    MUST,
    "A request for one call at a time is honoured or refused",
    spec="https://platform.openai.com/docs/api-reference/chat/create#chat-create-parallel_tool_calls",
    fix="End the answer after its first call, or refuse the field with 400.",
    when=alone,
    apis=APIS,
    good=[calling(begins(), goes_on("{}"), body=ONE), called(begins(arguments="{}"), body=ONE)],
    bad=[calling(*TWO, body=ONE), called(begins(), begins("g", id="call_2"), body=ONE)],
)
def several_calls_in_place_of_one(x: Exchange) -> Iterator[Finding]:
    """Who asks a person before each call, or runs one tool at a time, drops the second call or runs it unasked."""
    for choice in answer(x).choices:
        if len(choice.calls) > 1:
            last = [fragment for fragment in fragments(x) if fragment.choice == choice.index][-1:]
            yield Finding(f"one call was allowed, and {len(choice.calls)} came", at=place(x, *last))


@tool_rule(
    "TOOL023",
    SHOULD,
    "A call is of a tool that the request offers",
    spec=CHOICE,
    fix="Take the name from the request's tools, without a prefix or number of the template's own.",
    when=free_calls,
    apis=APIS,
    good=[calling(*TWO, body=TOOLS), called(begins(arguments="{}"), body=TOOLS)],
    bad=[
        calling(begins("functions.f"), goes_on("{}"), body=TOOLS),
        called(begins("F", "{}"), body=TOOLS | {"tool_choice": "required"}),
    ],
)
def invented_tool(x: Exchange) -> Iterator[Finding]:
    """The agent finds no such tool: it tells the model so, and pays for another turn, or ends in an exception."""
    for _, call in calls(x):
        if call.name and call.name not in offered(x):
            names = ", ".join(shown(name) for name in list(offered(x))[:5])
            yield Finding(f"{shown(call.name)} is called", at=at_call(x), expected=f"one of {names}")


MARKED = '<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>'


@tool_rule(
    "TOOL024",
    SHOULD,
    "A call does not come as text",
    fix="Choose the parser of calls that belongs to the model's chat template, and send what it finds in tool_calls alone.",
    when=talking,
    apis=APIS,
    good=[
        calling(begins(), goes_on("{}"), body=TOOLS),
        answered(completion(), body=TOOLS),
        answered(completion({"content": "I call f now."}), body=TOOLS),
    ],
    bad=[
        answered(completion({"content": MARKED}), body=TOOLS),
        answered(completion({"content": '```json\n{"name": "f", "parameters": {}}\n```'}), body=TOOLS),
        answered(completion({"content": "[TOOL_CALLS]f{}"}), body=TOOLS),
        streamed(chunk({"content": "<tool_call>"}), chunk({"tool_calls": [begins(arguments="{}")]}), body=TOOLS),
    ],
)
def call_as_text(x: Exchange) -> Iterator[Finding]:
    """The user reads the call, and no tool is run: the agent takes the text for its answer."""
    if text := leaked(x):
        yield Finding(f"the content holds a call: {quoted(text)}", at=place(x))
