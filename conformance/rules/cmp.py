"""CMP: the whole answer of Chat Completions: the reply to a request without stream, and what any answer must hold.

Tool calls are judged by TOOL, usage by USE, errors by ERR.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from conformance.exchange import Exchange, Span
from conformance.read.chat import answer, completion, is_chunk, is_shaped, place, whole_choices
from conformance.read.http1 import reply
from conformance.read.json_text import fault_of, value_of
from conformance.read.request import asked, choices_asked
from conformance.read.usage import usage
from conformance.read.value import Object, held, is_integer, mapping, shown
from conformance.rule import Example, Judge, Rule, When, rule
from conformance.rules.chk import FINISHES, MILLISECONDS
from conformance.rules.chk import finished as streamed_to_the_end
from conformance.rules.example import answered, chunk, streamed
from conformance.rules.example import completion as whole
from conformance.rules.when import answered_whole
from conformance.verdict import MUST, SHOULD, Finding, Level, Skip, not_applicable, untestable

SPEC = "https://platform.openai.com/docs/api-reference/chat/object"
SPECIAL = 3
"""Tokens that a model may make without a word: those that end a turn are counted, and not shown."""

GOOD = answered(whole())
VENDOR = answered(
    whole({"reasoning_content": None, "annotations": [], "x": 1}, system_fingerprint=None, service_tier=None, created=0)
)
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS = answered(whole({"content": None, "tool_calls": [CALL]}, finish="tool_calls"))
SPOKEN = streamed(chunk({"role": "assistant", "content": "Hello"}), chunk(finish="stop"), "[DONE]")
THREE = {"prompt_tokens": 3, "completion_tokens": 30, "total_tokens": 33}


def without(*names: str) -> Object:
    """A good completion that lacks fields."""
    return {name: value for name, value in whole().items() if name not in names}


def choosing_once(**choice: Any) -> Exchange:
    """A completion with this one choice."""
    return answered(whole(choices=[choice]))


def whole_rule(  # noqa: PLR0913 - as rule
    id: str,  # noqa: A002 - as rule
    level: Level,
    title: str,
    *,
    about: str,
    fix: str,
    when: When,
    good: Sequence[Example],
    bad: Sequence[Example],
) -> Callable[[Judge], Rule]:
    """A rule on the whole reply of the chat API; `about` is the field of the completion object."""
    spec = f"{SPEC}#chat/object-{about}"
    return rule(id, level, title, spec=spec, fix=fix, when=when, good=good, bad=bad, apis=("chat",), modes=("unary",))


def replied(x: Exchange) -> Skip | None:
    """A reply came whole, and it is no error."""
    if skip := answered_whole(x):
        return skip
    if mapping(completion(x)).get("error"):
        return not_applicable("an error came in place of an answer")
    return None if reply(x).complete else untestable("the reply was cut off")


def completed(x: Exchange) -> Skip | None:
    """A completion came, or something much like one."""
    if skip := replied(x):
        return skip
    return None if is_chunk(mapping(completion(x))) else untestable("the reply holds no completion")


def choosing(x: Exchange) -> Skip | None:
    """A completion came that has choices."""
    return completed(x) or (None if any(_choices(x)) else untestable("no choice came"))


def speaking(x: Exchange) -> Skip | None:
    """A completion came that has messages."""
    found = choosing(x)
    return found or (None if any(_messages(x)) else untestable("no message came"))


def _whole(x: Exchange) -> Object:
    return mapping(completion(x))


def _choices(x: Exchange) -> Iterator[Object]:
    return (choice for _, choice, _ in whole_choices(_whole(x)))


def _messages(x: Exchange) -> Iterator[Object]:
    return (choice["message"] for choice in _choices(x) if isinstance(choice.get("message"), dict))


def _body(x: Exchange) -> Span:
    return place(x)


@whole_rule(
    "CMP001",
    MUST,
    "A whole answer is one JSON object marked chat.completion",
    about="object",
    fix='Answer a request without stream with one JSON object that says object: "chat.completion".',
    when=replied,
    good=[GOOD, VENDOR],
    bad=[
        answered(whole(object="chat.completion.chunk")),
        answered(whole(object="text_completion")),
        answered(without("object")),
        answered("Hello there."),
        answered(""),
        answered([whole()]),
        answered({"text": "Hello"}),
        answered(b"{} {}"),
    ],
)
def no_completion(x: Exchange) -> Iterator[Finding]:
    """Clients parse the body as a completion: of anything else they make an exception, or an answer without words."""
    value = value_of(reply(x).content)
    if fault := fault_of(reply(x).content):
        yield Finding(f"the reply is no JSON text: {fault}", at=_body(x))
    elif not isinstance(value, dict):
        yield Finding(f"the reply is {shown(value)}", at=_body(x), expected="an object")
    elif not is_chunk(value):
        yield Finding("the reply is an object that is no completion: neither object nor choices", at=_body(x))
    elif value.get("object") != "chat.completion":
        yield Finding(f"the reply has {held(value, 'object')}", at=_body(x))


@whole_rule(
    "CMP002",
    MUST,
    "A completion has a string as its id",
    about="id",
    fix="Make an id when the request arrives and put it into the answer.",
    when=completed,
    good=[GOOD, VENDOR],
    bad=[answered(without("id")), answered(whole(id=None)), answered(whole(id=7))],
)
def no_id(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients refuse an answer without id."""
    if not isinstance(_whole(x).get("id"), str):
        yield Finding(f"the completion has {held(_whole(x), 'id')}", at=_body(x))


