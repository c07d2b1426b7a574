"""Whether what the model said reaches the user, in either mode."""

from collections.abc import Iterator

from conformance.exchange import Exchange
from conformance.read.chat import Choice, answer, is_shaped, place
from conformance.read.request import asked
from conformance.read.usage import usage
from conformance.read.value import is_integer, mapping, shown
from conformance.rule import rule
from conformance.rules.chk.when import finished as streamed_to_the_end
from conformance.rules.cmp.example import GOOD, SPOKEN, THREE
from conformance.rules.cmp.shape import SPEC
from conformance.rules.cmp.when import choosing
from conformance.rules.example import answered, chunk, streamed
from conformance.rules.example import completion as whole
from conformance.rules.when import asks, both
from conformance.verdict import MUST, SHOULD, Finding, Skip, not_applicable, untestable

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


def made_words(x: Exchange) -> Skip | None:
    """As stopped_by_itself, and either there is something in the answer, or the usage tells that there was."""
    if (skip := stopped_by_itself(x)) or not answer(x).choices[0].is_empty or answer(x).choices[0].reasoning:
        return skip
    spent = usage(x)
    if spent is None:
        return untestable("the answer is empty, and no usage tells whether the model said anything")
    return None if visible_tokens(x) >= SPECIAL else untestable("the model said nothing")


def visible_tokens(x: Exchange) -> int:
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
        yield Finding(f"the answer is empty, but the usage counts {visible_tokens(x)} tokens for it", at=place(x))


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


def answered_to_the_end(x: Exchange) -> Skip | None:
    """One answer came to its end, in either mode, and what it holds can be read."""
    if skip := streamed_to_the_end(x) if x.mode == "stream" else choosing(x):
        return skip
    if not is_shaped(x) or len(answer(x).choices) != 1:
        return untestable("what the choices hold can't be read")
    return None


EMPTY = streamed(chunk({"role": "assistant", "content": ""}), chunk(finish="stop"), "[DONE]")


@rule(
    "CMP016",
    MUST,
    "A greeting that is answered in one mode is answered in the other",
    spec=f"{SPEC}#chat/object-choices",
    fix="Let streaming and whole answers take the same way through the engine, and end both when it has ended.",
    when=both(asks("hello"), answered_to_the_end),
    apis=("chat",),
    good=[(SPOKEN, GOOD), (EMPTY, answered(whole({"content": ""})))],
    bad=[
        (EMPTY, GOOD),
        (streamed(chunk({"role": "assistant"}), chunk(finish="length"), "[DONE]"), GOOD),
        (SPOKEN, answered(whole({"content": ""}, usage=None))),
    ],
)
def answer_in_one_mode_only(stream: Exchange, unary: Exchange) -> Iterator[Finding | Skip]:
    """The user of an agent that streams (or does not) sees nothing at all, with every sign of success."""
    for lost, other in ((stream, unary), (unary, stream)):
        if not _is_silent(answer(lost).choices[0]) or not answer(other).choices[0].text.split():
            continue
        if made_words(lost) is None:
            yield untestable("the usage tells that the answer was made and lost (CMP014)")
        elif (spent := usage(lost)) and spent.completion > visible_tokens(lost):
            yield untestable("the model spent its tokens on hidden thoughts")
        else:
            where = "stream" if lost is stream else "whole answer"
            other_said = shown(answer(other).choices[0].text)
            at = place(lost) if lost is stream else None
            yield Finding(f"the {where} is empty; the same greeting in the other mode has {other_said}", at=at)


def _is_silent(choice: Choice) -> bool:
    """Whether a choice holds nothing at all, and neither a filter nor a tool explains it."""
    return choice.is_empty and not choice.reasoning and choice.finish in ("stop", "length", "")
