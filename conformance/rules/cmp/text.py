"""Whether what the model said reaches the user, in either mode."""

from collections.abc import Iterator

from conformance.apis.chat import is_shaped, place
from conformance.apis.content import Choice
from conformance.apis.request import cap_asked, choices_asked, stops_asked
from conformance.apis.response_content import answer
from conformance.apis.usage import usage
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import ANOTHER_QUESTION, MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.json_values import is_integer, mapping, shown
from conformance.rules.cmp.example import GOOD, SPOKEN, THREE
from conformance.rules.cmp.shape import SPEC
from conformance.rules.conditions_by_api import finished
from conformance.rules.example import answered, chunk, error, streamed
from conformance.rules.example import completion as whole

NAMES = {"stream": "stream", "unary": "whole answer"}
EMPTY = (chunk({"role": "assistant", "content": ""}), chunk(finish="stop"))
GONE = answered(error(), status=500)

SPECIAL = 3
"""Tokens that a model may make without a word: those that end a turn are counted, and not shown."""


def stopped_by_itself(x: Exchange) -> Skip | None:
    """One answer came in either mode, it ended with `stop`, and nobody had asked for a stop at certain words."""
    if skip := finished(x):
        return skip
    if not is_shaped(x):
        return untestable("what the choices hold can't be read")
    choices = answer(x).choices
    if len(choices) != 1 or choices[0].end != "stop":
        return not_applicable("the model did not end a single answer by itself")
    return not_applicable("the request said at which words to stop") if stops_asked(x) else None


def visible_tokens(x: Exchange) -> int:
    """How many tokens the model made for others to see, as the usage says."""
    spent, details = usage(x), mapping(mapping(answer(x).usage).get("completion_tokens_details"))
    hidden = details.get("reasoning_tokens")
    return (spent.completion if spent else 0) - (int(hidden) if is_integer(hidden) else 0)


def answered_once(x: Exchange) -> Skip | None:
    """One answer came to its end, in either mode, and what it holds can be read."""
    if skip := finished(x):
        return skip
    if choices_asked(x) > 1:
        return not_applicable("several answers were asked for")
    if not is_shaped(x) or len(answer(x).choices) != 1:
        return untestable("what the choices hold can't be read")
    return not_applicable("the request said at which words to stop") if stops_asked(x) else None


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
    return choice.is_empty and not choice.reasoning and (choice.end in ("stop", "length") or not choice.finish)


def _lost(x: Exchange, other: Exchange) -> str | Skip:
    """How an empty answer is known to have lost something: by its usage, or by the greeting in the other mode."""
    spent, seen = usage(x), visible_tokens(x)
    if seen >= SPECIAL and answer(x).choices[0].end == "stop":
        return f"but the usage counts {seen} tokens for it"
    if spent and spent.completion > seen:
        return untestable("the model spent its tokens on hidden thoughts")
    if 0 < seen < SPECIAL:
        return untestable(f"the answer is empty, and the usage counts {seen} for it: the model ended its turn at once")
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


def several_capped(x: Exchange) -> Skip | None:
    """Several answers came to their end under a cap, and the usage counts them."""
    if choices_asked(x) < 2 or not cap_asked(x):
        return ANOTHER_QUESTION
    if skip := finished(x):
        return skip
    if not is_shaped(x):
        return untestable("what the choices hold can't be read")
    if stops_asked(x):
        return not_applicable("the request said at which words to stop")
    return None if usage(x) else untestable("no usage tells how much was said")


def two(*texts: str | None, completion: int) -> Exchange:
    """Two answers under a cap of four, and how many tokens the usage counts for both."""
    choices = [whole({"content": text}, "length")["choices"][0] | {"index": at} for at, text in enumerate(texts)]
    spent = {"prompt_tokens": 3, "completion_tokens": completion, "total_tokens": 3 + completion}
    return answered(whole(choices=choices, usage=spent), probe="chat.n", body={"n": 2, "max_tokens": 4})


@rule(
    "CMP017",
    MUST,
    "Each of several answers holds what was said in it",
    spec=f"{SPEC}#chat/object-choices",
    fix="Fill in every choice alike: gather text, calls and finish_reason by the choice's index.",
    when=several_capped,
    apis=("chat",),
    good=[two("Hello! How can", "Hello there, my", completion=8)],
    bad=[two("Hello! How can", "", completion=8), two(None, "Hello! How can", completion=8)],
)
def one_of_several_lost(x: Exchange) -> Iterator[Finding | Skip]:
    """Who compares several answers pays for all of them, and finds nothing in all but the first.

    No choice may take more than the cap, so what the usage counts beyond the others' caps was said in the empty ones.
    """
    silent = [choice for choice in answer(x).choices if _is_silent(choice)]
    spoken = len(answer(x).choices) - len(silent)
    left = visible_tokens(x) - cap_asked(x) * spoken
    if silent and spoken and left > SPECIAL * len(silent):
        seen = f"choice {silent[0].index} is empty, but the usage counts {left} tokens or more for it"
        yield Finding(seen, at=place(x))
    elif silent:
        yield untestable("a choice is empty, and the usage does not tell whether anything was said in it")