@whole_rule(
    "CMP003",
    MUST,
    "A completion has an integer as its time of creation",
    about="created",
    fix="Set created to the Unix time in whole seconds, as a number.",
    when=completed,
    good=[GOOD, VENDOR],
    bad=[answered(without("created")), answered(whole(created="now")), answered(whole(created=1.5))],
)
def no_created(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients (Go, Rust, Java) refuse the answer where the time is missing or no integer."""
    if not is_integer(_whole(x).get("created")):
        yield Finding(f"the completion has {held(_whole(x), 'created')}", at=_body(x))


@whole_rule(
    "CMP004",
    MUST,
    "A completion names its model in a string",
    about="model",
    fix="Put the model's name into the answer.",
    when=completed,
    good=[GOOD, VENDOR],
    bad=[answered(without("model")), answered(whole(model=None))],
)
def no_model(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients refuse an answer without a model; prices are looked up by it."""
    if not isinstance(_whole(x).get("model"), str):
        yield Finding(f"the completion has {held(_whole(x), 'model')}", at=_body(x))


@whole_rule(
    "CMP005",
    SHOULD,
    "A completion's id and model are not blank, and its time is in seconds",
    about="id",
    fix="Fill in id and model, and take the time in seconds since 1970.",
    when=completed,
    good=[GOOD, VENDOR],
    bad=[answered(whole(id="")), answered(whole(model="")), answered(whole(created=1_760_000_000_000))],
)
def blank_name(x: Exchange) -> Iterator[Finding]:
    """An answer without name or time can't be traced from a user's complaint to the server's log."""
    for name in ("id", "model"):
        if _whole(x).get(name) == "":
            yield Finding(f"the completion's {name} is blank", at=_body(x))
    created = _whole(x).get("created")
    if is_integer(created) and not -1 < created < MILLISECONDS:
        yield Finding(f"created is {shown(created)}, which is no time in seconds", at=_body(x))


@whole_rule(
    "CMP006",
    MUST,
    "A completion has at least one choice, in a list of objects",
    about="choices",
    fix="Send choices as a list with one object for each answer that was asked for, or refuse with a status.",
    when=completed,
    good=[GOOD, VENDOR],
    bad=[
        answered(whole(choices=[])),
        answered(whole(choices=None)),
        answered(without("choices")),
        answered(whole(choices=["Hi"])),
    ],
)
def no_choices(x: Exchange) -> Iterator[Finding]:
    """Every client reads choices[0]: an exception, after the answer was paid for."""
    choices = _whole(x).get("choices")
    if not isinstance(choices, list):
        yield Finding(f"the completion has {held(_whole(x), 'choices')}", at=_body(x), expected="a list")
    elif not choices:
        yield Finding("the completion's list of choices is empty", at=_body(x))
    elif not all(isinstance(choice, dict) for choice in choices):
        yield Finding("a choice is no object", at=_body(x))


@whole_rule(
    "CMP007",
    MUST,
    "The choices have indexes of their own, which count from 0 to below n",
    about="choices",
    fix="Number the choices from 0.",
    when=choosing,
    good=[GOOD, answered(whole(choices=[{**whole()["choices"][0], "index": i} for i in (1, 0)]), body={"n": 2})],
    bad=[
        choosing_once(message={"role": "assistant", "content": "Hi"}, finish_reason="stop"),
        choosing_once(index=1, message={"role": "assistant", "content": "Hi"}, finish_reason="stop"),
        answered(whole(choices=whole()["choices"] * 2), body={"n": 2}),
    ],
)
def wrong_index(x: Exchange) -> Iterator[Finding]:
    """Clients that ask for several answers file them under the index: one takes the place of the other."""
    bound = choices_asked(x)
    taken: set[int | float] = set()
    for choice in _choices(x):
        index = choice.get("index")
        if not (is_integer(index) and 0 <= index < bound):
            yield Finding(f"a choice has {held(choice, 'index')}", at=_body(x), expected=f"0 to {bound - 1}")
        elif index in taken:
            yield Finding(f"two choices have {held(choice, 'index')}", at=_body(x))
        else:
            taken.add(index)


@whole_rule(
    "CMP008",
    MUST,
    "Every choice of a completion has a message, which is an object",
    about="choices",
    fix="Send the answer in choices[].message; delta belongs to streams, text to the old Completions API.",
    when=choosing,
    good=[GOOD, VENDOR, CALLS],
    bad=[
        choosing_once(index=0, delta={"role": "assistant", "content": "Hi"}, finish_reason="stop"),
        choosing_once(index=0, text="Hi", finish_reason="stop"),
        choosing_once(index=0, message="Hi", finish_reason="stop"),
    ],
)
def no_message(x: Exchange) -> Iterator[Finding]:
    """Clients read message.content without looking: an exception, after the answer was paid for."""
    for choice in _choices(x):
        if not isinstance(choice.get("message"), dict):
            instead = next((f", but a {name}" for name in ("delta", "text") if name in choice), "")
            yield Finding(f"a choice has {held(choice, 'message')}{instead}", at=_body(x))


@whole_rule(
    "CMP009",
    MUST,
    "The role of a message is assistant",
    about="choices",
    fix='Send role: "assistant" in every message.',
    when=speaking,
    good=[GOOD, VENDOR, CALLS],
    bad=[
        answered(whole({"role": "user"})),
        answered(whole({"role": None})),
        choosing_once(index=0, message={"content": "Hi"}, finish_reason="stop"),
    ],
)
def wrong_role(x: Exchange) -> Iterator[Finding]:
    """LangGraph, Letta and pydantic-ai end in a validation error where the role is missing."""
    for message in _messages(x):
        if message.get("role") != "assistant":
            yield Finding(f"a message has {held(message, 'role')}", at=_body(x))


@whole_rule(
    "CMP010",
    MUST,
    "The content of a message is a string or null",
    about="choices",
    fix="Send text as a plain string; content parts belong to requests.",
    when=speaking,
    good=[GOOD, VENDOR, CALLS],
    bad=[answered(whole({"content": [{"type": "text", "text": "Hi"}]})), answered(whole({"content": {"text": "Hi"}}))],
)
def content_no_string(x: Exchange) -> Iterator[Finding]:
    """The Vercel AI SDK refuses the whole answer, others print the list's source to the user."""
    for message in _messages(x):
        if not isinstance(content := message.get("content"), str | None):
            yield Finding(f"a message's content is {shown(content)}", at=_body(x))


@whole_rule(
    "CMP011",
    SHOULD,
    "A message has the key content, null where it only calls tools",
    about="choices",
    fix="Keep the key: do not leave null fields out when messages are serialised.",
    when=speaking,
    good=[GOOD, CALLS],
    bad=[choosing_once(index=0, message={"role": "assistant", "tool_calls": [CALL]}, finish_reason="tool_calls")],
)
def content_left_out(x: Exchange) -> Iterator[Finding]:
    """Clients with strict schemas refuse a message that lacks the key, and a history that is sent back lacks it, too."""
    for message in _messages(x):
        if "content" not in message:
            yield Finding("a message has no content", at=_body(x), expected="a string, or null")


@whole_rule(
    "CMP012",
    MUST,
    "Every choice of a completion has a finish_reason",
    about="choices",
    fix="Say in each choice why the model stopped: stop, length, tool_calls or content_filter.",
    when=choosing,
    good=[GOOD, VENDOR, CALLS],
    bad=[
        choosing_once(index=0, message={"role": "assistant", "content": "Hi"}, finish_reason=None),
        choosing_once(index=0, message={"role": "assistant", "content": "Hi"}),
        answered(whole(finish="")),
    ],
)
def no_finish_reason(x: Exchange) -> Iterator[Finding]:
    """Without it an answer can't be told from one that was cut off: hermes asks on, pays four times and shows it four times."""
    for choice in _choices(x):
        reason = choice.get("finish_reason")
        if not (isinstance(reason, str) and reason):
            yield Finding(f"a choice has {held(choice, 'finish_reason')}", at=_body(x))


@whole_rule(
    "CMP013",
    SHOULD,
    "A finish_reason is one of the five that are defined",
    about="choices",
    fix="Translate the engine's own reasons into stop, length, tool_calls or content_filter.",
    when=choosing,
    good=[GOOD, VENDOR, CALLS],
    bad=[answered(whole(finish="eos")), answered(whole(finish="STOP"))],
)
def unknown_finish_reason(x: Exchange) -> Iterator[Finding]:
    """Clients with typed enumerations refuse it, the others treat the end as unknown."""
    for choice in _choices(x):
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason and reason not in FINISHES:
            yield Finding(f"finish_reason is {shown(reason)}", at=_body(x), expected=", ".join(FINISHES))


def stopped_by_itself(x: Exchange) -> Skip | None:
    """One answer came in either mode, it ended with `stop`, and nobody had asked for a stop at certain words."""
    if skip := streamed_to_the_end(x) if x.mode == "stream" else choosing(x):
        return skip
    if not is_shaped(x):
        return untestable("what the choices hold can't be read")
    choices = answer(x).choices
    if len(choices) != 1 or choices[0].finish != "stop":
        return not_applicable("the model did not end a single answer by itself")
    return not_applicable("the request said at which words to stop") if asked(x).get("stop") else None


def made_words(x: Exchange) -> Skip | None:
    """As stopped_by_itself, and either there is something in the answer, or the usage tells that there was."""
    if (skip := stopped_by_itself(x)) or not answer(x).choices[0].is_empty or answer(x).choices[0].reasoning:
        return skip
    spent = usage(x)
    if spent is None:
        return untestable("the answer is empty, and no usage tells whether the model said anything")
    return None if _visible(x) >= SPECIAL else untestable("the model said nothing")


def _visible(x: Exchange) -> int:
    """How many tokens the model made for others to see, as the usage says."""
    spent, details = usage(x), mapping(mapping(answer(x).usage).get("completion_tokens_details"))
    hidden = details.get("reasoning_tokens")
    return (spent.completion if spent else 0) - (int(hidden) if is_integer(hidden) else 0)


@rule(
    "CMP014",
    MUST,
    "What the model said is in the answer",
    spec=f"{SPEC}#chat/object-choices",
    fix="Put the text that was generated (and billed) into content, and the calls into tool_calls.",
    when=made_words,
    apis=("chat",),
    good=[GOOD, SPOKEN, answered(whole({"content": "", "refusal": "No."}))],
    bad=[
        answered(whole({"content": None}, usage=THREE)),
        answered(whole({"content": ""}, usage=THREE)),
        streamed(
            chunk({"role": "assistant", "content": ""}), chunk(finish="stop"), chunk(choices=[], usage=THREE), "[DONE]"
        ),
    ],
)
def answer_lost(x: Exchange) -> Iterator[Finding]:
    """The user sees nothing and pays: clients come up empty without an error, and hermes asks three times more."""
    choice = answer(x).choices[0]
    if choice.is_empty and not choice.reasoning:
        yield Finding(f"the answer is empty, but the usage counts {_visible(x)} tokens for it", at=place(x))


@rule(
    "CMP015",
    SHOULD,
    "An answer is not all thoughts",
    spec=f"{SPEC}#chat/object-choices",
    fix="Tell the model's thoughts from its answer, and put the answer into content.",
    when=stopped_by_itself,
    apis=("chat",),
    good=[GOOD, SPOKEN, answered(whole({"reasoning_content": "Say hello."}))],
    bad=[
        answered(whole({"content": None, "reasoning_content": "Hello."})),
        streamed(chunk({"role": "assistant", "reasoning": "Hello."}), chunk(finish="stop"), "[DONE]"),
    ],
)
def only_thoughts(x: Exchange) -> Iterator[Finding]:
    """Clients don't show thoughts as the answer: the user sees nothing, and hermes asks three times more."""
    choice = answer(x).choices[0]
    if choice.is_empty and choice.reasoning:
        yield Finding("the answer has reasoning, but neither text nor a tool call", at=place(x))
