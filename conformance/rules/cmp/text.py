"""Whether generated content reaches the user, in either mode."""

from collections.abc import Iterator, Sequence

from conformance.apis.chat import is_shaped, span_of
from conformance.apis.content import Choice
from conformance.apis.request_fields import requested_cap, requested_choices, requested_stops
from conformance.apis.response_content import response_content
from conformance.apis.usage import exceeds_cap, usage
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE, WITH_CHOICES
from conformance.parsing.json_values import display
from conformance.rules.cmp.example import GOOD, SPOKEN, THREE
from conformance.rules.cmp.shape import SPEC
from conformance.rules.conditions_by_api import finished
from conformance.rules.example import answered, chunk, error, streamed
from conformance.rules.example import completion as whole
from conformance.rules.shared_checks import CAP_IGNORED

NAMES = {"stream": "stream", "unary": "non-streaming response"}
EMPTY = (chunk({"role": "assistant", "content": ""}), chunk(finish="stop"))
GONE = answered(error(), status=500)

AMPLE = (Kind.BASELINE, Kind.TOOLS)
"""Test cases with a token cap that leaves room for content or a tool call."""

INCOMPLETE = 3
"""Tokens of a character that is not complete and so not shown, if tokens are bytes: UTF-8 has up to four bytes."""


def stopped_by_itself(x: Exchange) -> NotJudged | None:
    """A single choice, in either mode, has finish_reason `stop`, and the request sets no stop sequences."""
    if skip := finished(x):
        return skip
    if not is_shaped(x):
        return untestable("the content of the choices can't be read")
    choices = response_content(x).choices
    if len(choices) != 1 or choices[0].end != "stop":
        return not_applicable("the response is not a single choice with finish_reason stop")
    return not_applicable("the request sets stop sequences") if requested_stops(x) else None


def visible_tokens(x: Exchange) -> int:
    """Completion tokens without reasoning tokens, from the usage."""
    spent = usage(x)
    return spent.completion - spent.reasoning if spent else 0


def most_unseen(choice: Choice) -> int:
    """How many tokens a choice may have without text: of an incomplete character, and one that ends its turn."""
    return INCOMPLETE + (choice.end != "length")


def answered_once(x: Exchange) -> NotJudged | None:
    """A single choice is complete, in either mode, and its content can be read."""
    if skip := finished(x):
        return skip
    if requested_choices(x) > 1:
        return not_applicable("the request sets n above 1")
    if not is_shaped(x) or len(response_content(x).choices) != 1:
        return untestable("the content of the choices can't be read")
    return not_applicable("the request sets stop sequences") if requested_stops(x) else None


def either_way(_: Exchange) -> NotJudged | None:
    """Always: if one mode has no completion, the other one is judged alone."""
    return None


