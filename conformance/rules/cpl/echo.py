"""The prompt before the completion: with `echo`, and only then; and a suffix after it."""

from collections.abc import Iterator, Sequence
from typing import Final

from conformance.apis.chat import span_of
from conformance.apis.echoed import after_prompt, has_prompt, text_prompts, with_prompts
from conformance.apis.request import request_body
from conformance.apis.request_fields import echoes, requested_cap
from conformance.apis.response_content import response_content
from conformance.apis.usage import reports, usage
from conformance.field_support.capability import warned
from conformance.field_support.effects import unreadable_reason
from conformance.field_support.fields import LONG_INSTRUCTIONS
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.json_values import display
from conformance.rules.conditions import probe_is
from conformance.rules.conditions_by_api import finished
from conformance.rules.cpl.example import BASELINE, HELLO, PROMPT, asking, choice, chunk, stream, texts, whole
from conformance.rules.cpl.spec import COMPLETIONS, CREATE
from conformance.rules.use.conditions import at, counted_well

FEWEST: Final = 4
"""Tokens of which one has visible text, if the completion begins with some: the first may be a space."""
SPEC: Final = f"{CREATE}#completions/create-echo"
ECHO: Final = asking("witness", "echo", echo=True, max_tokens=4, temperature=0)
SCORE: Final = asking("witness", "echo.alone", echo=True, max_tokens=0, logprobs=1)
OTHER_PROMPT = "Count to six."
OTHER: Final = asking("witness", "max_tokens", prompt=OTHER_PROMPT, max_tokens=1)
LONG: Final = asking("witness", "suffix", suffix="word " * LONG_INSTRUCTIONS, max_tokens=4)


def _echoed(x: Exchange) -> NotJudged | None:
    """The request asks for its prompts, which are texts, and complete choices were received."""
    if not echoes(x):
        return OUT_OF_SCOPE
    if skip := finished(x):
        return skip
    if fault := unreadable_reason(x):
        return untestable(fault)
    return None if text_prompts(x) else not_applicable("a prompt is not a text")


@rule(
    "CPL005",
    MUST,
    "echo is honoured or rejected",
    spec=SPEC,
    fix="Put the prompt before the completion in each choice, streaming or not, or reject `echo: true` with 400.",
    applies_to=_echoed,
    needs=("headers", "request"),
    apis=COMPLETIONS,
    good=[
        texts(f"{PROMPT} Hello", **ECHO),
        stream(chunk(choice(PROMPT, finish=None)), chunk(choice(" Hello", finish="length")), **ECHO),
        texts(f"<s>{PROMPT}", **ECHO),
    ],
    bad=[texts(" Hello there", **ECHO), stream(chunk(choice(" Hello", finish="length")), **ECHO)],
)
def dropped_echo(x: Exchange) -> Iterator[Finding]:
    """Programs cut the prompt off by its length: the beginning of the completion is lost, and a score has other tokens.

    CPL004 reports a choice that begins with the prompt of another.
    """
    missing = [
        index
        for index, text, prompt in with_prompts(x)
        if not any(has_prompt(text, each) for each in (prompt, *text_prompts(x)))
    ]
    if missing and not warned(x, "echo"):
        seen = f"`echo: true` was silently ignored: choice {missing[0]} does not begin with its prompt"
        yield Finding(seen, at=span_of(x))


def _alone(x: Exchange) -> NotJudged | None:
    """Complete choices were received for one prompt, a text that the request does not ask for."""
    if request_body(x).get("echo") or len(text_prompts(x)) != 1:
        return OUT_OF_SCOPE
    return probe_is(Kind.BASELINE, Kind.EFFECT, Kind.REPEAT)(x) or finished(x)


