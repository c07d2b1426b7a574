"""Lists of prompts, as text or as token IDs: each gets its choices, in order, and is counted."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.chat import span_of
from conformance.apis.echoed import has_prompt, prompts, text_prompts, with_prompts
from conformance.apis.request import request_body
from conformance.apis.request_fields import echoes, requested_choices
from conformance.apis.response_content import response_content
from conformance.apis.usage import reports, usage
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.json_values import display, is_integer
from conformance.rules.conditions_by_api import finished
from conformance.rules.cpl.example import asking, choice, chunk, stream, texts, whole
from conformance.rules.cpl.spec import COMPLETIONS, CREATE
from conformance.rules.use.conditions import at, counted_well

SPEC: Final = f"{CREATE}#completions/create-prompt"
FIRST, SECOND = "Count to ten.", "Count to six."
TWO: Final = asking("form", "prompts", prompt=[FIRST, SECOND], max_tokens=4)
ECHOED: Final = asking("witness", "echo.prompts", prompt=[FIRST, SECOND], echo=True, max_tokens=4)
ALONE: Final = asking("twin", "", prompt=SECOND, max_tokens=4)
IDS: Final = asking("form", "token-ids", prompt=[70, 71, 72, 73, 74], max_tokens=4)
TWIN: Final = {
    "alone": Compare(Kind.REPEAT, mode="unary", optional=True),
    "again": Compare(Kind.REPEAT, repeat=1, mode="unary", optional=True),
}


def _listed(x: Exchange) -> NotJudged | None:
    """The request has several prompts, and the response has complete choices that can be told apart."""
    return finished(x) if len(prompts(x)) > 1 else OUT_OF_SCOPE


@rule(
    "CPL003",
    MUST,
    "Each prompt of a list gets its own choices",
    spec=SPEC,
    fix="Return `n` choices for each prompt, or reject a list of prompts with 400, and name `prompt`.",
    applies_to=_listed,
    apis=COMPLETIONS,
    good=[
        texts(" One", " One", **TWO),
        stream(chunk(choice(" One", 0, "length")), chunk(choice(" One", 1, "length")), **TWO),
    ],
    bad=[texts(" One", **TWO), stream(chunk(choice(" One", 0, "length")), **TWO)],
)
def prompt_without_choice(x: Exchange) -> Iterator[Finding]:
    """Evaluations send many prompts at once: results are missing, or are assigned to other prompts."""
    found = len(response_content(x).choices)
    if found < len(prompts(x)):
        seen = f"the request has {len(prompts(x))} prompts, but the response has {found} choice(s)"
        yield Finding(seen, at=span_of(x), expected=f"{requested_choices(x)} choices")


def _ordered(x: Exchange) -> NotJudged | None:
    """As _listed, where the response can show whose a choice is."""
    is_form = x.case.kind is Kind.ACCEPTED_FORM and x.case.subject == "prompts"
    return _listed(x) if is_form or (echoes(x) and text_prompts(x)) else OUT_OF_SCOPE


@rule(
    "CPL004",
    MUST,
    "The choices are in the order of their prompts",
    spec=SPEC,
    fix="Set index to the position of the prompt in the list, times `n`: not to the order in which the completions end.",
    applies_to=_ordered,
    apis=COMPLETIONS,
    good=[
        (texts(f"{FIRST} One", f"{SECOND} Two", **ECHOED), texts("Two", **ALONE), texts("Two", **ALONE)),
        (texts(" One", " Two", **TWO), texts(" Two", **ALONE), texts(" Two", **ALONE)),
    ],
    bad=[
        (texts(f"{SECOND} Two", f"{FIRST} One", **ECHOED), texts("Two", **ALONE), texts("Two", **ALONE)),
        (texts(" Two", " One", **TWO), texts(" Two", **ALONE), texts(" Two", **ALONE)),
    ],
    compares_with=TWIN,
)
def choices_out_of_order(x: Exchange, alone: Exchange | None, again: Exchange | None) -> Iterator[Finding | NotJudged]:
    """Each result is that of another prompt, and nothing shows it: every score of an evaluation is wrong.

    An echoed prompt shows whose choice it is. Without one, a prompt that is also sent alone, at temperature 0, does.
    """
    if echoes(x):
        yield from _swapped_echoes(x)
    elif alone and again and not (finished(alone) or finished(again)):
        yield from _swapped_texts(x, alone, again)
    else:
        yield untestable("one of the prompts alone did not get a complete response")


def _swapped_echoes(x: Exchange) -> Iterator[Finding | NotJudged]:
    shown = {prompt for prompt in text_prompts(x) if any(has_prompt(text, prompt) for text in _texts(x))}
    for index, text, prompt in with_prompts(x):
        others = [other for other in text_prompts(x) if other != prompt and has_prompt(text, other)]
        if others and prompt in shown and not has_prompt(text, prompt):
            seen = f"choice {index} begins with the prompt {display(others[0])}; its own is {display(prompt)}"
            yield Finding(seen, at=span_of(x))


def _swapped_texts(x: Exchange, alone: Exchange, again: Exchange) -> Iterator[Finding | NotJudged]:
    prompt, expected = next(iter(prompts(alone)), None), "".join(_texts(alone))
    if not expected.strip() or _texts(again) != (expected,):
        yield untestable("two responses to one of the prompts alone differ at temperature 0, or are empty")
        return
    own = {text for _, text, for_prompt in with_prompts(x) if for_prompt == prompt}
    others = {text for _, text, for_prompt in with_prompts(x) if for_prompt != prompt}
    if not own or not others:
        yield untestable("a prompt has no choice (see CPL003)")
    elif expected in others and expected not in own:
        seen = f"the response to {display(prompt)} alone is {display(expected)}, which is here the choice of another prompt"
        yield Finding(seen, at=span_of(x))
    elif expected not in own:
        yield untestable("neither choice is as the response to one of the prompts alone")


def _texts(x: Exchange) -> tuple[str, ...]:
    return tuple(choice.text for choice in response_content(x).choices)


def _counted_list(x: Exchange) -> NotJudged | None:
    """Two prompts of the same length are counted, one of which is also sent alone."""
    is_form = x.case.kind is Kind.ACCEPTED_FORM and x.case.subject == "prompts"
    return counted_well(x) if is_form else OUT_OF_SCOPE


@rule(
    "CPL010",
    SHOULD,
    "Usage counts the tokens of every prompt",
    spec=SPEC,
    fix="Add up the prompt tokens of all prompts of the request.",
    applies_to=_counted_list,
    apis=COMPLETIONS,
    good=[(texts(" One", " Two", prompt=8, **TWO), texts(" Two", prompt=4, **ALONE))],
    bad=[(texts(" One", " Two", prompt=4, **TWO), texts(" Two", prompt=4, **ALONE))],
    compares_with={"alone": Compare(Kind.REPEAT, mode="unary")},
)
def prompts_not_counted(x: Exchange, alone: Exchange) -> Iterator[Finding | NotJudged]:
    """Cost and rate limits are computed from usage: all prompts but one are missing.

    Both prompts are about as long as the one that is sent alone: at least one and a half times its tokens are expected.
    """
    spent, single = usage(x), usage(alone)
    if not spent or not single or not single.prompt:
        yield untestable("usage is missing in one of the compared responses")
    elif 2 * spent.prompt < 3 * single.prompt:
        seen = f"usage counts {spent.prompt} prompt tokens for two prompts, and {single.prompt} for one of them alone"
        yield Finding(seen, at=at(x, reports(x)[-1]))


def token_ids(x: Exchange) -> list[list[Any]]:
    """The prompts of the request, if all are lists of token IDs; else none."""
    found = prompts(x)
    are_ids = all(isinstance(prompt, list) and prompt and all(map(is_integer, prompt)) for prompt in found)
    return list(found) if are_ids else []


def _of_ids(x: Exchange) -> NotJudged | None:
    if not token_ids(x):
        return OUT_OF_SCOPE
    more = request_body(x).get("suffix")
    return not_applicable("the request has a suffix, which is counted, too") if more else counted_well(x)


@rule(
    "CPL007",
    SHOULD,
    "A prompt of token IDs has as many prompt tokens",
    spec=SPEC,
    fix="Pass token IDs to the model as they are: not as text, and without a token at the beginning.",
    applies_to=_of_ids,
    needs=("request",),
    apis=COMPLETIONS,
    good=[whole(prompt=5, **IDS)],
    bad=[whole(prompt=6, **IDS), whole(prompt=21, **IDS), whole(prompt=1, **IDS)],
)
def token_ids_not_taken_as_they_are(x: Exchange) -> Iterator[Finding]:
    """A client that sends token IDs has counted them: the model reads another prompt than the one that is evaluated."""
    spent, sent = usage(x), sum(map(len, token_ids(x)))
    if spent and spent.prompt != sent:
        seen = f"usage counts {spent.prompt} prompt tokens for {sent} token IDs"
        yield Finding(seen, at=at(x, reports(x)[-1]))
