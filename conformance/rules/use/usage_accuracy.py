"""Whether the counts are plausible for the prompt sent and the text received."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.logprobs import UNREADABLE, joined_tokens
from conformance.apis.request_fields import (
    echoes,
    prompt_length,
    requested_candidates,
    requested_cap,
    requested_choices,
)
from conformance.apis.response_content import response_content
from conformance.apis.usage import exceeds_cap, reasoning_tokens, reports, usage
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import OUT_OF_SCOPE, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE, WITH_CHOICES
from conformance.rules.example import answered, completion
from conformance.rules.par.logprobs import is_spelt, spelling
from conformance.rules.use.conditions import at, bounded, capped, counted_once, counted_well, cut, has_one_model_call
from conformance.rules.use.example import CAPPED, STREAM, WHOLE, usage_object, with_usage
from conformance.rules.use.spec import CAP, OBJECT

TEXT_PER_TOKEN = 1000
"""Characters; prose has four or five per token, and no tokenizer's vocabulary has many tokens as long as this."""

ADDED = 32_768
"""Tokens that a server may add to a prompt: its chat template, its own instructions, and what it searched for."""

LARGE = {"messages": [{"role": "user", "content": "Say hello. " * 600}]}
SHORT: dict[str, Any] = {"probe": "chat.witness.max_tokens", "body": CAPPED}
TWO_CHOICES: dict[str, Any] = {"probe": "chat.n", "body": {"n": 2}}
BOTH_CUT = [completion(finish="length")["choices"][0] | {"index": index} for index in (0, 1)]
THIRTY_WORDS = completion({"content": "word " * 30})


@rule(
    "USE008",
    SHOULD,
    "Usage does not count 0 tokens for the prompt, or for a response that is not empty",
    spec=OBJECT,
    fix="Take the counts from the engine, and report 0 only if nothing was generated.",
    applies_to=counted_well,
    needs=("request",),
    apis=GENERATIVE,
    good=[STREAM, WHOLE, answered(completion({"content": ""}, usage=usage_object(words=0, total=3)))],
    bad=[with_usage(words=0, total=3), with_usage(prompt=0, total=3)],
)
def usage_of_nothing(x: Exchange) -> Iterator[Finding]:
    """Cost and context size are computed from usage: with zeros the bill is empty, and the context overflows unnoticed."""
    spent = usage(x)
    if not spent:
        return
    if spent.prompt == 0:
        yield Finding("usage counts 0 prompt tokens", at=at(x, reports(x)[-1]))
    has_content = any(choice.pieces or choice.calls for choice in response_content(x).choices)
    if spent.completion == 0 and has_content and not echoes(x):
        yield Finding(
            "usage counts 0 completion tokens, but the response has content or tool calls", at=at(x, reports(x)[-1])
        )


@rule(
    "USE010",
    SHOULD,
    "Usage counts the complete prompt",
    spec=OBJECT,
    fix="Count the tokens of all messages, the tools and the chat template, cached tokens included.",
    applies_to=has_one_model_call,
    needs=("request",),
    apis=GENERATIVE,
    good=[
        WHOLE,
        answered(completion(usage=usage_object(prompt=1800, total=1803)), body=LARGE),
        answered(completion(usage=usage_object(prompt_tokens_details={"cached_tokens": 1800})), body=LARGE),
    ],
    bad=[answered(completion(usage=usage_object(prompt=1, total=4)), body=LARGE)],
)
def prompt_hardly_counted(x: Exchange) -> Iterator[Finding]:
    """Agents shorten their history by this count: if it is too small, the context overflows unnoticed.

    Up to 1000 characters per token are tolerated, though prose has four or five.
    """
    spent, length = usage(x), prompt_length(x)
    if spent and spent.prompt and length > TEXT_PER_TOKEN * (spent.prompt + spent.cached) + TEXT_PER_TOKEN:
        seen = f"usage counts {spent.prompt} prompt tokens for {length} characters of messages"
        yield Finding(seen, at=at(x, reports(x)[-1]))


