"""What a stream tells beside its text against what the whole answer tells: counts, names, refusals."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import labels, place
from conformance.apis.errors import Refusal, refusal
from conformance.apis.request import asked
from conformance.apis.response_content import answer
from conformance.apis.usage import usage
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MAY, SHOULD, Finding, Skip, not_applicable
from conformance.parsing.json_values import mapping, shown
from conformance.rules.eqv.conditions import alike, counted, told
from conformance.rules.eqv.example import STREAM, UNARY, counts, stream, unary
from conformance.rules.eqv.spec import CHAT, CHUNK, ERRORS, USAGE
from conformance.rules.err.mistakes import mistaken
from conformance.rules.example import HELLO, answered, chunk, completion, error, streamed

PROMPT = ("messages", "system", "input", "instructions", "tools", "response_format", "text")
"""The fields of a request that the model reads, in any API."""
SPECIAL = 3
"""Tokens that end a turn or open it: counted here and not there, and never shown."""


@rule(
    "EQV005",
    SHOULD,
    "The same prompt counts the same, streaming or not",
    spec=USAGE,
    fix="Count the prompt in one place, cached tokens included, before it is decided whether to stream.",
    when=counted,
    good=[(STREAM, UNARY)],
    bad=[(stream(usage=counts(prompt=9)), UNARY), (STREAM, unary(usage=counts(prompt=0)))],
)
def prompt_counted_otherwise(stream: Exchange, unary: Exchange) -> Iterator[Finding | Skip]:
    """The same request has two prices, and what is left of the context depends on how it was asked.

    Tokens are counted, not drawn: an equal prompt has an equal count. A copy from a cache is still a part of it.
    """
    late, whole = usage(stream), usage(unary)
    if any(asked(stream).get(name) != asked(unary).get(name) for name in PROMPT):
        yield not_applicable("the framework sends another prompt when streaming")
    elif late and whole and late.prompt != whole.prompt:
        yield Finding(
            f"usage counts {late.prompt} prompt tokens streaming and {whole.prompt} without", at=place(stream)
        )


@rule(
    "EQV006",
    SHOULD,
    "The same answer counts the same, streaming or not",
    spec=USAGE,
    fix="Take completion_tokens from the engine in both modes; do not count chunks.",
    when=counted,
    good=[(STREAM, UNARY), (stream(usage=counts(words=4)), UNARY)],
    bad=[(stream(usage=counts(words=9)), UNARY), (stream(usage=counts(words=1)), unary(usage=counts(words=8)))],
)
def answer_counted_otherwise(stream: Exchange, unary: Exchange) -> Iterator[Finding | Skip]:
    """The same answer has two prices. Tokens that end a turn are counted by some, thoughts differ from time to time."""
    late, whole = usage(stream), usage(unary)
    if skip := alike(stream, unary):
        yield skip
    elif _thinks(stream) or _thinks(unary):
        yield not_applicable("the model thought before it answered")
    elif late and whole and abs(late.completion - whole.completion) > SPECIAL:
        seen = f"usage counts {late.completion} completion tokens streaming and {whole.completion} without"
        yield Finding(f"{seen}, for the same answer", at=place(stream))


def _thinks(x: Exchange) -> bool:
    details = mapping(mapping(answer(x).usage).get("completion_tokens_details"))
    return bool(details.get("reasoning_tokens")) or any(choice.reasoning for choice in answer(x).choices)


@rule(
    "EQV007",
    SHOULD,
    "A stream names the model that a whole answer names",
    spec=f"{CHUNK}#chat/streaming-model",
    fix="Write the name of the model that answers, in both modes from the same place.",
    when=told,
    good=[(STREAM, UNARY), (streamed(*HELLO[:-1]), UNARY)],
    bad=[(streamed(*(chunk({"content": t}, model="gpt") for t in ("Hi", "!"))), UNARY)],
)
def another_model(stream: Exchange, unary: Exchange) -> Iterator[Finding | Skip]:
    """Costs and logs are kept by that name: the same use is booked under two, or under one that has no price."""
    late, whole = answer(stream).models, answer(unary).models
    if not late or not whole:
        yield not_applicable("no model is named in one of the modes")
    elif not {*late} & {*whole}:
        yield Finding(f"the model is {shown(late[0])} streaming and {shown(whole[0])} without", at=place(stream))


OF_THE_SYSTEM = ("system_fingerprint", "service_tier")
MARKED = answered(completion(system_fingerprint="fp_1"))


@rule(
    "EQV008",
    MAY,
    "A stream tells of its system what a whole answer tells",
    spec=f"{CHUNK}#chat/streaming-system_fingerprint",
    fix="Put `system_fingerprint` and `service_tier` into the chunks, too, or into neither.",
    when=told,
    apis=CHAT,
    good=[(STREAM, UNARY), (streamed(chunk({"content": "Hi"}, system_fingerprint="fp_2")), MARKED)],
    bad=[(STREAM, MARKED), (streamed(chunk({"content": "Hi"}, service_tier="flex")), UNARY)],
)
def system_told_in_one_mode(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """Who compares results by the fingerprint, or checks the tier that is paid for, is blind in the other mode."""
    for name in OF_THE_SYSTEM:
        late, whole = labels(stream, name), labels(unary, name)
        if bool(late) != bool(whole):
            where = "streaming" if late else "without streaming"
            yield Finding(f"`{name}` is told {where} only", at=place(stream))


ROLE: dict[str, Any] = {"probe": "chat.mistake.bad-role"}


def _refusing(x: Exchange) -> Skip | None:
    if skip := mistaken(x):
        return skip
    said = refusal(x)
    is_early = 400 <= said.status < 500 and said.kind in ("openai", "anthropic")
    return None if is_early else not_applicable("the mistake was not refused with an error object")


@rule(
    "EQV004",
    SHOULD,
    "A mistake is refused in the same words, streaming or not",
    spec=ERRORS,
    fix="Validate both kinds of request in the same place, and build the error there.",
    when=_refusing,
    good=[
        (answered(error(param="p"), status=400, mode="stream", **ROLE), answered(error(param="p"), status=400, **ROLE))
    ],
    bad=[
        (
            answered(error(), status=400, mode="stream", **ROLE),
            answered(error(param="messages[0].role", code="invalid_value"), status=400, **ROLE),
        )
    ],
)
def refused_in_other_words(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """A client that acts on the type, code or param of an error does not know it again in the other mode."""
    late, early = refusal(stream), refusal(unary)
    for name in ("type", "param", "code"):
        if _word(late, name) != _word(early, name):
            seen = f"`error.{name}` is {_word(late, name)} streaming and {_word(early, name)} without, for the same mistake"
            yield Finding(seen, at=late.at)


def _word(said: Refusal, name: str) -> str:
    return shown(said.error.get(name))