@rule(
    "CPL006",
    MUST,
    "The text does not begin with the prompt unless echo is true",
    spec=SPEC,
    fix="Return only what follows the prompt: cut the prompt's tokens off before decoding the rest.",
    applies_to=_alone,
    apis=COMPLETIONS,
    good=[(texts(" Hello.", **BASELINE), texts("One", **OTHER))],
    bad=[(texts(f"{PROMPT} Hello.", **BASELINE), texts(f"{OTHER_PROMPT} One", **OTHER))],
    compares_with={"others": Compare((Kind.BASELINE, Kind.EFFECT, Kind.REPEAT), many=True, any_profile=True)},
)
def prompt_repeated(x: Exchange, others: Sequence[Exchange]) -> Iterator[Finding | NotJudged]:
    """The user reads their own prompt, and a program that appends the text to its prompt sends and pays for it twice.

    A model may repeat a prompt on its own, so each of several prompts must be repeated.
    """
    if not _repeats(x):
        return
    different = [other for other in others if text_prompts(other) != text_prompts(x) and not _alone(other)]
    if different and all(map(_repeats, different)):
        (prompt,) = text_prompts(x)
        seen = f"the text begins with the prompt, {display(prompt)}, without `echo`, as in each other response"
        yield Finding(seen, at=span_of(x))
    else:
        yield untestable("the text begins with the prompt, but other responses do not: the model may have repeated it")


def _repeats(x: Exchange) -> bool:
    """Whether every choice begins with the prompt, to the letter."""
    found = list(with_prompts(x))
    return bool(found) and all(text.startswith(prompt) for _, text, prompt in found)


def _with_no_token(x: Exchange) -> NotJudged | None:
    """The request allows no token, and its prompts are echoed."""
    if request_body(x).get("max_tokens") != 0:
        return OUT_OF_SCOPE
    if skip := _echoed(x):
        return skip
    is_honoured = all(has_prompt(text, prompt) for _, text, prompt in with_prompts(x))
    return None if is_honoured else untestable("the text does not begin with the prompt (see CPL005)")


@rule(
    "CPL008",
    MUST,
    "max_tokens: 0 generates no text, or is rejected",
    spec=f"{CREATE}#completions/create-max_tokens",
    fix="Return the echoed prompt alone if `max_tokens` is 0, or reject 0 with 400: do not treat it as a missing value.",
    applies_to=_with_no_token,
    apis=COMPLETIONS,
    good=[texts(PROMPT, **SCORE), texts(f"<s>{PROMPT}\n", **SCORE)],
    bad=[texts(f"{PROMPT} Hello", **SCORE)],
)
def text_without_tokens(x: Exchange) -> Iterator[Finding]:
    """Evaluations score a prompt this way: generated tokens are added to each score, and billed."""
    for index, text, prompt in with_prompts(x):
        if more := after_prompt(text, prompt):
            seen = f"choice {index} has {display(more)} after its prompt, although `max_tokens` is 0"
            yield Finding(seen, at=span_of(x))


def _continued(x: Exchange) -> NotJudged | None:
    """The prompts are echoed, and some tokens were to be generated after them, at temperature 0."""
    is_greedy = request_body(x).get("temperature") == 0
    if x.case.kind is not Kind.EFFECT or not is_greedy or requested_cap(x) < FEWEST:
        return OUT_OF_SCOPE
    if skip := _echoed(x):
        return skip
    is_honoured = all(has_prompt(text, prompt) for _, text, prompt in with_prompts(x))
    return None if is_honoured else untestable("the text does not begin with the prompt (see CPL005)")


ALONE: Final = texts(f" {HELLO}", **asking("twin", "", max_tokens=16, temperature=0))