@rule(
    "USE018",
    SHOULD,
    "Usage does not count more prompt tokens than the request can have",
    spec=OBJECT,
    fix="Count the tokens of this request only, and each once: look for a counter that is never reset.",
    applies_to=bounded,
    apis=GENERATIVE,
    good=[WHOLE, answered(completion(usage=usage_object(prompt=4000, total=4003)))],
    bad=[answered(completion(usage=usage_object(prompt=100_000, total=100_003)))],
)
def prompt_overcounted(x: Exchange) -> Iterator[Finding]:
    """The user pays for tokens that were not sent, and agents shorten a history that is short already.

    A token has a byte at least; 32768 tokens more are allowed, for what the server adds, such as its own instructions.
    """
    spent, most = usage(x), len(x.sent.partition(b"\r\n\r\n")[2])
    if spent and spent.prompt > most + ADDED:
        seen = f"usage counts {spent.prompt} prompt tokens for a request body of {most} bytes"
        yield Finding(seen, at=at(x, reports(x)[-1]), expected="a token has at least one byte")


@rule(
    "USE011",
    SHOULD,
    "Usage counts all completion tokens",
    spec=OBJECT,
    fix="Count all generated tokens, not the chunks or the tokens of the last step.",
    applies_to=counted_once,
    needs=("request",),
    apis=GENERATIVE,
    good=[STREAM, WHOLE, answered(THIRTY_WORDS | {"usage": usage_object(words=30, total=33)})],
    bad=[
        answered(THIRTY_WORDS | {"usage": usage_object(words=1, total=4)}),
        answered(completion({"reasoning_content": "Hm. " * 30}, usage=usage_object(words=3))),
    ],
)
def completion_undercounted(x: Exchange) -> Iterator[Finding]:
    """Cost is computed from this count. A token rarely spans more than a word, so two words per token are tolerated.

    Of Responses only the text is compared: another model may have written the summary of its reasoning.
    """
    spent = usage(x)
    words = sum(
        len(f"{'' if x.api == 'responses' else c.reasoning} {c.text}".split()) for c in response_content(x).choices
    )
    if spent and spent.completion and words > 2 * spent.completion + 4:
        seen = f"usage counts {spent.completion} completion tokens for {words} words"
        yield Finding(seen, at=at(x, reports(x)[-1]))


@rule(
    "USE009",
    SHOULD,
    "Usage does not exceed the request's token cap",
    spec=CAP,
    fix="Stop the model at max_tokens or max_completion_tokens, reasoning included, and count all generated tokens.",
    applies_to=capped,
    needs=("request",),
    apis=GENERATIVE,
    good=[
        answered(completion(usage=usage_object(words=8, total=11)), body=CAPPED),
        answered(completion(usage=usage_object(words=9, total=12)), body=CAPPED),
        answered(completion(usage=usage_object(words=16, total=19)), body=CAPPED | {"n": 2}),
    ],
    bad=[answered(completion(usage=usage_object(words=20, total=23)), body=CAPPED)],
)
def over_the_cap(x: Exchange) -> Iterator[Finding]:
    """The token cap limits what a user pays. One extra token per choice is tolerated: some servers count the end token."""
    spent, cap, choices = usage(x), requested_cap(x), requested_candidates(x)
    if spent and exceeds_cap(x):
        seen = f"usage counts {spent.completion} completion tokens, above the token cap of {cap}" + (
            f" for each of {choices} choices" if choices > 1 else ""
        )
        yield Finding(seen, at=at(x, reports(x)[-1]))


