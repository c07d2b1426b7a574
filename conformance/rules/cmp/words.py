"""Whether what the model said reaches the user, in either mode."""

from collections.abc import Iterator

from conformance.exchange import Exchange
from conformance.read.chat import Choice, answer, is_shaped, place
from conformance.read.request import asked, choices_asked
from conformance.read.usage import usage
from conformance.read.value import is_integer, mapping, shown
from conformance.rule import rule
from conformance.rules.chk.when import finished as streamed_to_the_end
from conformance.rules.cmp.example import GOOD, SPOKEN, THREE
from conformance.rules.cmp.shape import SPEC
from conformance.rules.cmp.when import choosing
from conformance.rules.example import answered, chunk, error, streamed
from conformance.rules.example import completion as whole
from conformance.verdict import MUST, SHOULD, Finding, Skip, not_applicable, untestable

NAMES = {"stream": "stream", "unary": "whole answer"}
EMPTY = (chunk({"role": "assistant", "content": ""}), chunk(finish="stop"))
GONE = answered(error(), status=500)

SPECIAL = 3
"""Tokens that a model may make without a word: those that end a turn are counted, and not shown."""


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


def visible_tokens(x: Exchange) -> int:
    """How many tokens the model made for others to see, as the usage says."""
    spent, details = usage(x), mapping(mapping(answer(x).usage).get("completion_tokens_details"))
    hidden = details.get("reasoning_tokens")
    return (spent.completion if spent else 0) - (int(hidden) if is_integer(hidden) else 0)


def answered_once(x: Exchange) -> Skip | None:
    """One answer came to its end, in either mode, and what it holds can be read."""
    if skip := streamed_to_the_end(x) if x.mode == "stream" else choosing(x):
        return skip
    if choices_asked(x) > 1:
        return not_applicable("several answers were asked for")
    if not is_shaped(x) or len(answer(x).choices) != 1:
        return untestable("what the choices hold can't be read")
    return not_applicable("the request said at which words to stop") if asked(x).get("stop") else None


def either_way(_: Exchange) -> Skip | None:
    """Always: a mode that has no answer leaves the other one to be judged alone."""
    return None


@rule(
    "CMP014",
    MUST,
    "What the model said is in the answer, in either mode",
    spec=f"{SPEC}#chat/object-choices",
    fix="Put the text that was generated (and billed) into content, and the calls into tool_calls, in both modes.",
    when=either_way,
    apis=("chat",),
    good=[(SPOKEN, GOOD), (SPOKEN, answered(whole({"content": "", "refusal": "No."}))), (SPOKEN, GONE)],
    bad=[
        (SPOKEN, answered(whole({"content": None}, usage=THREE))),
        (SPOKEN, answered(whole({"content": ""}, usage=None))),
        (streamed(*EMPTY, chunk(choices=[], usage=THREE), "[DONE]"), GONE),
        (streamed(*EMPTY, "[DONE]"), GOOD),
        (streamed(EMPTY[0], chunk(finish="length"), "[DONE]"), GOOD),
    ],
)
def answer_lost(stream: Exchange, unary: Exchange) -> Iterator[Finding | Skip]:
    """The user sees nothing and pays: clients come up empty without an error, and hermes asks three times more."""
    skips = [answered_once(x) for x in (stream, unary)]
    if all(skips):
        yield from filter(None, skips)
    for x, skip, other in ((stream, skips[0], unary), (unary, skips[1], stream)):
        if skip is None and _is_silent(answer(x).choices[0]):
            lost = _lost(x, other)
            at = place(x) if x is stream else None
            yield Finding(f"the {NAMES[x.mode]} is empty, {lost}", at=at) if isinstance(lost, str) else lost


def _is_silent(choice: Choice) -> bool:
    """Whether a choice holds nothing at all, and neither a filter nor a tool explains it."""
    return choice.is_empty and not choice.reasoning and choice.finish in ("stop", "length", "")


def _lost(x: Exchange, other: Exchange) -> str | Skip:
    """How an empty answer is known to have lost something: by its usage, or by the greeting in the other mode."""
    spent, seen = usage(x), visible_tokens(x)
    if seen >= SPECIAL and answer(x).choices[0].finish == "stop":
        return f"but the usage counts {seen} tokens for it"
    if spent and spent.completion > seen:
        return untestable("the model spent its tokens on hidden thoughts")
    if x.question.topic == "hello" and not answered_once(other) and answer(other).choices[0].text.split():
        return f"but the same greeting in the other mode has {shown(answer(other).choices[0].text)}"
    return untestable("the answer is empty, and neither usage nor the other mode tells whether the model said anything")


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