@rule(
    "CPL015",
    MUST,
    "With echo, the completion follows the prompt, which is there once",
    spec=SPEC,
    fix="Return the prompt once, and then the generated text, in each choice and in the stream.",
    applies_to=_continued,
    apis=COMPLETIONS,
    good=[
        (texts(f"{PROMPT} Hello", **ECHO), ALONE, ALONE),
        (texts(PROMPT, **ECHO), ALONE, ALONE),
        (texts(f"{PROMPT} {PROMPT}", **ECHO), texts(f" {PROMPT}", **BASELINE), texts(f" {PROMPT}", **BASELINE)),
    ],
    bad=[
        (whole(choice(PROMPT, finish="length"), **ECHO), ALONE, ALONE),
        (texts(f"{PROMPT}{PROMPT} Hello", **ECHO), ALONE, ALONE),
        (stream(chunk(choice(PROMPT, finish=None)), chunk(choice("", finish="length")), **ECHO), ALONE, ALONE),
    ],
    compares_with={
        "alone": Compare(Kind.REPEAT, mode="unary"),
        "again": Compare(Kind.REPEAT, repeat=1, mode="unary"),
    },
)
def completion_lost_after_its_prompt(x: Exchange, alone: Exchange, again: Exchange) -> Iterator[Finding | NotJudged]:
    """The client pays for tokens that it never gets, or treats its own prompt as the model's text.

    The same prompt without `echo`, twice at temperature 0, shows whether the model continues it with visible text.
    """
    ends = {choice.index: choice.end or choice.finish for choice in response_content(x).choices}
    for index, text, prompt in with_prompts(x):
        more = after_prompt(text, prompt)
        is_lost, is_double = not more and ends[index] == "length", has_prompt(more, prompt)
        if not (is_lost or is_double):
            continue
        if why := _unlike(prompt, alone, again):
            yield why
        elif is_lost:
            yield Finding(f"choice {index} was cut at its token cap, but has nothing after its prompt", at=span_of(x))
        elif not has_prompt("".join(_texts(alone)), prompt):
            yield Finding(f"choice {index} begins with its prompt twice: {display(text[:80])}", at=span_of(x))


def _unlike(prompt: str, alone: Exchange, again: Exchange) -> NotJudged | None:
    """Why the prompt alone does not show that the first tokens after it have visible text."""
    if skip := finished(alone) or finished(again):
        return skip
    if text_prompts(alone) != (prompt,):
        return untestable("this prompt is not sent without `echo`")
    if _texts(alone) != _texts(again):
        return untestable("two responses to the prompt without `echo` differ at temperature 0")
    begin = "".join(_texts(alone))[:FEWEST]  # a token has a character at least, if it is no part of one
    is_visible = begin.isascii() and begin.strip()
    return None if is_visible else untestable("the prompt alone is not continued by visible text at once")


def _texts(x: Exchange) -> tuple[str, ...]:
    return tuple(choice.text for choice in response_content(x).choices)


def _suffixed(x: Exchange) -> NotJudged | None:
    """The suffix is long enough to show in usage, and the response has usage."""
    if x.case.kind is not Kind.EFFECT or x.case.subject != "suffix":
        return OUT_OF_SCOPE
    return counted_well(x)


@rule(
    "CPL009",
    SHOULD,
    "suffix is honoured or rejected",
    spec=f"{CREATE}#completions/create-suffix",
    fix="Pass the suffix to a model that can insert text, and count it; or reject any suffix but null with 400.",
    applies_to=_suffixed,
    needs=("headers",),
    apis=COMPLETIONS,
    good=[whole(prompt=110, **LONG)],
    bad=[whole(prompt=3, **LONG)],
)
def dropped_suffix(x: Exchange) -> Iterator[Finding]:
    """An editor asks for code between two texts, and gets a continuation of the first that repeats the second.

    Usage shows whether the model read the suffix: it has a hundred words, each of at least one token.
    """
    spent = usage(x)
    if spent and spent.prompt < LONG_INSTRUCTIONS:
        seen = f"`suffix` was silently ignored: it has {LONG_INSTRUCTIONS} words, but usage counts {spent.prompt} prompt tokens"
        yield Finding(seen, at=at(x, reports(x)[-1]))
