"""Whether reasoning is counted, and what happens where it uses up the token cap."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import span_of
from conformance.apis.request_fields import requested_cap, requested_choices
from conformance.apis.response_content import response_content
from conformance.apis.responses import contents, output, response_states
from conformance.apis.usage import reasoning_tokens, reports, usage
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import CONVERSATIONAL
from conformance.parsing.json_values import as_string
from conformance.rules.conditions_by_api import finished
from conformance.rules.example import answered, chunk, completion, streamed
from conformance.rules.msg.example import message
from conformance.rules.rsn.conditions import reasoned, shown, shows
from conformance.rules.rsn.spec import OPENAI

WORDS = 3
"""Words of reasoning that are at least one token."""
THOUGHT = {"reasoning_content": "They greet me, so I greet them."}


def counts(completion_tokens: int, reasoning: int | None = None) -> dict[str, Any]:
    """A usage with these counts."""
    details = {} if reasoning is None else {"completion_tokens_details": {"reasoning_tokens": reasoning}}
    return {
        "prompt_tokens": 3,
        "completion_tokens": completion_tokens,
        "total_tokens": 3 + completion_tokens,
        **details,
    }


def _words(x: Exchange) -> int:
    """The words of reasoning that is shown; OpenAI counts no tokens for a reasoning that is only summarized."""
    if x.api != "responses":
        return len(shown(x).split())
    items = [item for state in response_states(x)[-1:] for item in output(state) if item.get("type") == "reasoning"]
    return sum(len(as_string(part.get("text")).split()) for item in items for part in contents(item))


def _counted(x: Exchange) -> NotJudged | None:
    if skip := finished(x) or shows(x):
        return skip
    if _words(x) < WORDS:
        return not_applicable("the response shows only a few words of reasoning")
    return None if reasoning_tokens(x) is not None else not_applicable("the usage does not count reasoning tokens")


@rule(
    "RSN006",
    SHOULD,
    "Usage does not count 0 reasoning tokens for reasoning that is shown",
    spec=OPENAI,
    fix="Count the tokens of the reasoning in the details of the usage, or leave the details out.",
    applies_to=_counted,
    apis=CONVERSATIONAL,
    good=[answered(completion(THOUGHT, usage=counts(11, 8)))],
    bad=[answered(completion(THOUGHT, usage=counts(11, 0)))],
)
def uncounted_thoughts(x: Exchange) -> Iterator[Finding]:
    """Users who look for the reason of a bill see no reasoning in it."""
    if reasoning_tokens(x) == 0:
        seen = f"usage counts 0 reasoning tokens, but the response shows {_words(x)} words of reasoning"
        yield Finding(seen, at=span_of(x, reports(x)[-1].event))


CAPPED: dict[str, Any] = {"body": {"max_tokens": 8}}
NOTHING = chunk({"role": "assistant", "content": ""})


def _used_up(x: Exchange) -> NotJudged | None:
    """Reasoning reached the request's token cap before anything else was generated."""
    if skip := reasoned(x):
        return skip
    choices, cap, spent = response_content(x).choices, requested_cap(x), usage(x)
    if requested_choices(x) > 1 or len(choices) != 1 or not cap:
        return not_applicable("the request sets no token cap for a single choice")
    if not choices[0].is_empty:
        return not_applicable("the response has more than reasoning")
    if not spent:
        return untestable("the response has no usage")
    return None if spent.completion >= cap else not_applicable("the reasoning did not reach the token cap")


@rule(
    "RSN007",
    MUST,
    "A response whose token cap was used up by reasoning does not claim a natural end",
    spec=OPENAI,
    fix="Set the finish reason for the token cap: length, max_tokens, or status incomplete.",
    applies_to=_used_up,
    apis=CONVERSATIONAL,
    good=[answered(completion(THOUGHT | {"content": ""}, "length", usage=counts(8, 8)), **CAPPED)],
    bad=[
        answered(completion(THOUGHT | {"content": ""}, "stop", usage=counts(8, 8)), **CAPPED),
        streamed(NOTHING, chunk(finish="stop"), chunk(choices=[], usage=counts(8, 8)), "[DONE]", **CAPPED),
        message(
            content=[{"type": "thinking", "thinking": "Hm.", "signature": "x"}],
            usage={"input_tokens": 3, "output_tokens": 8},
            body_fields={"max_tokens": 8},
        ),
    ],
)
def cap_used_up_in_silence(x: Exchange) -> Iterator[Finding]:
    """Agents treat the empty response as complete: the user sees nothing, and the cap is not raised."""
    choice = response_content(x).choices[0]
    if choice.end == "stop":
        seen = f"the response is empty, its reasoning reached the token cap of {requested_cap(x)}"
        at = choice.finish_events[0] if choice.finish_events else None
        yield Finding(f"{seen}, but its finish reason is {choice.finish}", at=span_of(x, at))