@rule(
    "CMP014",
    MUST,
    "Generated text is in the response, streaming or not",
    spec=f"{SPEC}#chat/object-choices",
    fix="Put all generated and billed text into content, and tool calls into tool_calls, streaming or not.",
    applies_to=either_way,
    apis=GENERATIVE,
    good=[(SPOKEN, GOOD), (SPOKEN, answered(whole({"content": "", "refusal": "No."}))), (SPOKEN, GONE)],
    bad=[
        (SPOKEN, answered(whole({"content": None}, usage=THREE))),
        (SPOKEN, answered(whole({"content": ""}, usage=None))),
        (streamed(*EMPTY, chunk(choices=[], usage=THREE), "[DONE]"), GONE),
        (streamed(*EMPTY, "[DONE]"), GOOD),
        (streamed(EMPTY[0], chunk(finish="length"), "[DONE]"), GOOD),
    ],
)
def text_lost(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """The user sees nothing and pays: clients return empty text without an error, and hermes sends three more requests."""
    skips = [answered_once(x) for x in (stream, unary)]
    if all(skips):
        yield from filter(None, skips)
    for x, skip, other in ((stream, skips[0], unary), (unary, skips[1], stream)):
        if skip is None and _is_silent(response_content(x).choices[0]):
            lost = _lost(x, other)
            at = span_of(x) if x is stream else None
            yield Finding(f"the {NAMES[x.mode]} is empty, {lost}", at=at) if isinstance(lost, str) else lost


def _is_silent(choice: Choice) -> bool:
    """Whether a choice is empty, and neither a content filter nor a tool call explains it."""
    return choice.is_empty and not choice.reasoning and (choice.end in ("stop", "length") or not choice.finish)


def _lost(x: Exchange, other: Exchange) -> str | NotJudged:
    """Why an empty completion lost content: its usage, or the baseline response in the other mode, shows it."""
    spent, seen, choice = usage(x), visible_tokens(x), response_content(x).choices[0]
    if choice.reasons and not (spent and spent.reasoning):
        return untestable("the response has reasoning without text, whose tokens usage does not tell apart")
    if seen > most_unseen(choice) and choice.end == "stop":
        return f"but usage counts {seen} tokens for it"
    if spent and spent.reasoning:
        return untestable("the model spent its tokens on hidden reasoning")
    if 0 < seen <= most_unseen(choice):
        return untestable(
            f"usage counts {seen} tokens for it: that may be the end of the turn, or a character that is not complete"
        )
    if (
        x.case.kind in AMPLE
        and not answered_once(other)
        and (content := _described(response_content(other).choices[0]))
    ):
        return f"but the same request in the other mode has {content}"
    return untestable("the response is empty, and neither usage nor the other mode shows whether text was generated")


def _described(choice: Choice) -> str:
    """What a choice has, or empty."""
    if choice.calls:
        return f"a call of {display(choice.calls[0].name)}"
    return f"the content {display(choice.text)}" if choice.text.split() else ""


@rule(
    "CMP015",
    MUST,
    "A response with reasoning also has content or a tool call",
    spec=f"{SPEC}#chat/object-choices",
    fix="Separate the model's reasoning from its final text, and put the final text into content.",
    applies_to=stopped_by_itself,
    apis=GENERATIVE,
    good=[GOOD, SPOKEN, answered(whole({"reasoning_content": "Say hello."}))],
    bad=[
        answered(whole({"content": None, "reasoning_content": "Hello."})),
        streamed(chunk({"role": "assistant", "reasoning": "Hello."}), chunk(finish="stop"), "[DONE]"),
    ],
)
def only_thoughts(x: Exchange) -> Iterator[Finding]:
    """Clients don't show reasoning as content: the user sees nothing, and hermes sends three more requests."""
    choice = response_content(x).choices[0]
    if choice.is_empty and choice.reasoning:
        yield Finding("the response has reasoning, but neither content nor a tool call", at=span_of(x))


def several_capped(x: Exchange) -> NotJudged | None:
    """Several choices are complete, under a token cap, and the response has usage."""
    if requested_choices(x) < 2 or not requested_cap(x):
        return OUT_OF_SCOPE
    if skip := finished(x):
        return skip
    if not is_shaped(x):
        return untestable("the content of the choices can't be read")
    if requested_stops(x):
        return not_applicable("the request sets stop sequences")
    return None if usage(x) else untestable("the response has no usage")


def two(*texts: str | None, completion: int) -> Exchange:
    """Two choices with max_tokens 4; usage counts `completion` tokens for both."""
    choices = [whole({"content": text}, "length")["choices"][0] | {"index": at} for at, text in enumerate(texts)]
    spent = {"prompt_tokens": 3, "completion_tokens": completion, "total_tokens": 3 + completion}
    return answered(whole(choices=choices, usage=spent), probe="chat.n", body={"n": 2, "max_tokens": 4})


@rule(
    "CMP017",
    MUST,
    "Every choice contains its generated text if n is above 1",
    spec=f"{SPEC}#chat/object-choices",
    fix="Collect text, tool calls and finish_reason by the choice's index.",
    applies_to=several_capped,
    apis=WITH_CHOICES,
    good=[two("Hello! How can", "Hello there, my", completion=8)],
    bad=[two("Hello! How can", "", completion=8), two(None, "Hello! How can", completion=8)],
    compares_with={"capped": Compare(Kind.EFFECT, many=True, optional=True)},
)
def one_of_several_lost(x: Exchange, capped: Sequence[Exchange]) -> Iterator[Finding | NotJudged]:
    """Clients that compare several choices pay for all of them, and find some of them empty.

    No choice may exceed the token cap, so tokens beyond the other choices' caps belong to the empty ones.
    """
    silent = [choice for choice in response_content(x).choices if _is_silent(choice)]
    others = len(response_content(x).choices) - len(silent)
    left = visible_tokens(x) - requested_cap(x) * others
    if silent and any(map(exceeds_cap, capped)):
        yield untestable(CAP_IGNORED)
    elif silent and others and left > sum(map(most_unseen, silent)):
        seen = f"choice {silent[0].index} is empty, but usage counts at least {left} tokens for the empty choices"
        yield Finding(seen, at=span_of(x))
    elif silent:
        yield untestable("a choice is empty, and usage does not show whether text was generated for it")