@rule(
    "USE013",
    SHOULD,
    "With finish_reason length, usage reaches the token cap",
    spec=CAP,
    fix="Count every token of all choices; set `length` only if the request's token cap, or the context limit, was reached.",
    applies_to=cut,
    apis=GENERATIVE,
    good=[
        answered(completion(finish="length", usage=usage_object(words=8, total=11)), **SHORT),
        answered(completion(finish="length", usage=usage_object(words=7, total=10)), **SHORT),
    ],
    bad=[
        answered(completion(finish="length", usage=usage_object(words=3)), **SHORT),
        answered(
            completion(choices=BOTH_CUT, usage=usage_object(words=8, total=11)), **SHORT | {"body": CAPPED | {"n": 2}}
        ),
    ],
)
def cap_not_used(x: Exchange) -> Iterator[Finding]:
    """Either the count or the finish_reason is wrong: the bill is too small, or complete content is requested again.

    One missing token per choice is tolerated.
    """
    spent, cap, choices = usage(x), requested_cap(x), requested_choices(x)
    if spent and spent.completion < (cap - 1) * choices:
        what = "the response has" if choices == 1 else f"{choices} choices have"
        seen = f"{what} finish_reason length at a token cap of {cap}, but usage counts {spent.completion} completion tokens"
        yield Finding(seen, at=at(x, reports(x)[-1]))


def _several(x: Exchange) -> NotJudged | None:
    return counted_well(x) if x.case.kind is Kind.CHOICES else OUT_OF_SCOPE


PLAIN = answered(completion(usage=usage_object(prompt=20, total=23)))


@rule(
    "USE014",
    SHOULD,
    "Usage counts the prompt once, whatever n is",
    spec=OBJECT,
    fix="Count the prompt tokens once per request, not once per choice.",
    applies_to=_several,
    apis=WITH_CHOICES,
    modes=("unary",),
    good=[(answered(completion(usage=usage_object(prompt=20, total=23)), **TWO_CHOICES), PLAIN)],
    bad=[(answered(completion(usage=usage_object(prompt=40, total=43)), **TWO_CHOICES), PLAIN)],
)
def prompt_counted_for_each_choice(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients that request five choices to save four prompts pay for five.

    The prompt is that of the baseline request; a count from 1.5 times its count fails.
    """
    spent, plain = usage(x), usage(baseline)
    if not plain or not plain.prompt:
        yield untestable("the usage of the baseline request counts no prompt tokens")
    elif spent and spent.prompt >= 1.5 * plain.prompt:
        seen = f"usage counts {spent.prompt} prompt tokens for `n: {requested_choices(x)}`, but {plain.prompt} for one choice"
        yield Finding(seen, at=at(x, reports(x)[-1]))


def logged(words: int) -> Exchange:
    """A completion of two tokens, for which usage counts `words` tokens."""
    tokens = {"content": [{"token": text, "logprob": -0.5} for text in ("Hello", " there.")]}
    choice = completion()["choices"][0] | {"logprobs": tokens}
    return answered(completion(choices=[choice], usage=usage_object(words=words)), body={"logprobs": True})


def _spelt(x: Exchange) -> NotJudged | None:
    """The tokens with log probabilities join to the text of the only choice, and the response has usage."""
    if skip := spelling(x) or counted_once(x):
        return skip
    choices = response_content(x).choices
    tokens = joined_tokens(choices[0]) if len(choices) == 1 else ""
    if UNREADABLE in tokens:
        return untestable("a token is an incomplete character, and may have been held back")
    fits = tokens and is_spelt(x, choices[0].text, tokens)
    return None if fits else untestable("the tokens in logprobs do not join to the content (see PAR005)")


@rule(
    "USE012",
    SHOULD,
    "Usage counts as many completion tokens as logprobs has entries",
    spec=OBJECT,
    fix="Take completion_tokens from the engine, not from the chunks or the characters.",
    applies_to=_spelt,
    needs=("request",),
    apis=WITH_CHOICES,
    good=[logged(words=2), logged(words=3)],
    bad=[logged(words=9)],
)
def count_of_other_tokens(x: Exchange) -> Iterator[Finding]:
    """All tokens are listed in the response: a bill for another number can't be explained.

    A difference of one is tolerated: some servers count the end token, some list it. Reasoning may be listed or not.
    """
    spent, listed = usage(x), len(response_content(x).choices[0].logprobs)
    visible = spent.completion - (reasoning_tokens(x) or 0) if spent else 0
    if spent and min(abs(spent.completion - listed), abs(visible - listed)) > 1:
        seen = f"usage counts {spent.completion} completion tokens, but logprobs has {listed} entries"
        yield Finding(seen, at=at(x, reports(x)[-1]))
