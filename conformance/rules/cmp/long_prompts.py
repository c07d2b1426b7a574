"""Whether a framework's baseline request gets a response that is not empty, however long its prompt is."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import span_of
from conformance.apis.response_content import response_content
from conformance.apis.usage import usage
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.rules.cmp.example import GOOD
from conformance.rules.cmp.shape import SPEC
from conformance.rules.cmp.text import answered_once, most_unseen, visible_tokens
from conformance.rules.conditions import all_of, probe_is
from conformance.rules.example import answered, chunk, streamed
from conformance.rules.example import completion as whole

LONG: Any = {"body": {"messages": [{"role": "user", "content": "Say hello. " * 800}]}}
NONE = {"prompt_tokens": 2400, "completion_tokens": 0, "total_tokens": 2400}
LONG_STREAM = streamed(chunk({"role": "assistant", "content": "Hello."}), chunk(finish="stop"), "[DONE]", **LONG)
NO_STREAM = streamed(
    chunk({"role": "assistant", "content": ""}), chunk(finish="stop"), chunk(choices=[], usage=NONE), "[DONE]", **LONG
)
NO_TEXT = answered(whole({"content": ""}, usage=NONE), **LONG)


def is_nothing(x: Exchange) -> bool:
    """Whether a response ended by itself, with nothing for a user or an agent, and without reasoning."""
    choice = response_content(x).choices[0]
    return choice.is_empty and not choice.reasoning and choice.end == "stop"


def _prompt(x: Exchange) -> int:
    """The bytes of a request body: the prompt, and a few fields."""
    return len(x.sent.partition(b"\r\n\r\n")[2])


@rule(
    "CMP018",
    MUST,
    "A framework's baseline request does not get nothing where a shorter one gets content",
    spec=f"{SPEC}#chat/object-choices",
    fix="Look for a limit on the prompt's length: serve such prompts, or reject them with 400 context_length_exceeded.",
    applies_to=all_of(probe_is(Kind.BASELINE), answered_once),
    apis=GENERATIVE,
    compares_with={"others": Compare(Kind.BASELINE, mode="unary", many=True, any_profile=True)},
    good=[(LONG_STREAM, NO_TEXT, GOOD), (NO_STREAM, answered(whole(), **LONG), GOOD)],
    bad=[(NO_STREAM, NO_TEXT, GOOD)],
)
def nothing_for_a_long_prompt(
    stream: Exchange, unary: Exchange, others: tuple[Exchange, ...]
) -> Iterator[Finding | NotJudged]:
    """The framework's users see nothing, whatever they write, and pay for its prompt and every retry.

    A model may end its turn at once, and without randomness does so in both modes; but then it generates a token.
    CMP014 judges text that was generated and lost.
    """
    if not (is_nothing(stream) and is_nothing(unary)):
        return
    shorter = [x for x in others if _prompt(x) < _prompt(unary) and not answered_once(x) and not is_nothing(x)]
    if any((spent := usage(x)) and spent.reasoning for x in (stream, unary)):
        yield untestable("the model spent its tokens on hidden reasoning")
    elif any(visible_tokens(x) > most_unseen(response_content(x).choices[0]) for x in (stream, unary)):
        yield not_applicable("usage counts tokens that the response lacks (see CMP014)")
    elif all(map(visible_tokens, (stream, unary))):
        yield untestable("usage counts a token in both modes: the model may have ended its turn with it, each time")
    elif not shorter:
        yield untestable("no shorter baseline request has a response with content")
    else:
        least = min(shorter, key=_prompt)
        seen = f"the response to {_prompt(unary)} bytes of {unary.case.profile} is empty in both modes"
        yield Finding(f"{seen}, but {_prompt(least)} bytes of {least.case.profile} get content", at=span_of(stream))
